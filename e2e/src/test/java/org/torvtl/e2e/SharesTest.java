/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What some guests, or this computer, lack or take must not keep others from the network. */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SharesTest {
  private static final int PROXY = 9150;
  private static final Duration SOON = Duration.ofSeconds(40);

  /** Lines of a log that tell, but do not flood. */
  private static final int FEW_LINES = 12;

  /** What {@code -v} adds, with the table of counters at the end. */
  private static final Predicate<String> VERBOSE =
      Pattern.compile(" (DEBUG|INFO) |^  \\S+ +\\d+$|^$").asPredicate();

  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  SharesTest() {}

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

  /** A guest at the end of a device or of a cable. */
  private NetworkNamespace guest(String name, String device, int host) throws Exception {
    var guest = new NetworkNamespace(machine, name);
    guest.nameserver(Guest.ANY_NAMESERVER);
    machine.script(
        """
        ip link set "$1" netns "$2"
        ip -n "$2" address add "10.0.0.$3/24" dev "$1"
        ip -n "$2" link set "$1" up
        ip -n "$2" route add default via 10.0.0.1 dev "$1"
        """,
        device,
        name,
        Integer.toString(host));
    return guest;
  }

  private RunningCommand gateway(String device, int descriptors, String... options)
      throws Exception {
    var command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -n $0; exec \"$@\"", "" + descriptors));
    command.addAll(
        Machine.torvtl("run", "-d", device, "-a", "127.0.0.1", "-p", Integer.toString(PROXY)));
    command.addAll(List.of(options));
    var gateway = machine.start(command);
    gateway.awaitLine("ready", SOON);
    return gateway;
  }

  private static RunningCommand flood(NetworkNamespace guest, int count, int port)
      throws Exception {
    return flood(guest, count, port, "198.51.100.");
  }

  private static RunningCommand flood(NetworkNamespace guest, int count, int port, String addresses)
      throws Exception {
    var flood = guest.start(ConnectFlood.command(Machine.PROJECT, count, port, addresses));
    flood.awaitLine("connecting", SOON);
    return flood;
  }

  private int streams() throws Exception {
    return Integer.parseInt(
        machine.script("ss -Htn state established \"( dport = :$1 )\" | wc -l", "" + PROXY).line());
  }

  private static CommandResult end(RunningCommand gateway) throws Exception {
    Signal.TERM.to(Machine.processOf(gateway));
    var ended = gateway.await(SOON);
    assertThat(ended.out() + ended.err()).doesNotContain("Exception", "\tat ", "please report");
    assertThat((ended.out() + ended.err()).lines().filter(line -> !VERBOSE.test(line)).count())
        .isLessThan(FEW_LINES);
    return ended;
  }

  private interface Attack {
    void on(List<NetworkNamespace> guests) throws Exception;
  }

  /** Guests on a bridge, each at the end of a cable. */
  private void onABridge(String bridge, int count, Attack attack) throws Exception {
    machine.script("ip link add name \"$1\" type bridge; ip link set \"$1\" up", bridge);
    var guests = new ArrayList<NetworkNamespace>();
    try {
      for (int i = 0; i < count; i++) {
        machine.script(
            """
            ip link add "$1-$2" type veth peer name "$1-$2-far"
            ip link set "$1-$2" up master "$1"
            """,
            bridge,
            "" + i);
        guests.add(guest(bridge + "-" + i, bridge + "-" + i + "-far", 2 + i));
      }
      attack.on(guests);
    } finally {
      for (var guest : guests) {
        guest.close();
      }
      machine.script("ip link delete \"$1\"", bridge);
    }
  }

  // Connections.

  /** Those that came later got none, for as long as the guest held the table. */
  @Test
  void aGuestThatHoldsTheTableKeepsNobodyOut() throws Exception {
    onABridge(
        "full",
        3,
        guests -> {
          try (var gateway = gateway("full", 400, "-v")) {
            // Some of these wait for a place, and get it at the cost of the guest's own.
            try (var holder = flood(guests.get(0), 300, TransferWorld.HOLD)) {
              gateway.awaitOutput(
                  "the table to be full", text -> text.contains("too many connections"), SOON);
              for (var other : guests.subList(1, 3)) {
                Transfers.bothWays(other, 10_000);
              }
              // They do not lose what they have to the one that asks for more.
              try (var few = flood(guests.get(1), 20, TransferWorld.HOLD)) {
                Waiting.until("a few are open", SOON, () -> established(guests.get(1)) == 20);
                try (var more = flood(guests.get(0), 200, TransferWorld.HOLD)) {
                  Transfers.bothWays(guests.get(2), 10_000);
                  assertThat(more.isRunning()).isTrue();
                }
                assertThat(established(guests.get(1))).isEqualTo(20);
                assertThat(holder.isRunning() && few.isRunning()).isTrue();
              }
            }
            assertThat(end(gateway).err())
                .contains("drop.tcp_evicted", "flow.made_room", "too many connections")
                .doesNotContain("flow.egress_lost");
          }
        });
  }

  private static int established(NetworkNamespace guest) throws Exception {
    return Integer.parseInt(
        guest.run(SOON, "bash", "-c", "ss -Htn state established | wc -l").line());
  }

  // Requests.

  /** Others were kept out for 130 s. */
  @Test
  void requestsOfFourGuestsToABlackHoleKeepNobodyOut() throws Exception {
    onABridge(
        "flood",
        5,
        guests -> {
          try (var gateway = gateway("flood", 8192, "-v")) {
            var floods = new ArrayList<RunningCommand>();
            for (var guest : guests.subList(0, 4)) {
              floods.add(flood(guest, 400, TransferWorld.BLACK_HOLE));
            }
            Waiting.until("all places are taken", SOON, () -> streams() >= 1024);
            long start = System.nanoTime();
            Transfers.down(guests.getLast(), "192.0.2.1", 10_000);
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                .isLessThan(Duration.ofSeconds(10));
            floods.forEach(RunningCommand::close);
            // Those that ask no more are given up.
            Waiting.until("their places are free", SOON, () -> streams() < 50);
            assertThat(end(gateway).err())
                .contains("drop.tcp_pending_evicted", "drop.tcp_given_up", "flow.abandoned");
          }
        });
  }

  /** Every further connection of that guest was dropped for 120 to 130 s. */
  @Test
  void aGuestThatGaveUpDoesNotLockItselfOut() throws Exception {
    try (var gateway = gateway("tap6", 8192);
        var guest = guest("guest-tap6", "tap6", 2)) {
      try (var requests = flood(guest, 800, TransferWorld.BLACK_HOLE)) {
        Waiting.until("its places are taken", SOON, () -> streams() >= 512);
        assertThat(requests.isRunning()).isTrue();
      }
      long start = System.nanoTime();
      Transfers.down(guest, "192.0.2.1", 10_000);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
      assertThat(end(gateway).err()).contains("too many requests at a time");
    }
  }

  /** All of one host may be with one lane, which had 16 places for requests of a guest. */
  @Test
  void manyLanesLeaveAGuestAsManyRequestsToOneHost() throws Exception {
    try (var gateway = gateway("tap7", 8192, "--lanes", "16");
        var guest = guest("guest-tap7", "tap7", 2)) {
      Transfers.down(guest, "192.0.2.1", 10_000);
      long start = System.nanoTime();
      try (var connections = flood(guest, 100, TransferWorld.HOLD, "192.0.2.1")) {
        Waiting.until("all are open", SOON, () -> established(guest) == 100);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
        assertThat(connections.isRunning()).isTrue();
      }
      end(gateway);
    }
  }

  // Descriptors.

  /** 34,818 lines of stack traces were logged. */
  @Test
  void aFloodWithFewDescriptorsIsSharedOutQuietly() throws Exception {
    try (var gateway = gateway("tap3", 200);
        var guest = guest("guest-tap3", "tap3", 2)) {
      assertThat(gateway.output()).contains("may have 200 files open");
      try (var requests = flood(guest, 400, TransferWorld.BLACK_HOLE)) {
        Waiting.until("some wait", SOON, () -> streams() >= 15);
        assertThat(requests.isRunning()).isTrue();
      }
      // Each evicts one that is idle, of the same guest.
      try (var idle = flood(guest, 400, TransferWorld.HOLD)) {
        Waiting.until("some are open", SOON, () -> streams() >= 15);
        Transfers.bothWays(guest, 10_000);
        assertThat(idle.isRunning()).isTrue();
      }
      Transfers.bothWays(guest, 10_000);
      assertThat(end(gateway).err()).doesNotContain("flow.egress_lost");
    }
  }

  /** Does something while there is no more of something, and again once there is. */
  private void exhausted(String device, String take, String giveBack, String message)
      throws Exception {
    // As root, so that its limit can be changed.
    try (var gateway = gateway(device, 8192, "-v", "--user", "root");
        var guest = guest("guest-" + device, device, 2)) {
      Transfers.down(guest, "192.0.2.1", 10_000);
      machine.script("mkfifo \"/run/go-$1\"", device);
      // Open before, and at its end while nobody can ask whether the proxy is there.
      try (var download =
          guest.start(
              List.of(
                  "bash",
                  "-c",
                  "exec 3<>/dev/tcp/192.0.2.1/$0; echo open; read -r </run/go-$1; echo 100000 >&3;"
                      + " cat <&3 | wc -c",
                  "" + TransferWorld.SOURCE,
                  device))) {
        download.awaitLine("open", SOON);
        var process = Long.toString(processIn(gateway));
        machine.script(take, process);
        try (var flood = flood(guest, 400, TransferWorld.HOLD)) {
          gateway.awaitOutput(message, text -> text.contains(message), SOON);
          machine.script("echo >\"/run/go-$1\"", device);
          assertThat(flood.isRunning()).isTrue();
          // As a resolver asks: the lane is behind with the flood, and drops what may be old.
          var query = guest.run(SOON, "dig", "+tries=5", "+time=3", "some.example", "A");
          assertThat(query.out()).contains("SERVFAIL");
          // It is not refused, which would be a lie.
          var connect = guest.run(SOON, "nc", "-z", "-w", "3", "192.0.2.1", "1001");
          assertThat(connect.err()).doesNotContainIgnoringCase("refused", "unreachable");
        } finally {
          machine.script(giveBack, process);
        }
        assertThat(download.await(SOON).out().lines().toList()).containsExactly("open", "100000");
      }
      Transfers.bothWays(guest, 10_000);
      assertThat(end(gateway).err())
          .contains("flow.exhausted")
          .doesNotContain("flow.egress_lost", "flow.refused ");
    }
  }

  /** The process as the machine numbers it. */
  private long processIn(RunningCommand gateway) throws Exception {
    var status =
        java.nio.file.Files.readString(
            java.nio.file.Path.of("/proc/" + Machine.processOf(gateway).pid() + "/status"));
    var numbers = status.lines().filter(line -> line.startsWith("NSpid")).findFirst().orElseThrow();
    return Long.parseLong(numbers.substring(numbers.lastIndexOf('\t') + 1));
  }

  @Test
  void withoutADescriptorGuestsWait() throws Exception {
    exhausted(
        "tap4",
        "prlimit --pid \"$1\" --nofile=\"$(ls /proc/\"$1\"/fd | wc -l):8192\"",
        "prlimit --pid \"$1\" --nofile=8192:8192",
        "Too many open files");
  }

  @Test
  void withoutAPortGuestsWait() throws Exception {
    exhausted(
        "tap5",
        "sysctl -qw net.ipv4.ip_local_port_range='50000 50001'; : \"$1\"",
        "sysctl -qw net.ipv4.ip_local_port_range='32768 60999'; : \"$1\"",
        "Cannot assign requested address");
  }
}
