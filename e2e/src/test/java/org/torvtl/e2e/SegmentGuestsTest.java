/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Guests on one bridge: neither hears a frame to or from the other, from the very first one on, and
 * neither can take the other's MAC address, or the gateway's.
 */
class SegmentGuestsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);
  private static final int PROXY = 9055;

  private static final String SEGMENT =
      """
      ip link add name br0 type bridge
      ip link set br0 up
      ip tuntap add tap1 mode tap
      ip link set tap1 master br0
      """;

  /** No frame leaves before a program sends one: neither IPv6 nor an address announces itself. */
  private static final String GUEST =
      """
      ip link add "p$2" type veth peer name e address "02:00:00:00:00:0$2" netns "$1"
      ip link set "p$2" master br0 up
      ip netns exec "$1" sysctl -q -w net.ipv6.conf.e.disable_ipv6=1
      ip -n "$1" link set e up
      ip -n "$1" address add "10.0.0.$2/24" dev e
      ip -n "$1" route add default via 10.0.0.1 dev e
      """;

  private static final String EXCHANGE =
      """
      exec 3<>/dev/tcp/192.0.2.1/%d && echo >&3 && cat <&3
      """
          .formatted(HoldingProxy.HELLO);

  private static final String HOLD =
      """
      exec 3<>/dev/tcp/192.0.2.1/%d && echo open && cat <&3
      """
          .formatted(HoldingProxy.SILENT);

  /** How the gateway is on the bridge. */
  enum Kind {
    SOCKET("br0", "-d", "br0"),
    TAP("tap1", "-d", "tap1"),
    XEN("tap1", "-r", "tap1", "-t", "br0");

    private final String device;
    private final String options;

    Kind(String device, String... options) {
      this.device = device;
      this.options = String.join(" ", options);
    }
  }

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private RunningCommand proxy;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private NetworkNamespace one;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private NetworkNamespace two;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    proxy = machine.start(HoldingProxy.command(Machine.PROJECT, PROXY, "tell"));
    proxy.awaitLine("listening", DEADLINE);
    machine.script(SEGMENT);
    one = guest("one", 2);
    two = guest("two", 3);
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  private NetworkNamespace guest(String name, int number) throws Exception {
    var guest = new NetworkNamespace(machine, name);
    machine.script(GUEST, name, Integer.toString(number));
    return guest;
  }

  private Gateway start(Kind kind) throws Exception {
    var arguments = new ArrayList<>(List.of(kind.options.split(" ", -1)));
    arguments.addAll(List.of("-a", "127.0.0.1", "-p", Integer.toString(PROXY)));
    return Gateway.startWith(machine, kind.device, arguments);
  }

  private static CommandResult exchange(NetworkNamespace guest, Duration patience)
      throws Exception {
    return guest.script(
        DEADLINE, "timeout \"$1\" bash -c \"$2\"", patience.toSeconds() + "s", EXCHANGE);
  }

  private static void assertServed(NetworkNamespace guest) throws Exception {
    var result = exchange(guest, DEADLINE);
    assertThat(result.out()).as("%s", result).isEqualTo("hello\n");
  }

  /** Frames that are neither the guest's own nor the gateway's to this guest. */
  private static List<CapturedPacket> foreign(
      List<CapturedPacket> capture, String mac, String address) {
    return capture.stream()
        .filter(packet ->
            !packet.hardwareSource().equals(mac)
                && !(packet.hardwareSource().equals(Gateway.MAC)
                    && packet.destination().equals(address)))
        .toList();
  }

  @ParameterizedTest
  @EnumSource
  void nothingOfOneIsHeardByTheOther(Kind kind) throws Exception {
    assertNeitherHearsTheOther(kind);
  }

  /** A bridge sends a frame out of every port when it does not know where its destination is. */
  @ParameterizedTest
  @EnumSource
  void norIfTheBridgeForgetsWhereTheyAre(Kind kind) throws Exception {
    machine.script("ip link set br0 type bridge ageing_time 0");
    assertNeitherHearsTheOther(kind);
  }

  private void assertNeitherHearsTheOther(Kind kind) throws Exception {
    try (var gateway = start(kind);
        var atOne = Capture.in(machine, "one", "e");
        var atTwo = Capture.in(machine, "two", "e")) {
      var all =
          List.of(
              "arping -c 1 -w 5 -I e 10.0.0.1",
              "timeout 20 bash -c '" + EXCHANGE + "'",
              "dig +tries=1 +time=1 @10.0.0.1 secret.test",
              "ping -n -c 1 -W 5 10.0.0.1",
              "arping -U -c 1 -w 2 -I e 10.0.0.77",
              "ping -n -b -c 1 -W 1 10.0.0.255",
              "ping -n -c 1 -W 1 -I e 224.0.0.1");
      for (var command : all) {
        try (var first = one.start(List.of("bash", "-c", command));
            var second = two.start(List.of("bash", "-c", command))) {
          first.await(DEADLINE);
          second.await(DEADLINE);
        }
      }
      assertServed(one);
      assertServed(two);
      var heardByOne = atOne.end();
      var heardByTwo = atTwo.end();
      assertThat(heardByOne).anyMatch(packet -> packet.hardwareSource().equals(Gateway.MAC));
      assertThat(heardByTwo).anyMatch(packet -> packet.hardwareSource().equals(Gateway.MAC));
      assertThat(foreign(heardByOne, "02:00:00:00:00:02", "10.0.0.2")).isEmpty();
      assertThat(foreign(heardByTwo, "02:00:00:00:00:03", "10.0.0.3")).isEmpty();
      assertThat(gateway.isRunning()).isTrue();
    }
  }

  /** One with a neighbour's MAC address is not served, and the neighbour is. */
  @ParameterizedTest
  @EnumSource
  void aMacAddressIsThePortsThatHadItFirst(Kind kind) throws Exception {
    try (var gateway = start(kind)) {
      assertServed(one);
      machine.script("ip -n two link set e address 02:00:00:00:00:02");
      try (var atTwo = Capture.in(machine, "two", "e")) {
        var attempt = exchange(two, Duration.ofSeconds(3));
        assertThat(attempt.out()).as("%s", attempt).isEmpty();
        assertServed(one);
        assertThat(atTwo.end())
            .isNotEmpty()
            .allMatch(packet -> packet.hardwareSource().equals("02:00:00:00:00:02"));
      }
      // One that no other port has may be taken.
      machine.script("ip -n two link set e address 02:00:00:00:00:44");
      assertServed(two);
      assertServed(one);
      assertThat(gateway.isRunning()).isTrue();
    }
  }

  /**
   * Another program removes all rules: what was a guest's stays so. And when the guest has left,
   * the next one at its MAC address has nothing of it: no connection, no circuit, no answer.
   */
  @ParameterizedTest
  @EnumSource
  void nothingOfAGuestIsLeftToTheNextOneAtItsMacAddress(Kind kind) throws Exception {
    try (var gateway = start(kind)) {
      var open = one.start(List.of("bash", "-c", HOLD));
      open.awaitLine("open", DEADLINE);
      Waiting.until("the proxy to tell", DEADLINE, () -> !streams("open").isEmpty());
      var first = streams("open").getFirst();

      machine.script("nft flush ruleset");
      Waiting.until("the guard to come back", DEADLINE, () -> gateway.log().contains("is off"));
      machine.script("ip -n two link set e address 02:00:00:00:00:02");
      machine.script("ip -n two address replace 10.0.0.2/24 dev e");
      assertThat(exchange(two, Duration.ofSeconds(3)).out()).isEmpty();
      assertThat(streams("closed")).isEmpty();

      machine.script("ip link set p2 nomaster");
      Waiting.until("the connection to be cut", DEADLINE, () -> streams("closed").contains(first));
      // It has given up on the gateway's address meanwhile.
      machine.script("ip -n two neigh flush dev e");
      assertServed(two);
      assertThat(streams("open").getLast()).isNotEqualTo(first);
      open.close();
      machine.script("ip link set p2 master br0");
      assertThat(exchange(one, Duration.ofSeconds(3)).out()).isEmpty();
      assertServed(two);
    }
  }

  /** A neighbour's new address and the end of all rules come together, again and again. */
  @Test
  void aFlushBesideANewMacAddressTakesNoneFromItsPort() throws Exception {
    try (var gateway = start(Kind.SOCKET)) {
      assertServed(one);
      for (int i = 0; i < 8; i++) {
        machine.script(
            """
            ip -n two link set e address "02:00:00:00:01:0$1"
            ip netns exec two arping -q -U -c 1 -w 1 -I e 10.0.0.3 &
            nft flush ruleset
            wait $! || :
            """,
            Integer.toString(i));
      }
      Waiting.until(
          "the guard to come back",
          DEADLINE,
          () -> machine.script("nft list tables").out().contains("torvtl_guard"));
      machine.script("ip -n two link set e address 02:00:00:00:00:02; ip -n two neigh flush dev e");
      assertThat(exchange(two, Duration.ofSeconds(3)).out()).isEmpty();
      assertServed(one);
      assertThat(gateway.isRunning()).isTrue();
    }
  }

  /** After SIGKILL and a new start too. */
  @Test
  void aMacAddressIsItsPortsAfterANewStartToo() throws Exception {
    try (var gateway = start(Kind.SOCKET)) {
      assertServed(one);
      gateway.process().destroyForcibly();
      Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    }
    machine.script("ip -n two link set e address 02:00:00:00:00:02; ip -n two neigh flush dev e");
    try (var gateway = start(Kind.SOCKET)) {
      assertThat(exchange(two, Duration.ofSeconds(3)).out()).isEmpty();
      assertServed(one);
      assertThat(gateway.isRunning()).isTrue();
    }
  }

  /** While the rules are gone and the gateway does nothing about it. */
  @ParameterizedTest
  @EnumSource
  void guestsDoNotHearEachOtherWhileTheRulesAreGone(Kind kind) throws Exception {
    try (var gateway = start(kind)) {
      assertServed(one);
      assertServed(two);
      Signal.STOP.to(gateway.process());
      try (var atTwo = Capture.in(machine, "two", "e")) {
        machine.script("nft flush ruleset");
        one.script(
            DEADLINE,
            "arping -c 2 -w 2 -I e 10.0.0.3; ping -n -c 2 -W 1 10.0.0.3; ping -n -b -c 1 -W 1 10.0.0.255");
        assertThat(atTwo.end())
            .noneMatch(packet -> packet.hardwareSource().equals("02:00:00:00:00:02"));
      } finally {
        Signal.CONT.to(gateway.process());
        // What started it on the machine has stopped along with it.
        Signal.CONT.to(gateway.process().parent().orElseThrow());
      }
      machine.script("ip -n one neigh flush dev e");
      assertServed(one);
      gateway.stop(Signal.TERM);
      assertThat(machine.script("bridge -d link show | grep 'isolated on' || :").out()).isEmpty();
    }
  }

  /** Ports that leave their bridge and are back at once, and ports that another program opens. */
  @ParameterizedTest
  @CsvSource({
    "SOCKET, ip link set PORT nomaster; ip link set PORT master br0",
    "TAP, ip link set PORT nomaster; ip link set PORT master br0",
    "SOCKET, bridge link set dev PORT isolated off"
  })
  void aPortIsIsolatedAgain(Kind kind, String cause) throws Exception {
    try (var gateway = start(kind)) {
      assertServed(one);
      assertServed(two);
      for (var port : List.of("p2", "p3")) {
        machine.script(cause.replace("PORT", port));
      }
      Waiting.until(
          "the ports to be isolated again",
          DEADLINE,
          () ->
              machine
                      .script("bridge -d link show dev p2; bridge -d link show dev p3")
                      .out()
                      .lines()
                      .filter(line -> line.contains("isolated on"))
                      .count()
                  == 2);
      assertServed(one);
      gateway.stop(Signal.TERM);
    }
  }

  /** The credentials of the streams that were opened, or closed, at the proxy. */
  private List<String> streams(String event) {
    return proxy
        .output()
        .lines()
        .filter(line -> line.startsWith(event + " "))
        .map(line -> line.substring(event.length() + 1))
        // The gateway's own greeting, before it is ready.
        .filter(key -> !key.endsWith("torvtl-probe"))
        .toList();
  }

  /** Nothing is led to a guest that says it is the gateway. */
  @ParameterizedTest
  @EnumSource
  void theGatewaysMacAddressIsNotMoved(Kind kind) throws Exception {
    try (var gateway = start(kind)) {
      assertServed(one);
      machine.script("ip -n two link set e address " + Gateway.MAC);
      try (var atTwo = Capture.in(machine, "two", "e")) {
        two.run(DEADLINE, "arping", "-U", "-c", "3", "-w", "3", "-I", "e", "10.0.0.1");
        assertServed(one);
        assertThat(foreign(atTwo.end(), Gateway.MAC, "10.0.0.3")).isEmpty();
      }
      assertThat(one.run(DEADLINE, "ping", "-n", "-c", "3", "-i", "0.2", "10.0.0.1").out())
          .contains(" 0% packet loss");
      assertThat(gateway.isRunning()).isTrue();
    }
  }
}
