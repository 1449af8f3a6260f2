/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.FuzzTarget;

/**
 * Every fuzz target, with its corpus and what is near it; Jazzer for a moment, or {@code make
 * fuzz}.
 */
class FuzzTest {
  private static final int CHANGED_INPUTS = 2000, SECONDS = 5;

  @Test
  void holds() throws Exception {
    FuzzTarget.assertHolds(ConnectionFuzz.class, CHANGED_INPUTS);
  }

  @Test
  @Tag("slow")
  void holdsWhenFuzzed() throws Exception {
    FuzzTarget.assertHoldsWhenFuzzed(ConnectionFuzz.class, SECONDS);
  }
}
