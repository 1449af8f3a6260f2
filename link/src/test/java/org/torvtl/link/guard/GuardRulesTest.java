/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.torvtl.link.guard.Segment.Port;

/** What the kernel makes of the statements: {@code HostIsolationTest} in e2e. */
class GuardRulesTest {
  private static final GuardRules RULES =
      new GuardRules("torvtl_guard_br0", 0x80000001, 0x40000002, 0x02_54_6F_72_56_4CL);

  private static Segment bridge(Port... guests) {
    var device = List.of(new Port(3, "br0"));
    return new Segment(
        device, List.of(), List.of(guests), List.of(), List.of(), List.of(), List.of(), device);
  }

  @Test
  void everyVersionHasChainsOfItsOwn() {
    var first = RULES.fresh(bridge(new Port(4, "vnet1")), 1, Map.of());
    var second =
        RULES.update(first, bridge(new Port(4, "vnet1"), new Port(5, "vnet2")), 2, Map.of());
    assertThat(first.chains()).doesNotContainAnyElementsOf(second.chains());
    assertThat(second.statements())
        .containsAll(
            first.chains().stream()
                .map(chain -> "delete chain netdev torvtl_guard_br0 " + chain)
                .toList());
    // A chain that is jumped to goes after those that jump.
    assertThat(first.chains().getLast()).isEqualTo(GuardRules.marker(1));
    assertThat(second.ports()).containsExactly(4, 5);
  }

  @Test
  void theMarkIsWithoutSign() {
    assertThat(RULES.fresh(bridge(), 1, Map.of()).statements())
        .contains(
            "add rule netdev torvtl_guard_br0 egress_3_0000000000000001 meta mark != 0x80000001 drop");
  }

  @Test
  void aTableIsNamedAfterItsDevice() {
    assertThat(GuardRules.tableFor("br0")).isEqualTo("torvtl_guard_br0");
    assertThat(GuardRules.tableFor("br-0.1")).isEqualTo("torvtl_guard_br_2d0_2e1");
    assertThat(GuardRules.tableFor("br_0")).isNotEqualTo(GuardRules.tableFor("br0"));
  }

  @Test
  void aNameThatCouldEndTheQuotesIsNotGivenToNft() {
    assertThat(GuardRules.isNameable("vif1.0@x")).isTrue();
    for (var name : List.of("a\"b", "a;b", "a{b", "a b", "a\nb", "")) {
      assertThat(GuardRules.isNameable(name)).as(name).isFalse();
    }
  }
}
