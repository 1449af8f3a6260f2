/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** A TUN device, which carries IP packets and no Ethernet, serves as a TAP does. */
@OnTestbed
class TunTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private final Testbed testbed;

  TunTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @Test
  void aGuestBehindATunReachesTheServer() throws Exception {
    var gateway =
        testbed.gateway("tun0", "-a", "127.0.0.1", "-p", Integer.toString(PrivateLab.SOCKS_PORT));
    try (var guest = new NetworkNamespace(testbed.machine(), "guest-tun0")) {
      guest.nameserver("192.0.2.53");
      testbed
          .machine()
          .script(
              """
              ip link set tun0 netns "$1"
              ip -n "$1" address add 10.9.8.7/32 dev tun0
              ip -n "$1" link set tun0 up
              ip -n "$1" route add default dev tun0
              """,
              guest.name());
      assertThat(guest.run(DEADLINE, "curl", "-sS", "http://web.lab.test/").orThrow().out())
          .contains("You came from 198.18.");
      guest.run(DEADLINE, "ping", "-n", "-c", "1", "-W", "5", "10.0.0.1").orThrow();
    }
    gateway.stop(Signal.TERM);
  }
}
