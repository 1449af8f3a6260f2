/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.fuzz.FuzzTarget;

/** Every fuzz target, for a moment. For longer there is {@code make fuzz}. */
class FuzzTest {
  private static final int SECONDS = 2;

  @ParameterizedTest
  @ValueSource(classes = DnsQueryFuzz.class)
  void holds(Class<?> target) throws Exception {
    FuzzTarget.assertHolds(target, SECONDS);
  }
}
