/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A gateway that root started is not root when it serves, nor is its tor. Project and JDK are where
 * its user cannot read them: see {@link Machine#HOME}.
 */
@OnTestbed
class UnprivilegedTest {
  private static final String DEVICE = "tap6";
  private static final Duration SOON = Duration.ofSeconds(40);
  private static final List<String> USUAL = List.of("debian-tor", "tor", "_tor", "nobody");

  private final Testbed testbed;
  private final Machine machine;

  UnprivilegedTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  /** Ids of a user, as the machine has them. */
  private record Ids(String uid, String gid) {}

  private Ids ids(List<String> candidates) throws Exception {
    var words =
        machine
            .script(
                "for user; do getent passwd \"$user\" && break; done | cut -d: -f3,4",
                candidates.toArray(String[]::new))
            .line()
            .split(":", -1);
    return new Ids(words[0], words[1]);
  }

  /** Of every thread of a process. */
  private static List<Map<String, String>> statuses(long pid) throws Exception {
    try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid), "task"))) {
      return threads.map(UnprivilegedTest::status).filter(status -> !status.isEmpty()).toList();
    }
  }

  private static Map<String, String> status(Path thread) {
    var fields = new HashMap<String, String>();
    try {
      for (var line : Files.readAllLines(thread.resolve("status"))) {
        var parts = line.split(":", 2);
        fields.put(parts[0], parts[1].strip());
      }
    } catch (IOException e) {
      if (Files.exists(thread)) {
        throw new IllegalStateException(e);
      }
      fields.clear();
    }
    return fields;
  }

  private static void assertUnprivileged(long pid, Ids ids) throws Exception {
    assertUnprivileged(pid, "(" + ids.uid + "\\s*){4}", ids);
  }

  /** Its real and its saved user id are nobody's, so that no other process can end it. */
  private static void assertUnprivilegedAndAlone(long pid, Ids ids) throws Exception {
    assertUnprivileged(pid, "(6\\d{4}|[12]\\d{9})\\s+%s\\s+\\1\\s+%1$s".formatted(ids.uid), ids);
  }

  private static void assertUnprivileged(long pid, String uids, Ids ids) throws Exception {
    var statuses = statuses(pid);
    assertThat(statuses)
        .isNotEmpty()
        .allSatisfy(status -> {
          assertThat(status.get("Uid")).as("%s", status).matches(uids);
          assertThat(status.get("Gid")).as("%s", status).matches("(" + ids.gid + "\\s*){4}");
          assertThat(status.get("Groups")).as("%s", status).isEmpty();
          for (var set : List.of("CapPrm", "CapEff", "CapAmb")) {
            assertThat(status.get(set)).as("%s of %s", set, status).matches("0+");
          }
        });
  }

  private static void assertCannotGain(long pid, String thread) throws Exception {
    assertThat(statuses(pid))
        .filteredOn(status -> status.getOrDefault("Name", "").startsWith(thread))
        .isNotEmpty()
        .allSatisfy(status -> assertThat(status).containsEntry("NoNewPrivs", "1"));
  }

  private void assertServes(Guest guest) throws Exception {
    assertThat(guest.curl(SOON, "--fail", "http://web.lab.test/").orThrow().out())
        .contains("You came from");
  }

  private List<String> leftBehind(Traces before) throws Exception {
    return machine.traces().since(before).stream()
        // The lab's own tor processes go on writing there.
        .filter(line -> !line.startsWith("file: /run/torvtl/lab-" + testbed.lab().name() + "/"))
        .toList();
  }

  @Test
  void neitherTheGatewayNorItsTorIsRoot() throws Exception {
    var before = machine.traces();
    var ids = ids(USUAL);
    try (var gateway = testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc())) {
      long pid = gateway.process().pid();
      var tor = gateway.tor().orElseThrow();
      assertUnprivilegedAndAlone(pid, ids);
      assertUnprivileged(tor.pid(), ids);
      assertCannotGain(pid, "lane");
      assertCannotGain(tor.pid(), "tor");
      var guest = testbed.guestBehind(gateway);
      guest.configure("10.0.0.3/8", "10.0.0.1");
      assertServes(guest);

      // The one that takes its place is started by a process that is not root any more.
      tor.destroyForcibly();
      var next =
          Waiting.forValue(
              "another tor",
              SOON,
              () -> gateway.tor().filter(now -> now.pid() != tor.pid() && now.isAlive()));
      Waiting.until(
          "the guest to be served again",
          SOON,
          () -> guest.curl(SOON, "--fail", "http://web.lab.test/").exitStatus() == 0);
      assertUnprivileged(next.pid(), ids);
      assertUnprivilegedAndAlone(pid, ids);

      testbed.remove(guest);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
      assertThat(leftBehind(before)).isEmpty();
    }
  }

  @Test
  void anotherUserTakesThePlaceOfOneThatWasKilled() throws Exception {
    var before = machine.traces();
    try (var killed = testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc())) {
      var tor = killed.tor().orElseThrow();
      assertThat(killed.stop(Signal.KILL).exitStatus()).isEqualTo(128 + 9);
      Waiting.until("tor to notice and end", Duration.ofMinutes(1), () -> !tor.isAlive());
    }
    try (var gateway =
        testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc(), "--user", "nobody")) {
      assertUnprivilegedAndAlone(gateway.process().pid(), ids(List.of("nobody")));
      assertUnprivileged(gateway.tor().orElseThrow().pid(), ids(List.of("nobody")));
      assertThat(gateway.stop(Signal.INT).exitStatus()).isIn(0, 128 + 2);
    }
    assertThat(leftBehind(before)).isEmpty();
  }

  /**
   * Another process of the service's user, such as the system's own tor, or the gateway's, asks it
   * to end: the guard was removed, and the host was on the link.
   */
  @Test
  void anotherProcessOfItsUserCannotEndIt() throws Exception {
    var user = ids(USUAL);
    try (var gateway = testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc())) {
      var tor = gateway.tor().orElseThrow();
      for (var signal : List.of("TERM", "INT", "HUP", "KILL", "STOP", "USR1")) {
        assertThat(
                machine
                    .start(
                        List.of(
                            "setpriv",
                            "--reuid=" + user.uid,
                            "--regid=" + user.gid,
                            "--clear-groups",
                            "kill",
                            "-" + signal,
                            Machine.pidWithin(gateway.process())))
                    .await(SOON)
                    .err())
            .contains("Operation not permitted");
      }
      assertThat(gateway.isRunning()).isTrue();
      assertThat(tor.isAlive()).isTrue();
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
      assertThat(tor.isAlive()).isFalse();
    }
  }

  @Test
  void itIsNotRootWithATorThatRunsAlready() throws Exception {
    assertUnprivilegedAndAlone(testbed.gateway().process().pid(), ids(USUAL));
  }

  @Test
  void rootStaysWhereThatIsAskedFor() throws Exception {
    var before = machine.traces();
    try (var gateway =
        testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc(), "--user", "root")) {
      assertThat(statuses(gateway.process().pid()))
          .isNotEmpty()
          .allSatisfy(status -> assertThat(status.get("Uid")).matches("(0\\s*){4}"));
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
    }
    assertThat(leftBehind(before)).isEmpty();
  }
}
