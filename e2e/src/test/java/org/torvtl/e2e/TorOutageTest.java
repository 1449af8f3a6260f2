/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When Tor goes, connections go with it, at once; when it is back, so is the network. */
@OnTestbed
class TorOutageTest {
  private static final int PORT = 19060;
  private static final int LARGE = 1 << 30;
  private static final Duration DEADLINE = Duration.ofSeconds(30);

  /** What "promptly" means. */
  private static final Duration PROMPTLY = Duration.ofSeconds(5);

  private static final Duration RECOVERY = Duration.ofMinutes(1);

  private final Testbed testbed;

  TorOutageTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @Test
  void aTorOfSomebodyElsesThatIsKilled() throws Exception {
    var tor = testbed.clientTor(PORT);
    var port = Integer.toString(tor.socksPort());
    try (var gateway = testbed.gateway("tap1", "-a", PrivateLab.SOCKS_ADDRESS, "-p", port)) {
      var guest = testbed.guestBehind(gateway);
      guest.configure("203.0.113.9/24", "203.0.113.1");
      assertThat(fetch(guest).exitStatus()).isZero();
      // By address from here on: the name server is behind Tor as well.
      var server = guest.resolve("web.lab.test");

      try (var transfer = longTransfer(guest, server);
          var idle = idleConnection(guest, server)) {
        tor.kill();
        assertReset(transfer);
        assertIdleReset(idle);
      }
      var whileDown = guest.curl(DEADLINE, "--verbose", "http://" + server + "/");
      assertThat(whileDown.exitStatus()).as("%s", whileDown).isEqualTo(7);
      assertThat(whileDown.err()).containsPattern("(?i)refused|no route|unreachable");
      assertThat(whileDown.took()).isLessThan(PROMPTLY);
      assertThat(lines(gateway, "does not answer any more")).isEqualTo(1);
      assertThat(lines(gateway, "answers again")).isZero();

      tor.restart();
      Waiting.until("the network to be back", RECOVERY, () -> fetch(guest).exitStatus() == 0);
      assertThat(gateway.isRunning()).isTrue();
      Waiting.until("a line of it", PROMPTLY, () -> lines(gateway, "answers again, after ") == 1);
      assertThat(lines(gateway, "does not answer any more")).isEqualTo(1);
      testbed.remove(guest);
    } finally {
      tor.close();
    }
  }

  @Test
  void theGatewaysOwnTorThatIsKilled() throws Exception {
    try (var gateway = testbed.gateway("tap2", "--torrc", testbed.lab().clientTorrc())) {
      var guest = testbed.guestBehind(gateway);
      guest.configure("192.168.1.50/24", "192.168.1.1");
      assertThat(fetch(guest).exitStatus()).isZero();
      var server = guest.resolve("web.lab.test");

      var tor = gateway.tor().orElseThrow();
      try (var transfer = longTransfer(guest, server);
          var idle = idleConnection(guest, server)) {
        Signal.KILL.to(tor);
        assertReset(transfer);
        assertIdleReset(idle);
      }
      Waiting.until("the network to be back", RECOVERY, () -> fetch(guest).exitStatus() == 0);
      assertThat(gateway.isRunning()).isTrue();
      assertThat(gateway.tor()).get().isNotEqualTo(tor);
      assertThat(lines(gateway, "no traffic passes")).isEqualTo(1);
      assertThat(lines(gateway, "carries traffic again, after ")).isEqualTo(1);
      assertThat(lines(gateway, "does not answer any more")).isZero();
      testbed.remove(guest);
    }
  }

  private static long lines(Gateway gateway, String words) {
    return gateway.log().lines().filter(line -> line.contains(words)).count();
  }

  private static CommandResult fetch(Guest guest) throws Exception {
    return guest.curl(DEADLINE, "--fail", "--max-time", "20", "http://web.lab.test/");
  }

  /** A download that takes long, under way when this returns. */
  private static RunningCommand longTransfer(Guest guest, String server) throws Exception {
    var transfer =
        guest.start(
            List.of(
                "bash",
                "-o",
                "pipefail",
                "-c",
                "curl -sS http://%s/bytes/%d | { head -c 300000 | wc -c; cat >/dev/null; }"
                    .formatted(server, LARGE)));
    transfer.awaitLine("300000", DEADLINE);
    return transfer;
  }

  /**
   * curl's word for a reset connection is 56, of one that ended short 18; only the first will do.
   */
  private static void assertReset(RunningCommand transfer) throws Exception {
    var result = transfer.await(PROMPTLY);
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(56);
    assertThat(result.err()).containsIgnoringCase("reset");
  }

  /** A connection that has said something, been answered, and waits. */
  private static RunningCommand idleConnection(Guest guest, String server) throws Exception {
    var connection =
        guest.start(
            List.of(
                "bash",
                "-c",
                "exec 3<>/dev/tcp/%s/7; echo on >&3; read -r -u 3 a; echo \"$a\"; read -r -u 3 a"
                    .formatted(server)));
    connection.awaitLine("on", DEADLINE);
    return connection;
  }

  private static void assertIdleReset(RunningCommand connection) throws Exception {
    assertThat(connection.await(PROMPTLY).err()).containsIgnoringCase("connection reset");
  }
}
