/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.FuzzTarget;

/**
 * Every fuzz target, with its corpus and what is near it; Jazzer for a moment, or {@code make
 * fuzz}.
 */
class FuzzTest {
  private static final int CHANGED_INPUTS = 2000, SECONDS = 10;

  @Test
  void holds() throws Exception {
    FuzzTarget.assertHolds(SocksExchangeFuzz.class, CHANGED_INPUTS);
  }

  @Test
  @Tag("long")
  void holdsWhenFuzzed() throws Exception {
    FuzzTarget.assertHoldsWhenFuzzed(SocksExchangeFuzz.class, SECONDS);
  }
}
