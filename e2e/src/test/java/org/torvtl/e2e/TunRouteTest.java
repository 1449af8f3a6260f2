/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Programs of the host itself, led into a TUN by destination. */
@OnTestbed
class TunRouteTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final String DEVICE = "tun5";

  private final Testbed testbed;
  private final Machine machine;

  TunRouteTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  private Gateway start(String destination) throws Exception {
    return testbed.gateway(
        DEVICE,
        "--route",
        destination + ",203.0.113.0/24",
        "-a",
        PrivateLab.SOCKS_ADDRESS,
        "-p",
        Integer.toString(PrivateLab.SOCKS_PORT));
  }

  private List<String> leftBehind(Traces before) throws Exception {
    return machine.traces().since(before).stream()
        // The lab's own tor processes go on writing there.
        .filter(line -> !line.startsWith("file: /run/torvtl/lab-" + testbed.lab().name() + "/"))
        .toList();
  }

  private String routeTo(String destination) throws Exception {
    return machine.run(DEADLINE, "ip", "route", "get", destination).toString();
  }

  @Test
  void whatGoesToTheDestinationGoesThroughTor() throws Exception {
    var server = testbed.guest().resolve("web.lab.test");
    testbed.noteGuestAddress("192.0.0.2");
    testbed.noteGuestAddress(server);
    var before = machine.traces();
    try (var gateway = start(server)) {
      assertThat(gateway.log())
          .containsPattern(
              "(?m)^ready: what this host sends to [^ ]+.* goes by " + DEVICE + " through");
      assertThat(routeTo(server)).contains("dev " + DEVICE);
      assertThat(routeTo("203.0.113.80")).contains("dev " + DEVICE);
      var answer = machine.run(DEADLINE, "curl", "-sSf", "http://" + server + "/").orThrow().out();
      assertThat(answer.replaceFirst("(?s).*You came from ([0-9.]+).*", "$1"))
          .isIn(testbed.lab().exits());
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
    }
    assertThat(routeTo(server)).doesNotContain(DEVICE).doesNotContain("unreachable");
    assertThat(leftBehind(before)).isEmpty();
  }

  /** A gateway that is killed does not open a way around Tor, and does not stop the next one. */
  @Test
  void afterSigkillProgramsFailUntilTheNextOneStarts() throws Exception {
    var server = testbed.guest().resolve("web.lab.test");
    testbed.noteGuestAddress("192.0.0.2");
    testbed.noteGuestAddress(server);
    var before = machine.traces();
    try (var gateway = start(server)) {
      gateway.stop(Signal.KILL);
    }
    var answer = machine.run(DEADLINE, "curl", "-sS", "--max-time", "5", "http://" + server + "/");
    assertThat(answer.exitStatus()).as("%s", answer).isEqualTo(7);
    assertThat(routeTo("203.0.113.80")).contains("No route to host");

    try (var again = start(server)) {
      machine.run(DEADLINE, "curl", "-sSf", "http://" + server + "/").orThrow();
      assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 128 + 15);
    }
    assertThat(leftBehind(before)).isEmpty();
  }
}
