/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The onion network, stage 3: a host with eth0 to eth3, behind each a gateway, behind that a world
 * with addresses in 18/8 and 128/8.
 */
@Execution(ExecutionMode.CONCURRENT)
class OnionWorldTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final String FROM = "192.168.200.2";
  private static final String WORLD = "128.30.2.155";
  private static final String CLOSED_TO_TUNNEL = "198.51.100.7";
  private static final Set<String> ROUTERS =
      Set.of("192.168.201.2", "192.168.202.2", "192.168.203.2");
  private static final List<String> ROUTE =
      List.of("--from", FROM, "--to", "18.0.0.0/8,128.0.0.0/8", "--dev", "tun1");

  private static final String NETWORK =
      """
      for i in 0 1 2 3; do
        ip link add eth$i type veth peer name host$i netns gateways
        ip addr add 192.168.20$i.2/24 dev eth$i
        ip -n gateways addr add 192.168.20$i.1/24 dev host$i
        ip -n gateways link set host$i up
        ip link set eth$i up
        ip route add default via 192.168.20$i.1 dev eth$i metric 10$i
      done
      ip -n gateways link add world0 type veth peer name out0 netns world
      ip -n gateways addr add 203.0.113.1/24 dev world0
      ip -n gateways link set world0 up
      ip -n world addr add 203.0.113.2/24 dev out0
      ip -n world link set out0 up
      for address in 18.7.7.7 128.30.2.155 198.51.100.7; do
        ip -n world addr add $address/32 dev lo
        ip -n gateways route add $address via 203.0.113.2
      done
      ip -n world route add default via 203.0.113.1
      ip netns exec gateways sysctl -q -w net.ipv4.ip_forward=1
      for i in 0 1 2 3; do
        until ping -q -c 1 -W 1 -I eth$i 192.168.20$i.1 >/dev/null; do :; done
      done
      """;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private NetworkNamespace world;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script("ip netns add gateways; ip -n gateways link set lo up");
    world = new NetworkNamespace(machine, "world");
    machine.script(NETWORK);
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  private OnionProxy proxy() throws Exception {
    return OnionProxy.start(
        machine,
        "--routers",
        "3",
        "--router-interface",
        "eth1=192.168.201.2/24",
        "--router-interface",
        "eth2",
        "--router-interface",
        "eth3=192.168.203.2");
  }

  private CommandResult route(String verb) throws Exception {
    return route(verb, ROUTE);
  }

  private CommandResult route(String verb, String from, String to) throws Exception {
    return route(verb, List.of("--from", from, "--to", to, "--dev", "tun1"));
  }

  private CommandResult route(String verb, List<String> which) throws Exception {
    var words = new ArrayList<>(List.of("onion", "route", verb));
    words.addAll(which);
    return machine.start(Machine.torvtl(words.toArray(String[]::new))).await(DEADLINE);
  }

  private void makeTunnelDevice() throws Exception {
    machine.script("ip tuntap add dev tun1 mode tun; ip link set tun1 up");
  }

  /** Where the kernel sends a packet from the address to the world: a device, or nowhere. */
  private String wayOf(String from, String to) throws Exception {
    var result = machine.run(DEADLINE, "ip", "route", "get", to, "from", from);
    return result.exitStatus() == 0
        ? result.out().replaceFirst("(?s)^.* dev (\\S+) .*$", "$1")
        : "nowhere";
  }

  /** What the world sees. */
  private Capture watch() throws Exception {
    return Capture.in(machine, world.name(), "out0");
  }

  /** All but the world's own addresses. */
  private static Set<String> sourcesOf(List<CapturedPacket> seen) {
    return seen.stream()
        .filter(packet -> packet.etherType() == CapturedPacket.IPV4)
        .map(CapturedPacket::source)
        .filter(address -> !address.equals(WORLD) && !address.equals("18.7.7.7"))
        .collect(Collectors.toSet());
  }

  private static boolean involves(CapturedPacket packet, String address) {
    return packet.source().equals(address) || packet.destination().equals(address);
  }

  @Test
  void pingReachesTheWorldWhichSeesTheRoutersOnly() throws Exception {
    try (var proxy = proxy();
        var seen = watch()) {
      route("up").orThrow();
      var ping = machine.script("ping -n -c 3 -i 0.2 -W 5 -I $1 $2", FROM, WORLD).out();
      assertThat(ping)
          .contains("64 bytes from 128.30.2.155: icmp_seq=1")
          .contains("3 packets transmitted, 3 received");
      machine.script(
          "for i in {1..30}; do ping -q -c 1 -W 5 -s 1472 -I $1 18.7.7.7 >/dev/null; done", FROM);
      // A packet past the onion network: here the host shows itself.
      machine.script("ping -q -c 1 -W 5 -I eth0 $1", CLOSED_TO_TUNNEL);
      var packets = seen.end();
      var sources = sourcesOf(packets);
      assertThat(sources).contains(FROM, CLOSED_TO_TUNNEL);
      var others =
          sources.stream()
              .filter(source -> !source.equals(FROM) && !source.equals(CLOSED_TO_TUNNEL))
              .collect(Collectors.toSet());
      assertThat(others).as("30 flows over three routers").isEqualTo(ROUTERS);
      assertThat(packets)
          .noneMatch(packet -> involves(packet, FROM) && !involves(packet, CLOSED_TO_TUNNEL));
      oneFlowStaysWithOneRouter(proxy);
    }
  }

  private static void oneFlowStaysWithOneRouter(OnionProxy proxy) throws Exception {
    var routers =
        proxy.log().stream()
            .filter(line -> line.contains("echo request " + FROM + " > " + WORLD))
            .map(line -> line.replaceFirst(".*; to ", ""))
            .collect(Collectors.toList());
    assertThat(routers).hasSize(3);
    assertThat(Set.copyOf(routers)).hasSize(1);
  }

  /** Pings with one identifier, from many addresses: each gets its own answers, at any size. */
  @Test
  @Tag("alone")
  @Execution(ExecutionMode.SAME_THREAD)
  void pingsThatShareAnIdentifierAreKeptApart() throws Exception {
    machine.script("for i in {11..30}; do ip addr add 192.168.200.$i/24 dev eth0; done");
    try (var proxy = proxy()) {
      var result =
          machine.script(
              """
              ip rule add from 192.168.200.0/24 to 128.0.0.0/8 table 9 priority 8
              ip route add 128.0.0.0/8 dev tun1 table 9
              pids=()
              for i in {11..30}; do
                ping -n -q -c 20 -i 0.05 -W 5 -e 77 -s $((i * 45)) -I 192.168.200.$i 128.30.2.155 &
                pids+=($!)
              done
              for pid in "${pids[@]}"; do wait $pid || exit 1; done
              """);
      assertThat(result.out().lines().filter(line -> line.contains(" 0% packet loss"))).hasSize(20);
      assertThat(proxy.command().isRunning()).isTrue();
    }
  }

  @Test
  void tracerouteShowsTheRouterTheGatewayAndTheWorld() throws Exception {
    try (var proxy = proxy()) {
      route("up").orThrow();
      for (var how : List.of("-I", "-U")) {
        var hops =
            machine
                .script("traceroute -n $1 -q 1 -w 5 -m 5 -s $2 $3", how, FROM, WORLD)
                .out()
                .lines()
                .skip(1)
                .map(line -> line.replaceFirst("^ *\\d+ +(\\S+) .*$", "$1"))
                .toList();
        assertThat(hops).as(how).hasSize(3);
        assertThat(hops.getFirst()).matches("10\\.5\\.51\\.25[234]");
        assertThat(hops.get(1)).matches("192\\.168\\.20[123]\\.1");
        assertThat(hops.getLast()).isEqualTo(WORLD);
      }
      assertThat(proxy.command().isRunning()).isTrue();
    }
  }

  @Test
  void datagramsGoBothWaysAndRefusalsComeBack() throws Exception {
    var echo =
        "mkfifo /tmp/back; nc -n -u -l 128.30.2.155 5555 </tmp/back | sed -u 's/^/echo of /' >/tmp/back";
    try (var proxy = proxy();
        var server = world.start(List.of("bash", "-c", echo))) {
      route("up").orThrow();
      Waiting.until(
          "the UDP server",
          DEADLINE,
          () -> world.script(DEADLINE, "ss -H -l -u -n").out().contains(":5555"));
      var send = "(echo hello; exec sleep 60) | nc -n -u -s $0 $1 5555";
      try (var client = machine.start(List.of("bash", "-c", send, FROM, WORLD))) {
        client.awaitLine("echo of hello", DEADLINE);
      }
      assertThat(server.isRunning()).isTrue();
      machine.script("echo x | nc -n -u -q 0 -s $1 $2 9998", FROM, WORLD);
      Waiting.until(
          "the refusal to come back",
          DEADLINE,
          () ->
              proxy.log().stream()
                  .anyMatch(line ->
                      line.contains("ICMP unreachable (3) " + WORLD + " > " + FROM)
                          && line.endsWith("to tun1")));
      // And to the program that has asked.
      var refused =
          machine.run(DEADLINE, "dig", "-b", FROM, "+tries=1", "+time=20", "@" + WORLD, "x.test");
      assertThat(refused.out() + refused.err()).contains("connection refused");
    }
  }

  private static final String DATAGRAMS =
      """
      import socket, sys, time
      source, target = sys.argv[1:]
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.bind((source, 0))
      s.connect((target, 9))
      end, refused = time.time() + 4, 0
      print('sending', flush=True)
      while time.time() < end:
        for _ in range(100):
          try: s.send(b'x')
          except OSError: refused += 1
      print('refused', refused)
      """;

  /** The device's queue was full of one user's datagrams: others lost most of their packets. */
  @Test
  @Tag("alone")
  @Execution(ExecutionMode.SAME_THREAD)
  void oneUsersFloodLeavesTheOthersTheirPackets() throws Exception {
    try (var proxy = proxy()) {
      route("up").orThrow();
      machine
          .start(List.of("ping", "-n", "-c", "1", "-W", "20", "-I", FROM, WORLD))
          .await(DEADLINE)
          .orThrow();
      try (var flood =
          machine.start(
              List.of(
                  "setpriv",
                  "--reuid=65533",
                  "--clear-groups",
                  "/usr/bin/python3",
                  "-c",
                  DATAGRAMS,
                  FROM,
                  WORLD))) {
        flood.awaitLine("sending", DEADLINE);
        // Routers that have just been started are slower than the flood, for a moment.
        Waiting.until(
            "the routers to keep up",
            DEADLINE,
            () ->
                machine
                    .start(
                        List.of("ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-I", FROM, WORLD))
                    .await(DEADLINE)
                    .out()
                    .contains(" 0% packet loss"));
        var beside =
            machine
                .start(List.of("ping", "-n", "-c", "20", "-i", "0.1", "-W", "5", "-I", FROM, WORLD))
                .await(DEADLINE)
                .out();
        assertThat(beside.lines().filter(line -> line.contains("time=")).count())
            .as("answered: %s", beside)
            .isGreaterThan(17);
        assertThat(flood.await(DEADLINE).out()).containsPattern("refused [1-9]\\d+");
      }
      proxy.stop(Signal.TERM);
    }
  }

  /** The world answers the port that a flow came from first; another one it does not hear. */
  @Test
  @Tag("alone")
  @Execution(ExecutionMode.SAME_THREAD)
  void aUserWhoSendsToEverywhereTakesNoFlowOfAnother() throws Exception {
    var echo =
        "mkfifo /tmp/back; nc -n -u -l 128.30.2.155 5555 </tmp/back | sed -u 's/^/echo of /' >/tmp/back";
    try (var proxy = proxy();
        var server = world.start(List.of("bash", "-c", echo))) {
      route("up").orThrow();
      Waiting.until(
          "the UDP server",
          DEADLINE,
          () -> world.script(DEADLINE, "ss -H -l -u -n").out().contains(":5555"));
      machine.script("mkfifo -m 666 /tmp/say");
      var talk = "exec 3<>/tmp/say; nc -n -u -s $0 $1 5555 <&3";
      try (var client =
          machine.start(
              List.of(
                  "setpriv", "--reuid=65534", "--clear-groups", "bash", "-c", talk, FROM, WORLD))) {
        machine.script("echo hello >/tmp/say");
        client.awaitLine("echo of hello", DEADLINE);
        // More than all three routers have room for.
        var flood =
            machine.start(
                List.of(
                    "setpriv",
                    "--reuid=65533",
                    "--clear-groups",
                    "bash",
                    "-c",
                    "for port in {10000..15500}; do until echo >/dev/udp/$0/$port; do :; done; done",
                    WORLD));
        flood.await(Duration.ofSeconds(60)).orThrow();
        // A datagram may be lost behind the flood. From another flow the server would take none.
        Waiting.until(
            "the echo of again",
            DEADLINE,
            () -> {
              machine.script("echo again >/tmp/say");
              return client.output().contains("echo of again");
            });
      }
      assertThat(server.isRunning()).isTrue();
      proxy.stop(Signal.TERM);
      long evicted =
          IntStream.rangeClosed(1, 3)
              .mapToObj(router -> lastLine(proxy, router))
              .map(line -> line.replaceFirst("(?s).*evicted\\.flows=(\\d+).*", "$1"))
              .filter(count -> count.matches("\\d+"))
              .mapToLong(Long::parseLong)
              .sum();
      assertThat(evicted).as("there were more flows than room").isPositive();
    }
  }

  private static String lastLine(OnionProxy proxy, int router) {
    try {
      return proxy.log(router).getLast();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The rule keeps back resets from the routed address into the tunnel, and no others. */
  @Test
  void tcpToOthersIsNotDisturbed() throws Exception {
    try (var proxy = proxy()) {
      route("up").orThrow();
      // A reset into the tunnel is kept back: the world gets no answer.
      var stray = world.run(DEADLINE, "nc", "-n", "-v", "-w", "2", "-s", WORLD, FROM, "81");
      assertThat(stray.err()).as("%s", stray).contains("timed out");
      assertThat(machine.script("nft list ruleset").out())
          .containsPattern("counter packets [1-9]\\d* bytes \\d+ drop");
      // From another address of the host, and from the same one to others, it goes out.
      assertThat(
              world
                  .run(DEADLINE, "nc", "-n", "-v", "-w", "5", "-s", WORLD, "192.168.201.2", "81")
                  .err())
          .contains("refused");
      assertThat(
              world
                  .run(DEADLINE, "nc", "-n", "-v", "-w", "5", "-s", CLOSED_TO_TUNNEL, FROM, "81")
                  .err())
          .contains("refused");
      // And TCP of the host's own works.
      try (var server =
          world.start(List.of("nc", "-n", "-l", "-s", CLOSED_TO_TUNNEL, "-p", "8080"))) {
        Waiting.until(
            "the TCP server",
            DEADLINE,
            () -> world.script(DEADLINE, "ss -H -l -t -n").out().contains(":8080"));
        machine.script("echo over TCP | nc -n -N -w 5 -s $1 $2 8080", FROM, CLOSED_TO_TUNNEL);
        server.awaitLine("over TCP", DEADLINE);
      }
      assertThat(proxy.command().isRunning()).isTrue();
    }
  }

  @Test
  void routeDownRemovesJustWhatUpMade() throws Exception {
    machine.script(
        """
        ip rule add from 192.168.200.9 table 9 priority 8
        ip route add 19.0.0.0/8 dev eth0 table 9
        nft add table ip others
        """);
    var before = traces();
    machine.script("ip tuntap add dev tun1 mode tun; ip link set tun1 up");
    route("up").orThrow();
    route("up").orThrow();
    assertThat(machine.script("ip rule").out().lines().filter(line -> line.contains(FROM + " ")))
        .as("made once for each network")
        .hasSize(2);
    assertThat(machine.script("ip route show table 9").out()).contains("18.0.0.0/8 dev tun1");
    machine.script("ip link delete tun1");
    route("down").orThrow();
    assertThat(traces()).isEqualTo(before);
    route("down").orThrow();
    assertThat(traces()).isEqualTo(before);
    // Half of it is gone by other hands.
    machine.script("ip tuntap add dev tun1 mode tun; ip link set tun1 up");
    route("up").orThrow();
    machine.script(
        "for table in $(nft list tables | awk '/torvtl/ { print $3 }'); do nft delete table inet $table; done");
    machine.script("ip route del 18.0.0.0/8 dev tun1 table 9");
    route("down").orThrow();
    machine.script("ip link delete tun1");
    assertThat(traces()).isEqualTo(before);
  }

  /** Each network's route stands for itself, also where several use one table. */
  @Test
  void aRouteThatGoesDownTakesNoOtherAlong() throws Exception {
    machine.script("ip addr add 192.168.200.77/24 dev eth0");
    var before = traces();
    makeTunnelDevice();
    route("up", FROM, "18/8").orThrow();
    route("up", FROM, "128/8").orThrow();
    route("up", "192.168.200.77", "18/8").orThrow();
    assertThat(machine.script("nft list ruleset").out()).contains("18.0.0.0/8", "128.0.0.0/8");

    route("down", FROM, "128/8").orThrow();
    assertThat(wayOf(FROM, "18.7.7.7")).isEqualTo("tun1");
    assertThat(wayOf(FROM, WORLD)).isEqualTo("eth0");
    route("down", "192.168.200.77", "18/8").orThrow();
    assertThat(wayOf(FROM, "18.7.7.7")).isEqualTo("tun1");
    assertThat(wayOf("192.168.200.77", "18.7.7.7")).isEqualTo("eth0");
    assertThat(machine.script("nft list ruleset").out())
        .contains("ip saddr 192.168.200.2 ip daddr 18.0.0.0/8");
    machine.script("ip link delete tun1");
    assertThat(wayOf(FROM, "18.7.7.7")).isEqualTo("nowhere");

    route("down", FROM, "18/8").orThrow();
    assertThat(traces()).isEqualTo(before);
  }

  @Test
  void rulesAndRoutesOfOthersStay() throws Exception {
    makeTunnelDevice();
    machine.script(
        """
        ip rule add from 192.168.200.2 table 9 priority 8
        ip rule add from 192.168.200.2 to 18.0.0.0/8 fwmark 7 table 9 priority 8
        ip rule add from 192.168.200.2 to 1.2.3.0/24 table 9 priority 8
        ip route add 19.0.0.0/8 dev eth0 table 9
        """);
    var before = traces();
    route("up").orThrow();
    route("up").orThrow();
    route("down").orThrow();
    assertThat(traces()).isEqualTo(before);

    machine.script("ip route add 18.0.0.0/8 via 192.168.200.1 dev eth0 table 9");
    before = traces();
    for (var verb : List.of("up", "down")) {
      var refused = route(verb);
      assertThat(refused.exitStatus()).as("%s", refused).isEqualTo(1);
      assertThat(refused.err().strip()).hasLineCount(1).contains("18.0.0.0/8 via 192.168.200.1");
      assertThat(traces()).isEqualTo(before);
    }
  }

  /** What is in force stays in force, whether the next {@code up} succeeds or fails. */
  @Test
  void makingItAgainLetsNothingPastTheTunnel() throws Exception {
    try (var seen = watch()) {
      makeTunnelDevice();
      route("up").orThrow();
      try (var flood =
          machine.start(List.of("ping", "-q", "-i", "0.002", "-W", "1", "-I", FROM, WORLD))) {
        route("up").orThrow();
        route("up").orThrow();
        machine.script("ip link set tun1 down");
        var failed = route("up");
        assertThat(failed.exitStatus()).as("%s", failed).isEqualTo(1);
        assertThat(wayOf(FROM, WORLD)).isEqualTo("nowhere");
        assertThat(flood.isRunning()).isTrue();
      }
      machine.script("ping -q -c 1 -W 5 -I eth0 $1", CLOSED_TO_TUNNEL);
      assertThat(seen.end())
          .anyMatch(packet -> packet.source().equals(CLOSED_TO_TUNNEL))
          .noneMatch(packet -> involves(packet, WORLD));
    }
  }

  /** Whenever Ctrl-C comes: either all of it is there, or nothing. */
  @ParameterizedTest
  @ValueSource(strings = {"ip route show table 9", "nft list tables", "ip rule show table 9"})
  void interruptedItLeavesNothing(String stage) throws Exception {
    makeTunnelDevice();
    var before = traces();
    var words = new ArrayList<>(List.of("onion", "route", "up"));
    words.addAll(ROUTE);
    try (var up = machine.startInForeground(Machine.torvtl(words.toArray(String[]::new)))) {
      var process = Machine.processOf(up);
      Waiting.until(
          "something to be made",
          DEADLINE,
          () ->
              !up.isRunning()
                  || !machine.run(DEADLINE, "sh", "-c", stage + " 2>/dev/null").out().isBlank());
      // What it makes takes it milliseconds: it may be done before the signal is there.
      boolean isInterrupted = Signal.INT.reachesGroupOf(process);
      var result = up.await(DEADLINE);
      assertThat(isInterrupted || result.exitStatus() == 0).as("%s", result).isTrue();
      if (result.exitStatus() == 0) {
        route("down").orThrow();
      }
      assertThat(traces()).as("%s", result).isEqualTo(before);
    }
  }

  /** IPv6 takes its time to have its addresses on a new interface. */
  private List<String> traces() throws Exception {
    return machine.traces().lines().stream().filter(line -> !line.contains("::")).toList();
  }

  /** As in the seed: device, rule and routes are made by hand. */
  @Test
  void whatIsRoutedByHandIsCarriedToo() throws Exception {
    machine.script(
        """
        ip tuntap add dev tun1 mode tun
        ip addr add 10.5.51.2/24 dev tun1
        ip link set tun1 up
        ip rule add from $1 table 9 priority 8
        ip route add table 9 to 18.0.0.0/8 dev tun1
        ip route add table 9 to 128.0.0.0/8 dev tun1
        """,
        FROM);
    try (var proxy = proxy();
        var seen = watch()) {
      assertThat(machine.script("ping -n -c 1 -W 5 -I $1 $2", FROM, WORLD).out())
          .contains("64 bytes from 128.30.2.155");
      machine.script("ping -q -c 1 -W 5 -I eth0 $1", CLOSED_TO_TUNNEL);
      var packets = seen.end();
      assertThat(sourcesOf(packets)).contains(CLOSED_TO_TUNNEL).containsAnyElementsOf(ROUTERS);
      assertThat(packets.stream().filter(packet -> involves(packet, WORLD)))
          .isNotEmpty()
          .noneMatch(packet -> involves(packet, FROM));
      assertThat(proxy.command().isRunning()).isTrue();
    }
  }

  /**
   * A program that binds to an interface, or to nothing at all, has the routed address as its
   * source all the same; and IPv6 that stands for a destination is not carried.
   */
  @Test
  void nothingPassesTheTunnelBy() throws Exception {
    machine.script(
        """
        ip addr add 2001:db8:50::2/64 dev eth0 nodad
        ip -n gateways addr add 2001:db8:50::1/64 dev host0 nodad
        ip -6 route add default via 2001:db8:50::1
        ip addr add 18.0.0.5/32 dev lo
        """);
    var waysAround =
        List.of(
            "curl -sS --max-time 5 --interface eth0 http://18.7.7.7/",
            "curl -sS --max-time 5 --interface eth0 http://" + WORLD + "/",
            "curl -sS --max-time 2 --interface eth0 tftp://18.7.7.7/x",
            "ping -n -c 1 -W 1 -I eth0 18.7.7.7",
            "ping -n -c 1 -W 1 -s 4000 -I eth0 18.7.7.7",
            "ping -n -c 1 -W 1 18.7.7.7",
            "traceroute -n -q 1 -w 1 -m 2 -i eth0 18.7.7.7",
            "curl -sS --max-time 5 -g http://[64:ff9b::18.7.7.7]/",
            "curl -sS --max-time 5 -g --interface eth0 http://[2002:1207:0707::1]/",
            "curl -sS --max-time 5 -g --interface eth0 http://[2001:0:102:304:0:0:edf8:f8f8]/",
            "ping -n -c 1 -W 1 -I eth0 64:ff9b::18.7.7.7");
    try (var seen = watchTheHost()) {
      try (var proxy = proxy()) {
        route("up").orThrow();
        tryAll(waysAround);
        // By way of another host; newer kernels want CAP_NET_RAW for that.
        var command = "traceroute -n -q 1 -w 1 -m 2 -i eth0 -g 198.51.100.9 18.7.7.7";
        assertThat(machine.run(DEADLINE, command.split(" ")).exitStatus()).isNotZero();
        // A router's own sending, from its own address, and the host's to itself.
        machine.script("ping -q -c 1 -W 5 -I $1 $2", FROM, WORLD);
        machine.script("ping -q -c 1 -W 5 18.0.0.5");
        proxy.stop(Signal.KILL);
      }
      Waiting.until(
          "tun1 to go", DEADLINE, () -> !machine.script("ip -o link").out().contains("tun1"));
      tryAll(waysAround);
      machine.script("ping -q -c 1 -W 5 -I eth0 $1", CLOSED_TO_TUNNEL);
      assertThat(ofTheHost(seen.end()))
          .anyMatch(packet -> packet.destination().equals(CLOSED_TO_TUNNEL))
          .allMatch(packet ->
              involves(packet, CLOSED_TO_TUNNEL) || isWithGateway(packet) || isOnLink(packet));
      route("down").orThrow();
      machine.script("ping -q -c 1 -W 5 -I eth0 18.7.7.7");
    }
  }

  /** What passes on the host's network. */
  private Capture watchTheHost() throws Exception {
    return Capture.in(machine, "gateways", "host0");
  }

  /** Of what passes there, what the host has sent. */
  private List<CapturedPacket> ofTheHost(List<CapturedPacket> seen) throws Exception {
    var mac = machine.script("cat /sys/class/net/eth0/address").line();
    return seen.stream().filter(packet -> packet.hardwareSource().equals(mac)).toList();
  }

  /** Who has the gateway's address, or that the host has its own. */
  private static boolean isWithGateway(CapturedPacket packet) {
    return packet.etherType() == CapturedPacket.ARP
        && packet.source().equals(FROM)
        && packet.destination().equals("192.168.200.1");
  }

  /** Neighbor and router discovery, and multicast reports: ICMPv6 that no router forwards. */
  private static boolean isOnLink(CapturedPacket packet) {
    return packet.protocol() == CapturedPacket.ICMPV6
        && packet.destination().matches("(ff02|fe80|2001:db8:50):.*");
  }

  /** A mark that reroutes what was led into the tunnel, and NAT of the source after that. */
  @Test
  void whatAnotherProgramReroutesDoesNotPassTheTunnelBy() throws Exception {
    machine.script(
        """
        ip -n gateways neigh replace 192.168.200.77 lladdr 02:00:00:00:00:77 dev host0
        nft -f - <<'EOF'
        table ip other {
          chain marks {
            type route hook output priority mangle
            meta skuid 65534 meta mark set 1
          }
          chain masks {
            type nat hook postrouting priority srcnat
            oifname eth0 ip saddr 192.168.200.2 snat to 192.168.200.77
          }
        }
        EOF
        ip rule add fwmark 1 lookup main priority 5
        """);
    var program = List.of("setpriv", "--reuid=65534", "--clear-groups", "bash", "-c");
    var send = new ArrayList<>(program);
    send.add("echo secret | nc -n -u -w 1 -s %s 18.7.7.7 5000".formatted(FROM));
    try (var seen = watchTheHost();
        var proxy = proxy()) {
      route("up").orThrow();
      machine.start(send).await(DEADLINE);
      machine.script("ping -q -c 1 -W 5 -I $1 $2", FROM, WORLD);
      machine.script("ping -q -c 1 -W 1 -I eth0 $1 || :", CLOSED_TO_TUNNEL);
      assertThat(ofTheHost(seen.end()))
          .anyMatch(packet -> packet.destination().equals(CLOSED_TO_TUNNEL))
          .noneMatch(packet -> packet.destination().equals("18.7.7.7"));
      route("down").orThrow();
      proxy.stop(Signal.TERM);
    }
    try (var seen = watchTheHost()) {
      machine.start(send).await(DEADLINE);
      assertThat(ofTheHost(seen.end()))
          .as("it is rerouted")
          .anyMatch(packet ->
              packet.source().equals("192.168.200.77")
                  && packet.destination().equals("18.7.7.7")
                  && packet.destinationPort() == 5000);
    }
  }

  private void tryAll(List<String> commands) throws Exception {
    for (var command : commands) {
      var result =
          machine.run(
              DEADLINE, "setpriv", "--reuid=65534", "--clear-groups", "bash", "-c", command);
      assertThat(result.exitStatus()).as("%s", result).isNotZero();
    }
  }

  /** When the proxy is gone, what was led into the tunnel does not go the ordinary way. */
  @Test
  void nothingFallsBackWhenTheProxyEnds() throws Exception {
    try (var proxy = proxy();
        var seen = watch()) {
      route("up").orThrow();
      proxy.stop(Signal.KILL);
      Waiting.until(
          "tun1 to go", DEADLINE, () -> !machine.script("ip -o link").out().contains("tun1"));
      var ping = machine.run(DEADLINE, "ping", "-n", "-c", "1", "-W", "2", "-I", FROM, WORLD);
      assertThat(ping.exitStatus()).isNotZero();
      machine.script("ping -q -c 1 -W 5 -I eth0 $1", CLOSED_TO_TUNNEL);
      assertThat(seen.end())
          .anyMatch(packet -> packet.source().equals(CLOSED_TO_TUNNEL))
          .noneMatch(packet -> involves(packet, WORLD));
    }
    route("down").orThrow();
  }

  @Test
  void withoutTheDeviceOrTheAddressItSaysSo() throws Exception {
    var noDevice = route("up");
    assertThat(noDevice.exitStatus()).isEqualTo(1);
    assertThat(noDevice.err().strip()).hasLineCount(1).contains("tun1", "torvtl onion proxy");
    var noAddress =
        machine
            .start(
                Machine.torvtl(
                    "onion", "route", "up", "--from", "192.0.2.1", "--to", "18/8", "--dev", "eth0"))
            .await(DEADLINE);
    assertThat(noAddress.exitStatus()).isEqualTo(1);
    assertThat(noAddress.err().strip()).hasLineCount(1).contains("192.0.2.1");
    var noTunnel = route("up", List.of("--from", FROM, "--to", "18/8", "--dev", "eth0"));
    assertThat(noTunnel.exitStatus()).isEqualTo(1);
    assertThat(noTunnel.err().strip()).hasLineCount(1).contains("eth0", "no TUN");
  }
}
