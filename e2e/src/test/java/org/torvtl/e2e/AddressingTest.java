/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever static address a guest has, the network is there, and the world sees an exit. */
@OnTestbed
class AddressingTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);

  private final Guest guest;
  private final Testbed testbed;

  AddressingTest(Testbed testbed) {
    this.testbed = testbed;
    this.guest = testbed.guest();
  }

  @BeforeEach
  @AfterEach
  void asUsual() throws Exception {
    guest.configure("10.0.0.2/8", "10.0.0.1");
  }

  @ParameterizedTest(name = "{0} by way of {1}")
  @CsvSource({
    "10.0.0.2/8, 10.0.0.1",
    "203.0.113.9/24, 203.0.113.1",
    // the router is not on the guest's net
    "172.16.5.4/32, 192.168.77.1",
    // the server is on the guest's own net, so the guest asks for it by ARP
    "198.19.250.7/15, 198.19.250.1",
    // a net of two
    "10.0.0.0/31, 10.0.0.1"
  })
  void curlReachesTheServerByNameAndByAddress(String address, String router) throws Exception {
    guest.configure(address, router);
    assertThat(clientSeenBy("web.lab.test")).isIn(testbed.lab().exits());

    var server = guest.resolve("web.lab.test");
    assertThat(server).matches("198\\.(18|19)\\.\\d+\\.\\d+");
    assertThat(clientSeenBy(server)).isIn(testbed.lab().exits());
  }

  private String clientSeenBy(String host) throws Exception {
    var answer = guest.curl(DEADLINE, "--fail", "http://" + host + "/").orThrow().out();
    assertThat(answer).containsPattern("You came from \\d");
    return answer.replaceFirst("(?s).*You came from ([0-9.]+).*", "$1");
  }
}
