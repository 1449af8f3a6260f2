/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.rtnetlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.host.net.OwnNamespace;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/** In a network namespace of its own, with its loopback interface up. */
@Timeout(60)
class RtnetlinkTest {
  private static final int LOOPBACK = 1, TABLE = 1_414_940_007, PROTOCOL = 117;
  private static final int EEXIST = 17;
  private static final Ipv4Network NETWORK = Ipv4Network.parse("192.0.2.0/24");
  private static final Route INTO = Route.into(LOOPBACK, NETWORK, TABLE, PROTOCOL);
  private static final Route REFUSING = Route.refusing(NETWORK, TABLE, PROTOCOL);
  private static final Rule RULE =
      new Rule(8, Ipv4Network.parse("192.0.2.1"), NETWORK, Rule.LOOKUP, TABLE, PROTOCOL);

  private OwnNamespace namespace;
  private Rtnetlink netlink;

  @BeforeEach
  void makeNamespace() throws IOException {
    namespace = OwnNamespace.open();
    netlink = namespace.call(Rtnetlink::open);
  }

  @AfterEach
  void endNamespace() {
    if (netlink != null) {
      netlink.close();
    }
    if (namespace != null) {
      namespace.close();
    }
  }

  @Test
  void aRouteIsThereFromItsAdditionToItsRemoval() throws Exception {
    netlink.add(REFUSING);
    netlink.add(INTO);
    assertThat(netlink.routes()).contains(INTO, REFUSING);
    assertThat(netlink.remove(INTO)).isTrue();
    assertThat(netlink.routes()).contains(REFUSING).doesNotContain(INTO);
    assertThat(netlink.remove(REFUSING)).isTrue();
    assertThat(netlink.routes()).noneMatch(route -> route.table() == TABLE);
  }

  @Test
  void whatIsThereIsNotAddedAgain() throws Exception {
    netlink.add(INTO);
    assertThatThrownBy(() -> netlink.add(INTO))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(EEXIST))
        .hasMessageStartingWith("cannot add the route unicast 192.0.2.0/24 dev if1 table");
    netlink.add(RULE);
    assertThatThrownBy(() -> netlink.add(RULE))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(EEXIST))
        .hasMessageStartingWith("cannot add the policy rule 8: from 192.0.2.1/32 to 192.0.2.0/24");
  }

  @Test
  void whatIsNotThereIsNotRemoved() throws Exception {
    assertThat(netlink.remove(INTO)).isFalse();
    assertThat(netlink.remove(REFUSING)).isFalse();
    assertThat(netlink.remove(RULE)).isFalse();
    netlink.add(INTO);
    assertThat(netlink.remove(REFUSING)).isFalse();
    assertThat(netlink.remove(Route.into(99, NETWORK, TABLE, PROTOCOL))).isFalse();
    assertThat(netlink.routes()).contains(INTO);
  }

  @Test
  void aRuleIsThereFromItsAdditionToItsRemoval() throws Exception {
    netlink.add(RULE);
    assertThat(netlink.rules()).contains(RULE);
    assertThat(netlink.remove(RULE)).isTrue();
    assertThat(netlink.rules()).doesNotContain(RULE);
  }

  /** As ip(8) shows them, which reads them by itself. */
  @Test
  void whatIsAddedIsWhatOtherProgramsSee() throws Exception {
    netlink.add(REFUSING);
    netlink.add(INTO);
    netlink.add(RULE);
    assertThat(
            ip("-N", "route", "show", "table", Integer.toString(TABLE)).lines().map(String::strip))
        .containsExactly(
            "192.0.2.0/24 dev lo proto 117 scope 253",
            "7 192.0.2.0/24 proto 117 metric 4294967295");
    assertThat(ip("-N", "rule", "show", "priority", "8").strip())
        .matches("8:\\s+from 192.0.2.1 to 192.0.2.0/24 lookup %d proto 117".formatted(TABLE));
  }

  @Test
  void whatOtherProgramsAddIsSeen() throws Exception {
    ip("address", "add", "198.51.100.7/24", "dev", "lo");
    ip("route", "add", "203.0.113.0/24", "via", "198.51.100.1", "dev", "lo", "table", "9");
    ip("rule", "add", "to", "203.0.113.0/24", "priority", "20", "lookup", "9");
    ip(
        "-6",
        "rule",
        "add",
        "to",
        "2001:db8::/32",
        "priority",
        "30",
        "protocol",
        "116",
        "unreachable");
    ip(
        "-6",
        "rule",
        "add",
        "from",
        "2001:db8::/32",
        "priority",
        "31",
        "protocol",
        "116",
        "unreachable");
    assertThat(netlink.addresses())
        .containsExactlyInAnyOrder(
            Ipv4Network.parse("127.0.0.1/8"), Ipv4Network.parse("198.51.100.7/24"));
    assertThat(netlink.routes())
        .contains(
            new Route(
                Ipv4Network.parse("203.0.113.0/24"),
                Route.UNICAST,
                LOOPBACK,
                Ipv4Address.parse("198.51.100.1"),
                9,
                0,
                3));
    assertThat(netlink.rules())
        .anySatisfy(rule -> {
          assertThat(rule.priority()).isEqualTo(20);
          assertThat(rule.from()).isEqualTo(Rule.ALL);
          assertThat(rule.to()).isEqualTo(Ipv4Network.parse("203.0.113.0/24"));
          assertThat(rule.table()).isEqualTo(9);
        });
    assertThat(netlink.ipv6Priorities(116)).containsExactly(30);
  }

  @Test
  void theKernelsReasonIsTold() {
    var next = Ipv4Address.parse("203.0.113.9");
    assertThatThrownBy(() ->
            netlink.add(new Route(NETWORK, Route.UNICAST, LOOPBACK, next, TABLE, 0, PROTOCOL)))
        .isInstanceOf(SystemCallException.class)
        .hasMessageEndingWith(" (Nexthop has invalid gateway)");
  }

  private String ip(String... words) throws IOException {
    var command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(words));
    return namespace.run(command.toArray(String[]::new));
  }
}
