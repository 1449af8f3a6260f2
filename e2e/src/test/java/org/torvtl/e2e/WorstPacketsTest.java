/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two guests on one segment: one sends the worst packets of each protocol as fast as they go, the
 * other pings. How long the pings take, the benchmark's row {@code neighbor} tells.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WorstPacketsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Duration FLOOD = Duration.ofSeconds(2);
  private static final String NOT_TOR = "127.0.0.1", NOT_TOR_PORT = "9055";

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Gateway gateway;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private NetworkNamespace neighbor;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private NetworkNamespace flooder;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private String gatewayMac;

  @BeforeAll
  void start() throws Exception {
    machine = Machine.boot();
    // What accepts as a proxy does, and never answers.
    machine
        .start(
            List.of(
                "setpriv", "--reuid=105", "--clear-groups", "nc", "-lkv", NOT_TOR, NOT_TOR_PORT))
        .awaitOutput("'Listening'", text -> text.contains("istening"), DEADLINE);
    gateway = Gateway.start(machine, "tap0", "-v", "-a", NOT_TOR, "-p", NOT_TOR_PORT);
    machine.script(
        """
        ip link add name bridge0 type bridge
        ip link set bridge0 up
        ip link set tap0 master bridge0
        ip link set tap0 up
        """);
    neighbor = atBridge("neighbor", "10.0.0.2/8");
    flooder = atBridge("flooder", "10.0.0.3/8");
    gatewayMac =
        neighbor
            .script(
                DEADLINE,
                """
                ping -n -c 1 -W 10 10.0.0.1 >/dev/null
                ip neighbour show 10.0.0.1 | grep -o "lladdr [0-9a-f:]*" | cut -d" " -f2
                """)
            .orThrow()
            .line();
  }

  @AfterAll
  void powerOff() throws Exception {
    var last = machine;
    try (last) {
      assertThat(gateway.stop(Signal.TERM).toString())
          .contains("drop.over_share=", "dns.too_long=")
          .doesNotContain("drop.failed=");
    }
  }

  private NetworkNamespace atBridge(String name, String cidr) throws Exception {
    var guest = new NetworkNamespace(machine, name);
    machine.script(
        """
        ip link add "port-$1" type veth peer name eth0 netns "$1"
        ip link set "port-$1" master bridge0
        ip link set "port-$1" up
        ip -n "$1" address add "$2" dev eth0
        ip -n "$1" link set eth0 up
        """,
        name,
        cidr);
    return guest;
  }

  /** All but one that needs a stream: {@code FloodTest} has it. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "REPEATED")
  void aGuestIsServedBesideOneThatSendsThem(WorstPacket packet) throws Exception {
    var flood = flooder.start(Flood.command(Machine.PROJECT, "eth0", gatewayMac, packet, FLOOD));
    flood.awaitLine("sending", DEADLINE);
    var beside = pings("10", "0.1");
    // Loose, for a busy machine whose gateway has not compiled its code yet; make bench measures
    // it.
    // A backlog of the worst that was found, half a second a packet, was longer than the deadline.
    assertThat(beside).as("round trips during the flood, ms").isNotEmpty();
    assertThat(beside.get(beside.size() / 2)).as("their median").isLessThan(1_000);
    flood.await(DEADLINE).orThrow();
    assertThat(pings("1", "1")).as("pings answered after it").hasSize(1);
    assertThat(gateway.isRunning()).isTrue();
  }

  /** The round trips of those pings that are answered within 10 s, in ms, ascending. */
  private List<Double> pings(String count, String interval) throws Exception {
    var out =
        neighbor
            .run(DEADLINE, "ping", "-n", "-c", count, "-i", interval, "-W", "10", "10.0.0.1")
            .out();
    return out.lines()
        .filter(line -> line.contains("time="))
        .map(line -> Double.valueOf(line.replaceFirst(".*time=([0-9.]+) ms.*", "$1")))
        .sorted()
        .toList();
  }
}
