/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That a leak would be seen: leaks made on purpose, captured for real. */
class LeakDetectorTest {
  private static final String OWN = "198.18.9.1", RELAY = "198.18.9.10", GUEST = "203.0.113.9";

  @org.jspecify.annotations.Nullable private static Machine machine;

  /** A cable to a relay's namespace, where a TCP port of the relay's answers. */
  @BeforeAll
  static void lay() throws Exception {
    machine = Machine.boot();
    machine.script(
        """
        ip netns add relay
        ip link add cable type veth peer name end netns relay
        ip addr add 198.18.9.1/24 dev cable
        ip link set cable up
        ip -n relay addr add 198.18.9.10/24 dev end
        ip -n relay addr add 198.18.9.11/24 dev end
        ip -n relay link set lo up
        ip -n relay link set end up
        ip -n relay route add 203.0.113.9 dev end
        """);
  }

  @AfterAll
  static void remove() throws Exception {
    if (machine != null) {
      machine.close();
    }
  }

  private static Machine machine() {
    return java.util.Objects.requireNonNull(machine);
  }

  private static LeakDetector detector() throws Exception {
    return new LeakDetector(
        Set.of(),
        Integer.parseInt(machine().script("ip -o link show dev lo | cut -d: -f1").line()),
        Set.of(OWN, RELAY),
        Set.of(OWN, RELAY),
        Set.of(19050),
        Set.of(GUEST),
        Set.of());
  }

  /** What both captures see of a script, and what the detector says to each. */
  private static List<List<CapturedPacket>> capture(String script) throws Exception {
    try (var all = Capture.ofAll(machine());
        var cable = Capture.of(machine(), "cable")) {
      machine().script(script);
      return List.of(all.end(), cable.end());
    }
  }

  private static final String TO_RELAY =
      """
      ip netns exec relay nc -l 198.18.9.10 9001 >/dev/null </dev/null &
      for i in {1..100}; do
        ! ip netns exec relay ss -Hltn 'sport = 9001' | grep -q . || break
        sleep 0.05
      done
      echo hello | nc -N 198.18.9.10 9001 >/dev/null
      """;

  @Test
  void hasNothingToSayAboutTcpToARelay() throws Exception {
    for (var packets : capture(TO_RELAY)) {
      assertThat(packets)
          .anyMatch(p -> p.protocol() == CapturedPacket.TCP && p.destinationPort() == 9001);
      assertThat(detector().leaks(packets)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // a name asked for past Tor
        "echo query >/dev/udp/198.18.9.10/53",
        // ping
        "ping -c 1 -W 1 198.18.9.10 >/dev/null || :",
        // TCP to who is no relay
        "nc -w 1 198.18.9.11 80 </dev/null || :",
        // a guest's packet, forwarded as it is
        """
        ip addr add 203.0.113.9/32 dev lo
        nc -s 203.0.113.9 -w 1 198.18.9.10 9001 </dev/null || :
        ip addr delete 203.0.113.9/32 dev lo
        """
      })
  void seesALeakOnTheCable(String leak) throws Exception {
    for (var packets : capture(leak)) {
      assertThat(detector().leaks(packets)).isNotEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // a resolver on this machine
        "echo query >/dev/udp/127.0.0.1/53",
        // a service of this machine that is not Tor
        "nc -w 1 127.0.0.1 8080 </dev/null || :"
      })
  void seesALeakOnLoopback(String leak) throws Exception {
    assertThat(detector().leaks(capture(leak).getFirst())).isNotEmpty();
  }
}
