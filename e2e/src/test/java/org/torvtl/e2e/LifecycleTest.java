/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How a gateway with a tor of its own ends, and begins again. */
@OnTestbed
class LifecycleTest {
  private static final String DEVICE = "tap3";
  private static final Duration SOON = Duration.ofSeconds(15);

  /** Tor's guards outlive a gateway on purpose: changing them often is what endangers a user. */
  private static final String STATE = "/var/lib/torvtl";

  private final Testbed testbed;
  private final Machine machine;

  LifecycleTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  private Gateway start() throws Exception {
    return testbed.gateway(DEVICE, "--torrc", testbed.lab().clientTorrc());
  }

  private List<String> leftBehind(Traces before) throws Exception {
    return machine.traces().since(before).stream()
        .filter(line -> !line.startsWith("file: " + stateOnTheMachine()))
        // The lab's own tor processes go on writing there.
        .filter(line -> !line.startsWith("file: /run/torvtl/lab-" + testbed.lab().name() + "/"))
        .toList();
  }

  private static String stateOnTheMachine() {
    return Machine.CHANGES + "/var/lib/changes" + STATE.substring("/var/lib".length());
  }

  @ParameterizedTest
  @EnumSource(names = {"TERM", "INT"})
  void leavesNothingWhenItIsAskedToEnd(Signal signal) throws Exception {
    var before = machine.traces();
    try (var gateway = start()) {
      var tor = gateway.tor().orElseThrow();
      var result = gateway.stop(signal);
      assertThat(result.exitStatus()).as("%s", result).isIn(0, 128 + 2, 128 + 15);
      assertThat(tor.isAlive()).isFalse();
      assertThat(leftBehind(before)).isEmpty();
    }
  }

  @Test
  void leavesNothingWhenItIsAskedToEndWithConnectionsOpen() throws Exception {
    var before = machine.traces();
    try (var gateway = start()) {
      var guest = testbed.guestBehind(gateway);
      guest.configure("10.0.0.3/8", "10.0.0.1");
      try (var open =
          guest.start(
              List.of(
                  "bash",
                  "-c",
                  "exec 3<>/dev/tcp/web.lab.test/7; echo on >&3; read -r -u 3 a; echo $a; cat <&3"))) {
        open.awaitLine("on", Duration.ofSeconds(40));
        var stopped = gateway.stop(Signal.TERM);
        assertThat(stopped.exitStatus()).as("%s", stopped).isIn(0, 128 + 15);
        // Its interface is gone with the gateway, so the guest may not hear of the end.
      }
      testbed.remove(guest);
      assertThat(leftBehind(before)).isEmpty();
    }
  }

  /** As an administrator asks a program for a report; USR2 is the JVM's own. */
  @Test
  void tellsItsCountersWhenAskedAndAtTheEnd() throws Exception {
    try (var gateway =
        testbed.gateway(
            DEVICE, "-v", "-a", PrivateLab.SOCKS_ADDRESS, "-p", "" + PrivateLab.SOCKS_PORT)) {
      var guest = testbed.guestBehind(gateway);
      guest.configure("10.0.0.3/8", "10.0.0.1");
      guest.curl(SOON.multipliedBy(2), "--fail", "http://web.lab.test/").orThrow();
      for (int times = 1; times <= 2; times++) {
        int expected = times;
        Signal.USR1.to(gateway.process());
        Waiting.until("the counters", SOON, () -> tables(gateway.log()) == expected);
      }
      assertThat(gateway.log())
          .containsPattern("(?m)^  flow\\.requested +1$")
          .containsPattern("(?m)^  link\\.received_frames +\\d+$")
          .doesNotContain("flow.egress_lost");
      Signal.USR2.to(gateway.process());
      Signal.QUIT.to(gateway.process());
      Waiting.until("the stacks", SOON, () -> gateway.log().contains("Full thread dump"));
      guest.curl(SOON.multipliedBy(2), "--fail", "http://web.lab.test/").orThrow();
      testbed.remove(guest);
      var ended = gateway.stop(Signal.TERM);
      assertThat(tables(ended.err())).isEqualTo(3);
      assertThat(ended.err()).containsPattern("(?m)^  flow\\.requested +2$");
    }
  }

  private static long tables(String log) {
    return log.lines().filter("counters:"::equals).count();
  }

  @Test
  void startsAgainAfterItWasKilled() throws Exception {
    var before = machine.traces();
    try (var killed = start()) {
      var tor = killed.tor().orElseThrow();
      var result = killed.stop(Signal.KILL);
      assertThat(result.exitStatus()).isEqualTo(128 + 9);
      Waiting.until("tor to notice and end", Duration.ofMinutes(1), () -> !tor.isAlive());
    }
    try (var again = start()) {
      var guest = testbed.guestBehind(again);
      guest.configure("10.0.0.3/8", "10.0.0.1");
      guest.curl(SOON.multipliedBy(2), "--fail", "http://web.lab.test/").orThrow();
      testbed.remove(guest);
      assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
    }
    assertThat(leftBehind(before)).isEmpty();
  }
}
