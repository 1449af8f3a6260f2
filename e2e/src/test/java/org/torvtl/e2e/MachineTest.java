/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The tests' own ground: what they conclude is worth no more than this. */
class MachineTest {
  private static final Duration SOON = Duration.ofSeconds(10);

  @Test
  void noticesWhateverACommandLeavesBehind() throws Exception {
    try (var machine = Machine.boot()) {
      var before = machine.traces();
      machine.script(
          """
          ip tuntap add left mode tap
          ip netns add over
          ip rule add from 203.0.113.9 table 7
          nft add table inet remains
          mkdir -p /tmp/dust /run/torvtl/lab-old /var/lib/torvtl/dust /etc/netns/gone
          setsid sleep 300 >/dev/null 2>&1 </dev/null &
          """);
      assertThat(machine.traces().since(before))
          .contains(
              "interface: left",
              "network namespace: over",
              "file: /tmp/dust",
              "file: /run/torvtl/lab-old",
              "process: sleep 300")
          .anyMatch(line -> line.startsWith("rule:") && line.contains("203.0.113.9"))
          .anyMatch(line -> line.startsWith("packet filter:") && line.contains("remains"))
          .anyMatch(line -> line.endsWith("/torvtl/dust"))
          .anyMatch(line -> line.endsWith("/netns/gone"));
    }
  }

  @Test
  void noticesNothingWhereNothingWasLeft() throws Exception {
    try (var machine = Machine.boot()) {
      var before = machine.traces();
      machine.script("ip tuntap add left mode tap; ip link delete left");
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  /** Its programs come and go as it is asked, so they are a trace only without it. */
  @Test
  void noticesAKeeperAndWhatItLeavesBehind() throws Exception {
    try (var machine = Machine.boot()) {
      var before = machine.traces();
      var keeper = machine.start(List.of("sh", "-c", "sleep 300; :", "torvtl-guard", "name"));
      Waiting.until(
          "its program",
          SOON,
          () -> machine.script("ps -e -o args=").out().lines().anyMatch("sleep 300"::equals));
      assertThat(machine.traces().since(before))
          .singleElement()
          .asString()
          .endsWith(" torvtl-guard name");
      Signal.KILL.to(Machine.processOf(keeper));
      keeper.await(SOON);
      assertThat(machine.traces().since(before)).containsExactly("process: sleep 300");
    }
  }

  /** Such as those of this computer's own guests: what a test compares is its own doing. */
  @Test
  void startsWithoutThisComputersNamespaces() throws Exception {
    var computer =
        """
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/changes /mnt/work
        mount -t overlay overlay /etc -o lowerdir=/etc,upperdir=/mnt/changes,workdir=/mnt/work
        mkdir -p /etc/netns/another
        """;
    try (var machine = Machine.boot(computer)) {
      var before = machine.traces();
      machine.script(
          """
          [ ! -e /etc/netns/another ]
          mkdir -p /etc/netns/guest
          rmdir /etc/netns/guest
          rmdir --ignore-fail-on-non-empty /etc/netns
          """);
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @Test
  void takesEverythingAlongWhenItGoes() throws Exception {
    ProcessHandle orphan;
    try (var machine = Machine.boot()) {
      var orphaned = machine.start(List.of("setsid", "sleep", "300"));
      orphan = Machine.processOf(orphaned);
      machine.script("mkdir -p /etc/netns/torvtl-machine-test /var/lib/torvtl-machine-test");
      assertThat(orphan.isAlive()).isTrue();
    }
    Waiting.until("the orphan's end", SOON, () -> !orphan.isAlive());
    assertThat(Path.of("/etc/netns/torvtl-machine-test")).doesNotExist();
    assertThat(Path.of("/var/lib/torvtl-machine-test")).doesNotExist();
  }

  @Test
  void hasNoWayToARealNetwork() throws Exception {
    try (var machine = Machine.boot()) {
      assertThat(machine.script("ip -o link show | awk -F': ' '{ print $2 }'").line())
          .isEqualTo("lo");
      assertThat(machine.script("ip -4 route; ip -6 route show default").line()).isEmpty();
    }
  }

  @Test
  void seesTheProject() throws Exception {
    try (var machine = Machine.boot()) {
      assertThat(Files.isExecutable(machine.file(Machine.PROJECT + "/torvtl"))).isTrue();
    }
  }

  @Test
  void interruptsAGroupAsATerminalDoes() throws Exception {
    try (var machine = Machine.boot()) {
      var script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.1; done";
      var command = machine.startInForeground(List.of("bash", "-c", script));
      command.awaitLine("ready", SOON);
      Signal.INT.toGroupOf(Machine.processOf(command));
      var result = command.await(SOON);
      assertThat(result.out()).contains("caught");
      assertThat(result.exitStatus()).isEqualTo(7);
    }
  }
}
