/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Guests' lookups through a tor whose SocksPort has flags that change its answers. */
@OnTestbed
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PortFlagsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);
  private static final int FIRST_PORT = 19_080;

  /** Python's name of what getaddrinfo has returned. */
  private static final String GETADDRINFO =
      """
      import socket
      try:
          print(socket.getaddrinfo('web.lab.test', 80)[0][4][0])
      except socket.gaierror as e:
          print({getattr(socket, n): n for n in dir(socket) if n.startswith('EAI_')}[e.errno])
      """;

  private static final String[] FLAGS = {
    "PreferIPv6",
    "NoIPv6Traffic PreferIPv6",
    "NoDNSRequest",
    "NoIPv4Traffic",
    "NoIPv4Traffic PreferIPv6",
    "OnionTrafficOnly",
    "CacheDNS UseDNSCache",
  };

  private final Testbed testbed;
  private ClientTor tor;
  private ClientTor automapping;
  private @Nullable Guest guest;

  @SuppressWarnings("NullAway.Init") // start() sets the rest
  PortFlagsTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @BeforeAll
  void start() throws Exception {
    var ports = new String[FLAGS.length];
    Arrays.setAll(ports, i -> line(FIRST_PORT + i, FLAGS[i]));
    tor = testbed.clientTor(19_078, ports);
    automapping =
        testbed.clientTor(
            19_079,
            line(FIRST_PORT + 10, "PreferIPv6Automap"),
            line(FIRST_PORT + 11, "NoPreferIPv6Automap"),
            "AutomapHostsOnResolve 1",
            "AutomapHostsSuffixes .");
  }

  @AfterAll
  void stop() {
    tor.close();
    automapping.close();
  }

  private static String line(int port, String flags) {
    return "SocksPort %s:%d %s".formatted(PrivateLab.SOCKS_ADDRESS, port, flags);
  }

  /**
   * What becomes of a name with an IPv4 address, of one with both kinds, and of one that is not
   * there; and which flag the log names.
   */
  @ParameterizedTest
  @CsvSource({
    "0, A, empty, NXDOMAIN, PreferIPv6",
    "1, A, A, NXDOMAIN, -",
    "2, SERVFAIL, SERVFAIL, SERVFAIL, NoDNSRequest",
    "3, SERVFAIL, empty, SERVFAIL, NoIPv4Traffic",
    "4, SERVFAIL, empty, SERVFAIL, NoIPv4Traffic",
    "5, SERVFAIL, SERVFAIL, SERVFAIL, OnionTrafficOnly",
    "6, A, A, NXDOMAIN, -",
    "10, SERVFAIL, SERVFAIL, SERVFAIL, AutomapHostsOnResolve",
    "11, SERVFAIL, SERVFAIL, SERVFAIL, AutomapHostsOnResolve"
  })
  void noFlagMakesAnAnswerWrong(int port, String web, String dual, String noSuch, String named)
      throws Exception {
    try (var gateway = gateway(port)) {
      var guest = configured(gateway);
      for (int i = 0; i < 2; i++) {
        assertThat(outcome(guest, "web.lab.test", "A")).isEqualTo(web);
        assertThat(outcome(guest, "dual.lab.test", "A")).isEqualTo(dual);
        assertThat(outcome(guest, "nosuch.lab.test", "A")).isEqualTo(noSuch);
        // It says as much as A, but for the record.
        assertThat(outcome(guest, "web.lab.test", "AAAA")).isEqualTo(empty(web));
        assertThat(outcome(guest, "dual.lab.test", "AAAA")).isEqualTo(empty(dual));
        assertThat(outcome(guest, "nosuch.lab.test", "AAAA")).isEqualTo(noSuch);
      }
      if (named.equals("-")) {
        assertThat(gateway.log()).doesNotContain("SocksPort");
      } else {
        assertThat(gateway.log().lines().filter(line -> line.contains("WARN")))
            .filteredOn(line -> line.contains(named))
            .as("said once")
            .hasSize(1);
      }
    } finally {
      removeGuest();
    }
  }

  private static String empty(String outcome) {
    return outcome.equals("A") ? "empty" : outcome;
  }

  /** What passes is not told as for good: EAI_NONAME, EAI_NODATA. */
  @Test
  void aProgramHearsThatItMayTryAgain() throws Exception {
    try (var gateway = gateway(2)) {
      assertThat(configured(gateway).run(DEADLINE, "python3", "-c", GETADDRINFO).orThrow().line())
          .isEqualTo("EAI_AGAIN");
    } finally {
      removeGuest();
    }
  }

  private Gateway gateway(int port) throws Exception {
    return testbed.gateway(
        "tap8", "-a", PrivateLab.SOCKS_ADDRESS, "-p", Integer.toString(FIRST_PORT + port));
  }

  private Guest configured(Gateway gateway) throws Exception {
    var made = testbed.guestBehind(gateway);
    guest = made;
    made.configure("203.0.113.9/24", "203.0.113.1");
    return made;
  }

  private void removeGuest() throws Exception {
    var old = guest;
    if (old != null) {
      guest = null;
      testbed.remove(old);
    }
  }

  /** "A" for an address, "empty" for none, or the response code. */
  private static String outcome(Guest guest, String name, String type) throws Exception {
    var answer = guest.run(DEADLINE, "dig", "+tries=1", "+time=30", name, type).orThrow().out();
    if (answer.contains("ANSWER: 1")) {
      return "A";
    }
    return answer.contains("status: NOERROR")
        ? "empty"
        : answer.replaceAll("(?s).*status: (\\w+),.*", "$1");
  }
}
