/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Which guests are told apart, and that no two of them share a circuit of Tor's. */
@OnTestbed
class IsolationTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Pattern CIRCUIT =
      Pattern.compile("(?m)^(\\d+) BUILT .*SOCKS_PASSWORD=\"([^\"]+)\"");

  private static final String[] PROXY = {
    "-a", PrivateLab.SOCKS_ADDRESS, "-p", Integer.toString(PrivateLab.SOCKS_PORT)
  };

  private final Testbed testbed;

  IsolationTest(Testbed testbed) {
    this.testbed = testbed;
  }

  /** It has one interface, and as many hardware addresses as it likes. */
  @Test
  void oneGuestThatMakesUpHardwareAddressesIsOneGuest() throws Exception {
    var gateway = testbed.gateway("tap5", PROXY);
    var guest = testbed.guestBehind(gateway);
    guest.configure("10.0.0.2/8", "10.0.0.1");
    var before = circuits().keySet();
    for (int i = 0; i < 60; i++) {
      testbed
          .machine()
          .script(
              "ip -n \"$1\" link set tap5 address \"$2\"",
              guest.name(),
              "02:00:00:00:01:%02x".formatted(i));
      fetch(guest);
    }
    assertThat(keysSince(before)).hasSize(1);
    testbed.remove(guest);
    gateway.stop(Signal.TERM);
  }

  /** The device begins as one guest's, and becomes a port of a bridge while it is served. */
  @Test
  void guestsBehindABridgeShareNoCircuit() throws Exception {
    var gateway = testbed.gateway("tap6", PROXY);
    testbed
        .machine()
        .script("ip link add br6 type bridge; ip link set br6 up; ip link set tap6 master br6");
    testbed.noteGuestSide("br6");
    var guests = List.of(testbed.guestAtCable("vif6.1"), testbed.guestAtCable("vif6.2"));
    testbed.machine().script("for port in vif6.1 vif6.2; do ip link set $port master br6; done");
    // With one IP address both, so that the hardware address is all that tells them apart.
    for (var guest : guests) {
      guest.configure("10.0.0.2/8", "10.0.0.1");
    }
    assertNoCircuitInCommon(guests.getFirst(), guests.getLast());
    for (var guest : guests) {
      testbed.remove(guest);
    }
    gateway.stop(Signal.TERM);
    testbed.machine().script("ip link del br6");
  }

  @Test
  void guestsOnTwoDevicesOfOneGatewayShareNoCircuitAndNoFate() throws Exception {
    var gateway = testbed.gatewayOf(List.of("tap7", "tap8"), PROXY);
    var stays = sameGuestBehind("tap7");
    var leaves = sameGuestBehind("tap8");
    assertNoCircuitInCommon(stays, leaves);
    testbed.machine().script("mkfifo /run/device-gone");
    try (var open =
        stays.start(
            List.of(
                "bash",
                "-c",
                """
                exec 3<>/dev/tcp/web.lab.test/7
                echo on >&3
                read -r -u 3 answer
                echo "$answer"
                read -r later </run/device-gone
                echo "$later" >&3
                read -r -u 3 answer
                echo "$answer"
                """))) {
      open.awaitLine("on", DEADLINE);
      // The namespace's end is the device's, too.
      testbed.remove(leaves);
      Waiting.until(
          "the gateway to say that a device is gone",
          DEADLINE,
          () -> gateway.log().contains("tap8 is not served any more"));
      testbed.machine().script("echo still-on >/run/device-gone; rm /run/device-gone");
      open.awaitLine("still-on", DEADLINE);
    }
    fetch(stays);
    assertThat(gateway.isRunning()).isTrue();
    testbed.remove(stays);
    // Nobody is left to serve.
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
  }

  /** A guest with the hardware and IP address of all others. */
  private Guest sameGuestBehind(String device) throws Exception {
    var guest = testbed.guestBehind(device);
    testbed
        .machine()
        .script("ip -n \"$1\" link set \"$2\" address 02:00:00:00:00:77", guest.name(), device);
    guest.configure("10.0.0.2/8", "10.0.0.1");
    return guest;
  }

  private void assertNoCircuitInCommon(Guest one, Guest other) throws Exception {
    var before = circuits().keySet();
    fetch(one);
    var first = keysSince(before);
    assertThat(first).as("the key of the guest").hasSize(1);
    fetch(other);
    var second = keysSince(before);
    second.removeAll(first);
    assertThat(second).as("the key of the other guest").hasSize(1);
    var circuits = circuits();
    assertThat(circuits.get(second.first()))
        .isNotEmpty()
        .doesNotContainAnyElementsOf(circuits.getOrDefault(first.first(), Set.of()));
  }

  private SortedSet<String> keysSince(Set<String> before) throws Exception {
    var keys = new TreeSet<>(circuits().keySet());
    keys.removeAll(before);
    return keys;
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
                exec 3<>/dev/tcp/127.0.0.1/"$2"
                printf 'AUTHENTICATE %s\\r\\nGETINFO circuit-status\\r\\nQUIT\\r\\n' "$cookie" >&3
                timeout 10 cat <&3 | tr -d '\\r'
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
