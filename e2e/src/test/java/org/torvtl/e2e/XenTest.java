/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Xen's way: a TAP in a bridge to receive on, the bridge to send into, guests at other ports. */
@OnTestbed
class XenTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private final Testbed testbed;
  private final Machine machine;

  XenTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  @Test
  void twoGuestsWithOneAddressAreTwoGuests() throws Exception {
    var before = machine.traces();
    machine.start(Machine.torvtl("tap", "create", "tap1")).await(DEADLINE).orThrow();
    machine.script(
        """
        ip link add xenbr1 type bridge
        ip link set tap1 master xenbr1
        ip link set xenbr1 up
        """);
    var one = guest("vif1.0");
    var two = guest("vif2.0");
    var gateway =
        testbed.gatewayBetween(
            "tap1",
            "xenbr1",
            "-v",
            "-a",
            PrivateLab.SOCKS_ADDRESS,
            "-p",
            Integer.toString(PrivateLab.SOCKS_PORT));
    assertThat(machine.script("cat /sys/class/net/tap1/carrier").line()).isEqualTo("1");

    // Both at once, so that what one gets is seen not to go to the other.
    try (var first = fetch(one);
        var second = fetch(two)) {
      assertThat(first.await(DEADLINE).orThrow().out()).contains("You came from ");
      assertThat(second.await(DEADLINE).orThrow().out()).contains("You came from ");
    }
    one.curl(DEADLINE, "--fail", "-o", "/dev/null", "http://web.lab.test/bytes/5000000").orThrow();
    one.run(DEADLINE, "arping", "-D", "-c", "2", "-w", "2", "-I", one.device(), "10.0.0.77")
        .orThrow();

    // A bridge that remembers nothing sends every frame out of every port, the TAP's too.
    machine.script("ip link set xenbr1 type bridge ageing_time 0");
    one.curl(DEADLINE, "--fail", "http://web.lab.test/").orThrow();

    testbed.remove(one);
    testbed.remove(two);
    var ended = gateway.stop(Signal.TERM);
    // What it sent into the bridge did not come back out of the TAP.
    assertThat(ended.out() + ended.err())
        .contains("link.sent_frames")
        .doesNotContain("drop.own_frame");
    machine.script("ip link delete xenbr1");
    machine.start(Machine.torvtl("tap", "delete", "tap1")).await(DEADLINE).orThrow();
    assertThat(machine.traces().since(before))
        .noneMatch(line -> line.matches(".*(tap1|xen|vif).*"));
  }

  private Guest guest(String port) throws Exception {
    var guest = testbed.guestAtCable(port);
    machine.script("ip link set \"$1\" master xenbr1", port);
    guest.configure("10.0.0.2/8", "10.0.0.1");
    return guest;
  }

  private static RunningCommand fetch(Guest guest) throws Exception {
    return guest.start(List.of("curl", "-sSf", "http://web.lab.test/"));
  }
}
