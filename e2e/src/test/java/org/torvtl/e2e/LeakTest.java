/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * Not one packet of a guest that uses the network in every way is outside Tor. What other tests do
 * is judged alike, by {@link OnTestbed}. That the detector would see one: {@link LeakDetectorTest}.
 */
@OnTestbed
class LeakTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);

  private final Testbed testbed;

  LeakTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @Test
  void notOnePacketOfAGuestWasOutsideTor() throws Exception {
    useTheNetworkInEveryWay(testbed.guest());
    var evidence = testbed.evidence();

    assertThat(evidence.cable())
        .as("Tor's own traffic is in the capture of the cable")
        .anyMatch(packet -> packet.protocol() == CapturedPacket.TCP);
    assertThat(evidence.everything())
        .as("the gateway's traffic to Tor is in the capture of all interfaces")
        .anyMatch(packet -> packet.destinationPort() == PrivateLab.SOCKS_PORT);
    assertThat(evidence.detector().guestAddresses()).contains("10.0.0.2");

    assertThat(evidence.detector().leaks(evidence.everything())).isEmpty();
    assertThat(evidence.detector().leaks(evidence.cable())).isEmpty();
  }

  /** One of each kind of packet; most of them get an error, as they should. */
  private static void useTheNetworkInEveryWay(Guest guest) throws Exception {
    guest.curl(DEADLINE, "--fail", "http://web.lab.test/").orThrow();
    guest
        .script(
            DEADLINE,
            """
            server=$(dig +short +time=15 web.lab.test)
            ping -n -c 1 -W 1 "$server"
            ping -n -c 1 -W 1 -b 255.255.255.255
            ping -n -c 1 -W 1 -I "$1" ff02::1
            echo datagram >/dev/udp/"$server"/9999
            echo datagram >/dev/udp/127.0.0.1/19050
            dig +time=2 +tries=1 @"$server" web.lab.test
            dig +time=10 +tries=1 +tcp @"$server" web.lab.test
            curl -sS --max-time 5 http://127.0.0.1:19050/
            curl -sS --max-time 5 "http://10.0.0.1:19050/"
            arping -c 1 -w 1 -I "$1" "$server"
            :
            """,
            guest.device())
        .orThrow();
  }
}
