/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What cannot be reached fails in the guest as it fails on a real network, and as soon as Tor
 * knows.
 */
@OnTestbed
class RefusalTest {
  private static final Duration DEADLINE = Duration.ofSeconds(150);
  private static final int CURL_COULD_NOT_RESOLVE = 6, CURL_COULD_NOT_CONNECT = 7;

  private final Testbed testbed;
  private final Guest guest;

  RefusalTest(Testbed testbed) {
    this.testbed = testbed;
    this.guest = testbed.guest();
  }

  @Test
  void aClosedPortRefuses() throws Exception {
    var straight = straightAtTor("http://refused.lab.test/");
    var result = guest.curl(DEADLINE, "--verbose", "http://refused.lab.test/");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(CURL_COULD_NOT_CONNECT);
    assertThat(result.err()).containsIgnoringCase("connection refused");
    assertAsSoonAsTor(result, straight);
  }

  @Test
  void anUnreachableHostIsUnreachable() throws Exception {
    var straight = straightAtTor("http://unreachable.lab.test/");
    var result = guest.curl(DEADLINE, "--verbose", "http://unreachable.lab.test/");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(CURL_COULD_NOT_CONNECT);
    assertThat(result.err()).containsIgnoringCase("no route to host");
    assertAsSoonAsTor(result, straight);
  }

  @Test
  void aNameNobodyHasIsNone() throws Exception {
    var straight = straightAtTor("http://nobody-has-this.lab.test/");
    var answer =
        guest.run(DEADLINE, "dig", "+tries=1", "+time=120", "nobody-has-this.lab.test", "A");
    assertThat(answer.orThrow().out()).contains("status: NXDOMAIN");
    assertAsSoonAsTor(answer, straight);

    var curl = guest.curl(DEADLINE, "http://nobody-has-this-either.lab.test/");
    assertThat(curl.exitStatus()).as("%s", curl).isEqualTo(CURL_COULD_NOT_RESOLVE);
  }

  /** The same without a gateway, which has to fail too or there is nothing to compare. */
  private CommandResult straightAtTor(String url) throws Exception {
    var proxy = PrivateLab.SOCKS_ADDRESS + ":" + PrivateLab.SOCKS_PORT;
    var result =
        testbed
            .machine()
            .start(List.of("curl", "-sS", "--socks5-hostname", proxy, url))
            .await(DEADLINE);
    assertThat(result.exitStatus()).as("%s", result).isNotZero();
    return result;
  }

  /** Tor may try several exits, and not as many each time: hence the wide margin. */
  private static void assertAsSoonAsTor(CommandResult inGuest, CommandResult straight) {
    assertThat(inGuest.took())
        .isLessThan(straight.took().multipliedBy(4).plus(Duration.ofSeconds(10)));
  }
}
