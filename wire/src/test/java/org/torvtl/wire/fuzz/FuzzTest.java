/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.torvtl.fuzz.FuzzTarget;

/**
 * Every fuzz target, with its corpus and what is near it; Jazzer for a moment, or {@code make
 * fuzz}.
 */
class FuzzTest {
  private static final int CHANGED_INPUTS = 2000, SECONDS = 10;

  static final List<Class<?>> TARGETS =
      List.of(
          EthernetFuzz.class,
          ArpFuzz.class,
          Ipv4Fuzz.class,
          IcmpFuzz.class,
          UdpFuzz.class,
          TcpFuzz.class);

  @ParameterizedTest
  @FieldSource("TARGETS")
  void holds(Class<?> target) throws Exception {
    FuzzTarget.assertHolds(target, CHANGED_INPUTS);
  }

  @ParameterizedTest
  @FieldSource("TARGETS")
  @Tag("long")
  void holdsWhenFuzzed(Class<?> target) throws Exception {
    FuzzTarget.assertHoldsWhenFuzzed(target, SECONDS);
  }
}
