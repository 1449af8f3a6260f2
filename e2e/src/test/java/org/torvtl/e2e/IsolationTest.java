/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Guests are told apart by their hardware addresses, and no two share a circuit of Tor's. */
@OnTestbed
class IsolationTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Pattern CIRCUIT =
      Pattern.compile("(?m)^(\\d+) BUILT .*SOCKS_PASSWORD=\"([^\"]+)\"");

  private final Testbed testbed;

  IsolationTest(Testbed testbed) {
    this.testbed = testbed;
  }

  @Test
  void guestsOfOneGatewayShareNoCircuit() throws Exception {
    var gateway =
        testbed.gateway("tap5", "-a", "127.0.0.1", "-p", Integer.toString(PrivateLab.SOCKS_PORT));
    var guest = testbed.guestBehind(gateway);
    guest.configure("10.0.0.2/8", "10.0.0.1");
    var keysBefore = circuits().keySet();
    fetch(guest);
    var first = new TreeSet<>(circuits().keySet());
    first.removeAll(keysBefore);
    assertThat(first).as("the key of the guest").hasSize(1);

    // The same guest in all but its hardware address, with the same IP address: another guest.
    testbed.machine().script("ip -n \"$1\" link set tap5 address 02:00:00:00:00:77", guest.name());
    guest.configure("10.0.0.2/8", "10.0.0.1");
    fetch(guest);
    var circuits = circuits();
    var second = new TreeSet<>(circuits.keySet());
    second.removeAll(keysBefore);
    second.removeAll(first);
    assertThat(second).as("the key of the other guest").hasSize(1);
    assertThat(circuits.get(second.first()))
        .isNotEmpty()
        .doesNotContainAnyElementsOf(circuits.getOrDefault(first.first(), Set.of()));
    testbed.remove(guest);
    gateway.stop(Signal.TERM);
  }

  private static void fetch(Guest guest) throws Exception {
    guest.curl(DEADLINE, "--fail", "http://web.lab.test/").orThrow();
  }

  /** The client's circuits that are bound to a key, by key. */
  private Map<String, Set<String>> circuits() throws Exception {
    var status =
        testbed
            .machine()
            .script(
                """
                cookie=$(od -An -v -tx1 "/run/torvtl/lab-$1/nodes/client/control_auth_cookie" | tr -d ' \\n')
                printf 'AUTHENTICATE %s\\r\\nGETINFO circuit-status\\r\\nQUIT\\r\\n' "$cookie" |
                  nc -q 5 127.0.0.1 "$2" | tr -d '\\r'
                """,
                testbed.lab().name(), Integer.toString(PrivateLab.CONTROL_PORT))
            .out();
    var circuits = new TreeMap<String, Set<String>>();
    var matcher = CIRCUIT.matcher(status);
    while (matcher.find()) {
      circuits.computeIfAbsent(matcher.group(2), key -> new TreeSet<>()).add(matcher.group(1));
    }
    return circuits;
  }
}
