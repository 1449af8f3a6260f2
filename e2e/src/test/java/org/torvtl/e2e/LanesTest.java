/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A gateway with several lanes: each serves connections, and none gets into another's way. */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LanesTest {
  private static final int PROXY = 9150, HOSTS = 16, BYTES = 2_000_000;
  private static final Duration SOON = Duration.ofSeconds(30);

  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  LanesTest() {}

  @BeforeAll
  void boot() throws Exception {
    machine = Machine.boot();
    // Guests' resolv.conf are in there; it stays.
    machine.script("mkdir -p /etc/netns");
    world = TransferWorld.on(machine, PROXY);
  }

  @AfterAll
  void shutDown() throws Exception {
    world.close();
    machine.close();
  }

  private Gateway gateway(String device, int lanes, String... more) throws Exception {
    var words =
        new ArrayList<>(List.of("-a", "127.0.0.1", "-p", "" + PROXY, "--lanes", "" + lanes, "-v"));
    words.addAll(List.of(more));
    return Gateway.start(machine, device, words.toArray(String[]::new));
  }

  private void configure(NetworkNamespace guest, String device) throws Exception {
    guest.nameserver(Guest.ANY_NAMESERVER);
    machine.script(
        """
        ip link set "$1" netns "$2"
        ip -n "$2" address add 10.0.0.2/24 dev "$1"
        ip -n "$2" link set "$1" up
        ip -n "$2" route add default via 10.0.0.1 dev "$1"
        """,
        device,
        guest.name());
  }

  private static String host(int number) {
    return "192.0.2." + (1 + number);
  }

  /** With all hosts at once. */
  private static void transfer(NetworkNamespace guest, int bytes) throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var transfers = new ArrayList<Future<?>>();
      for (int i = 0; i < HOSTS; i++) {
        String host = host(i);
        transfers.add(
            threads.submit(() -> {
              Transfers.bothWays(guest, host, bytes);
              return host;
            }));
      }
      for (var transfer : transfers) {
        transfer.get();
      }
    }
  }

  /** A counter as the gateway tells it at its end. */
  private static long counter(String log, String name) {
    var counter = Pattern.compile("(?m)^ +" + Pattern.quote(name) + " +(\\d+)$").matcher(log);
    return counter.find() ? Long.parseLong(counter.group(1)) : 0;
  }

  /** That every lane did its share, and nothing was lost between them. */
  private static void assertShared(CommandResult ended, int lanes, int connections) {
    assertThat(ended.exitStatus()).as("%s", ended).isIn(0, 128 + 15);
    String log = ended.out() + ended.err();
    long all = 0;
    for (int lane = 0; lane < lanes; lane++) {
      long requested = counter(log, "lane" + lane + ".requested");
      assertThat(requested).as(log).isGreaterThan(connections / lanes / 3);
      all += requested;
    }
    assertThat(all).isEqualTo(connections).isEqualTo(counter(log, "flow.requested"));
    assertThat(log).doesNotContain("misdirected", "tcp_no_connection", "please report");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tap0", "tun0"})
  void everyLaneCarriesConnectionsAndTheFirstAllElse(String device) throws Exception {
    var before = machine.traces();
    try (var guest = new NetworkNamespace(machine, "guest-" + device);
        var gateway = gateway(device, 2)) {
      configure(guest, device);
      transfer(guest, BYTES);
      var name = guest.run(SOON, "dig", "+short", "+time=10", "some.example", "A");
      assertThat(name.orThrow().line()).isEqualTo(TransferWorld.ADDRESS);
      guest.run(SOON, "ping", "-n", "-c", "1", "-W", "5", "10.0.0.1").orThrow();
      // Refused by the far end, on either lane.
      for (int i = 0; i < HOSTS; i++) {
        assertThat(guest.run(SOON, "nc", "-z", "-w", "10", host(i), "9").exitStatus()).isOne();
      }
      assertShared(gateway.stop(Signal.TERM), 2, 3 * HOSTS);
    }
    assertThat(machine.traces().since(before)).isEmpty();
  }

  /** What passes a router with a smaller MTU than anybody knows of comes in fragments. */
  @Test
  void fragmentsOfAConnectionComeToItsLane() throws Exception {
    try (var guest = new NetworkNamespace(machine, "guest-far");
        var router = new NetworkNamespace(machine, "router");
        var gateway = gateway("tap1", 3)) {
      machine.script(
          """
          ip link add near netns "$2" type veth peer name far netns "$3"
          ip link set tap1 netns "$2" mtu 700
          ip -n "$2" address add 10.0.0.2/24 dev tap1
          ip -n "$2" address add 172.31.0.1/24 dev near
          ip -n "$2" link set tap1 up
          ip -n "$2" link set near up
          ip -n "$2" route add default via 10.0.0.1 dev tap1
          ip netns exec "$2" sysctl -q net.ipv4.ip_forward=1
          ip netns exec "$3" sysctl -q net.ipv4.ip_no_pmtu_disc=1
          ip -n "$3" address add 172.31.0.2/24 dev far
          ip -n "$3" link set far up
          ip -n "$3" route add default via 172.31.0.1
          """,
          "unused",
          router.name(),
          guest.name());
      transfer(guest, BYTES / 10);
      long fragments =
          Long.parseLong(
              router
                  .script(
                      SOON,
                      "awk '/^Ip:/ { if (n) { print $n; exit }"
                          + " for (n = NF; $n != \"FragCreates\"; n--); }' /proc/net/snmp")
                  .orThrow()
                  .line());
      assertThat(fragments).isGreaterThan(2L * HOSTS * BYTES / 10 / 1500);
      var ended = gateway.stop(Signal.TERM);
      assertShared(ended, 3, 2 * HOSTS);
      assertThat(ended.out() + ended.err()).doesNotContain("fragment_");
    }
  }

  @Test
  void atTheEndEveryLaneResetsItsConnections() throws Exception {
    var before = machine.traces();
    machine.start(Machine.torvtl("tap", "create", "tap2", "--multi-queue")).await(SOON).orThrow();
    // The interface stays with the gateway's end, so the guest hears of it; and serves the next.
    for (int lanes = 2; lanes < 4; lanes++) {
      try (var guest = new NetworkNamespace(machine, "guest-tap2");
          var gateway = gateway("tap2", lanes, "--pcap", "/tmp/lanes.pcapng")) {
        configure(guest, "tap2");
        try {
          var open = new ArrayList<RunningCommand>();
          for (int i = 0; i < HOSTS; i++) {
            open.add(
                guest.start(
                    List.of(
                        "bash",
                        "-c",
                        "exec 3<>/dev/tcp/%s/%d; echo on; cat <&3"
                            .formatted(host(i), TransferWorld.SOURCE))));
          }
          for (var connection : open) {
            connection.awaitLine("on", SOON);
          }
          assertShared(gateway.stop(Signal.TERM), lanes, HOSTS);
          for (var connection : open) {
            assertThat(connection.await(SOON).err()).contains("Connection reset by peer");
          }
          assertRecordedOnce(lanes);
        } finally {
          machine.script("ip -n \"$1\" link set tap2 netns 1", guest.name());
        }
      }
    }
    machine.start(Machine.torvtl("tap", "delete", "tap2")).await(SOON).orThrow();
    assertThat(machine.traces().since(before)).isEmpty();
  }

  /** Each lane has a file, and each connection is in one. */
  private void assertRecordedOnce(int lanes) throws Exception {
    var hosts = new ArrayList<String>();
    for (int lane = 0; lane < lanes; lane++) {
      var file = lane == 0 ? "/tmp/lanes.pcapng" : "/tmp/lanes-" + lane + ".pcapng";
      var inFile =
          machine
              .script(
                  """
                  tcpdump -nr "$1" 'tcp and src host 10.0.0.2' 2>/dev/null |
                    sed 's/.* > \\([0-9.]*\\)[.][0-9]*:.*/\\1/' | sort -u
                  rm "$1"
                  """,
                  file)
              .out()
              .lines()
              .toList();
      assertThat(inFile).isNotEmpty();
      hosts.addAll(inFile);
    }
    assertThat(hosts).hasSize(HOSTS).doesNotHaveDuplicates();
  }
}
