/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices that are in their guest's network namespace from the start: {@code --netns}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GuestNamespaceTest {
  private static final int PROXY = 9150;
  private static final Duration SOON = Duration.ofSeconds(40);

  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  GuestNamespaceTest() {}

  @BeforeAll
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script("mkdir -p /etc/netns");
    world = TransferWorld.on(machine, PROXY);
  }

  @AfterAll
  void shutDown() throws Exception {
    world.close();
    machine.close();
  }

  private RunningCommand start(String... options) throws Exception {
    var arguments = new ArrayList<>(List.of("run", "-a", "127.0.0.1", "-p", "" + PROXY));
    arguments.addAll(List.of(options));
    return machine.start(Machine.torvtl(arguments.toArray(String[]::new)));
  }

  private RunningCommand gateway(String... options) throws Exception {
    var gateway = start(options);
    gateway.awaitLine("ready", SOON);
    return gateway;
  }

  private static CommandResult end(RunningCommand gateway) throws Exception {
    Signal.TERM.to(Machine.processOf(gateway));
    return gateway.await(SOON);
  }

  private void configure(String guest, String device) throws Exception {
    machine.script(
        """
        ip -n "$1" address add 10.0.0.2/24 dev "$2"
        ip -n "$1" route add default via 10.0.0.1 dev "$2"
        """,
        guest,
        device);
  }

  /** The open device keeps the namespace, in which no guest will ever be again. */
  @Test
  void saysThatTheGuestsNamespaceIsGone() throws Exception {
    machine.script("ip netns add leaving");
    try (var gateway = gateway("-d", "in0", "--netns", "leaving")) {
      machine.script("ip netns delete leaving; ip netns add leaving");
      gateway.awaitOutput(
          "that the namespace is gone", text -> text.contains("namespace leaving is gone"), SOON);
      assertThat(end(gateway).err()).containsOnlyOnce("is gone");
    } finally {
      machine.script("ip netns delete leaving");
    }
  }

  @Test
  void saysThatTheGuestsProcessHasEnded() throws Exception {
    try (var container = machine.start(List.of("unshare", "--net", "sleep", "300"))) {
      var process = Machine.processOf(container);
      var pid =
          Waiting.forValue(
              "the container's process",
              SOON,
              () -> machine.script("pgrep -x sleep || :").out().lines().findFirst());
      try (var gateway = gateway("-d", "in0", "--netns", pid)) {
        Signal.KILL.to(process);
        gateway.awaitOutput(
            "that the process has ended",
            text -> text.contains("the process of network namespace " + pid + " has ended"),
            SOON);
        end(gateway);
      }
    }
  }

  /** The guest keeps its interface, with its address, and does nothing. */
  @ParameterizedTest
  @ValueSource(strings = {"-d", "--tun"})
  void aGuestComesThroughARestart(String option) throws Exception {
    String name = "guest" + option.replace("-", "");
    try (var guest = new NetworkNamespace(machine, name)) {
      guest.nameserver(Guest.ANY_NAMESERVER);
      try (var gateway = gateway(option, "in0", "--netns", name)) {
        configure(name, "in0");
        Transfers.bothWays(guest, 10_000);
        assertThat(machine.script("ip link show").out()).doesNotContain("in0");
        assertThat(end(gateway).exitStatus()).isIn(0, 143);
      }
      // It fails closed.
      assertThat(guest.run(SOON, "nc", "-z", "-w", "1", "192.0.2.1", "1001").exitStatus())
          .isNotZero();
      try (var gateway = gateway(option, "in0", "--netns", name)) {
        Transfers.bothWays(guest, 10_000);
        Machine.processOf(gateway).destroyForcibly();
        Waiting.until("it to end", SOON, () -> !gateway.isRunning());
      }
      try (var gateway = gateway(option, "in0", "--netns", name)) {
        Transfers.bothWays(guest, 10_000);
        end(gateway);
      }
    }
  }

  @Test
  void aProcessOrAPathNamesItToo() throws Exception {
    try (var guest = new NetworkNamespace(machine, "named");
        var inside = guest.start(List.of("bash", "-c", "echo $$; exec sleep 1000"))) {
      inside.awaitLine("", SOON);
      String pid = inside.output().strip();
      try (var gateway = gateway("-d", "in0", "--netns", pid)) {
        configure("named", "in0");
        Transfers.down(guest, "192.0.2.1", 10_000);
        end(gateway);
      }
      try (var gateway =
          gateway("-d", "in0", "--lanes", "1", "--netns", "/proc/" + pid + "/ns/net")) {
        Transfers.down(guest, "192.0.2.1", 10_000);
        end(gateway);
      }
    }
  }

  @Test
  void severalLanesShareOneThere() throws Exception {
    try (var guest = new NetworkNamespace(machine, "lanes");
        var gateway = gateway("-d", "in0", "--lanes", "2", "--netns", "lanes")) {
      configure("lanes", "in0");
      Transfers.bothWays(guest, 10_000);
      end(gateway);
    }
  }

  /** A second one was made, called ready, and the guest hung for ever. */
  @Test
  void aDeviceThatWasMovedToAGuestIsNotMadeAgain() throws Exception {
    machine.script("ip tuntap add dev moved0 mode tap");
    try (var guest = new NetworkNamespace(machine, "mover")) {
      machine.script("ip link set moved0 netns mover up");
      var refused = start("-d", "moved0").await(SOON);
      assertThat(refused.exitStatus()).isEqualTo(1);
      assertThat(refused.err()).contains("no moved0 here", "--netns mover");
      assertThat(guest.run(SOON, "ip", "link", "show", "moved0").exitStatus()).isZero();
      try (var gateway = gateway("-d", "moved0", "--netns", "mover")) {
        configure("mover", "moved0");
        Transfers.down(guest, "192.0.2.1", 10_000);
        // Two gateways with one name took each other's guards away.
        var other = start("-d", "moved0").await(SOON);
        assertThat(other.exitStatus()).isEqualTo(1);
        assertThat(other.err()).contains("one that a program serves already", "namespace mover");
        end(gateway);
      }
    }
  }

  @Test
  void whatCannotBeUsedIsSaid() throws Exception {
    try (var guest = new NetworkNamespace(machine, "other")) {
      assertThat(start("-d", "in0", "--netns", "nosuch").await(SOON).err())
          .contains("cannot enter the network namespace nosuch", "ip netns list");
      assertThat(start("-d", "in0", "--netns", "/etc/passwd").await(SOON).err())
          .contains("/etc/passwd is no network namespace");
      assertThat(start("-d", "in0", "--netns", "1").await(SOON).err())
          .contains("is this host's own network (leave out --netns)");
      assertThat(start("-d", "lo", "--netns", guest.name()).await(SOON).err())
          .contains("cannot use lo in the network namespace other", "no TAP");
      assertThat(start("--tun", "in0", "--route", "default", "--netns", "other").await(SOON).err())
          .contains("--netns is for one device both ways, without --route");
    }
  }
}
