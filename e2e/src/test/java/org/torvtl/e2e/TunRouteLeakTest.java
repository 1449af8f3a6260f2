/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Programs that try to pass a TUN with routes by: a capture of the outside shows not one of their
 * packets, while the gateway runs and after it was killed. What is led into the TUN gets no answer
 * here: in Tor's place is a program that takes connections.
 */
@Execution(ExecutionMode.CONCURRENT)
class TunRouteLeakTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final String SERVER = "203.0.113.80";
  private static final int ROOT = 0, TOR = 105, PROGRAM = 65_534;

  /** A line each; what is to fail at once has a second to do so. */
  private static final String WAYS_AROUND =
      """
      curl -sS --max-time 5 --interface eth0 http://203.0.113.80/
      curl -sS --max-time 2 --interface eth0 tftp://203.0.113.80/x
      curl -sS --max-time 1 --interface lo http://203.0.113.80/
      ping -n -c 1 -W 1 -I eth0 203.0.113.80
      ping -n -c 1 -W 1 -s 4000 -I eth0 203.0.113.80
      ping -n -c 1 -W 1 -I eth0 203.0.113.81
      traceroute -n -q 1 -w 1 -m 2 -i eth0 203.0.113.80
      curl -sS --max-time 5 -g http://[64:ff9b::203.0.113.80]/
      curl -sS --max-time 5 -g --interface eth0 http://[64:ff9b::203.0.113.80]/
      curl -sS --max-time 5 -g --interface eth0 http://[64:ff9b:1:cb00:71:5000::]/
      curl -sS --max-time 5 -g --interface eth0 http://[2002:cb00:7150::1]/
      curl -sS --max-time 5 -g --interface eth0 http://[2001:0:cb00:7150::1]/
      curl -sS --max-time 5 -g --interface eth0 http://[2001:0:102:304:0:0:34ff:8eaf]/
      curl -sS --max-time 5 -g --interface eth0 http://[2001:db8:77::5efe:203.0.113.80]/
      curl -sS --max-time 5 -g --interface 2001:db8:50::2 http://[2002:cb00:7150::1]/
      ping -n -c 1 -W 1 -I eth0 64:ff9b::203.0.113.80
      """;

  /** Sends to an address by way of another: kind of source route, first hop, last address. */
  private static final String BY_WAY_OF =
      """
      cat >/usr/local/bin/by-way-of <<'EOF'
      #!/usr/bin/python3
      import socket, sys
      kind, protocol, hop, last = sys.argv[1:]
      family = socket.AF_INET6 if kind == 'segments' else socket.AF_INET
      address = lambda text: socket.inet_pton(family, text)
      one = socket.socket(family, getattr(socket, 'SOCK_' + protocol))
      one.settimeout(2)
      if kind == 'segments':  # RFC 8754, section 2: the last address is filled in.
          header = bytes([0, 4, 4, 1, 1, 0, 0, 0]) + bytes(16) + address(hop)
          one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RTHDR, header)
      else:  # RFC 791, section 3.1: behind a "no operation".
          options = bytes([1, {'loose': 131, 'strict': 137}[kind], 7, 4]) + address(hop)
          one.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
      if protocol == 'STREAM':
          one.connect((last, 80))
      else:
          one.sendto(b'secret', (last, 9))
      EOF
      chmod 755 /usr/local/bin/by-way-of
      """;

  /** The first hop is not led into the TUN where a network is. */
  private static final String SOURCE_ROUTED =
      """
      by-way-of loose DGRAM 198.51.100.9 203.0.113.80
      by-way-of strict DGRAM 192.168.50.1 203.0.113.80
      by-way-of loose STREAM 198.51.100.9 203.0.113.80
      by-way-of strict STREAM 192.168.50.1 203.0.113.80
      traceroute -n -q 1 -w 1 -m 2 -g 198.51.100.9 203.0.113.80
      by-way-of segments DGRAM 2001:db8:99::1 64:ff9b::203.0.113.80
      by-way-of segments STREAM 2001:db8:99::1 2002:cb00:7150::1
      """;

  /** Those that any program may send. */
  private static final String SEGMENTS =
      SOURCE_ROUTED.substring(SOURCE_ROUTED.indexOf("by-way-of segments"));

  /** These too where all is covered. */
  private static final String OF_ALL =
      """
      curl -sS --max-time 5 --interface eth0 http://198.51.100.9/
      curl -sS --max-time 5 -g http://[2001:db8:99::1]/
      curl -sS --max-time 5 -g --interface eth0 http://[2001:db8:99::1]/
      curl -sS --max-time 2 -g --interface eth0 tftp://[2001:db8:99::1]/x
      curl -sS --max-time 5 -g http://[2001:db8:50::1]/
      curl -sS --max-time 5 -g http://[fe80::50:1%25eth0]/
      dig +tries=1 +time=1 @fe80::50:1%eth0 leak.test
      ping -n -c 1 -W 1 2001:db8:99::1
      ping -n -c 1 -W 1 -I eth0 -s 4000 2001:db8:99::1
      ping -n -c 1 -W 1 -I eth0 ff02::1
      ping -n -c 1 -W 1 -I eth0 192.168.50.1
      ping -n -c 1 -W 1 -I eth0 224.0.0.1
      ping -n -c 1 -W 1 -b -I eth0 255.255.255.255
      """;

  private static final String LIKE_DHCP =
      """
      echo secret | timeout 2 nc -n -u -b -w 1 -s 192.168.50.2 -p 68 255.255.255.255 67
      echo secret | timeout 2 nc -n -6 -u -w 1 -p 546 ff02::1:2%eth0 547
      """;

  /**
   * Another program's rules: a mark that reroutes to the outside, NAT of the source, and of what is
   * sent to the host's own address.
   */
  private static final String REROUTING =
      """
      nft -f - <<'EOF'
      table inet other {
        chain marks {
          type route hook output priority mangle
          meta skuid 105 accept
          meta mark set 1
        }
        chain own {
          type nat hook output priority -100
          ip daddr 192.168.50.2 udp dport 8080 dnat ip to 203.0.113.80:5000
          ip6 daddr 2001:db8:50::2 udp dport 8080 dnat ip6 to [2001:0:cb00:7150::1]:5000
        }
        chain masks {
          type nat hook postrouting priority srcnat
          oifname eth0 masquerade
        }
      }
      EOF
      for family in -4 -6; do
        ip $family rule add fwmark 1 lookup main priority 100
      done
      """;

  /** Led into the TUN or to the loopback interface at first. */
  private static final String REROUTED =
      """
      timeout 1 bash -c 'echo secret >/dev/tcp/203.0.113.80/80'
      echo secret >/dev/udp/203.0.113.80/9
      ping -n -c 1 -W 1 203.0.113.80
      ping -n -c 1 -W 1 -s 4000 203.0.113.80
      echo secret >/dev/udp/192.168.50.2/8080
      echo secret | nc -n -u -w 1 -s 192.168.50.2 192.168.50.2 8080
      echo secret >/dev/udp/2001:db8:50::2/8080
      echo secret | nc -n -u -w 1 -s 2001:db8:50::2 2001:db8:50::2 8080
      """;

  /** Bound to nothing: for the time when rules are replaced. */
  private static final String FLOOD =
      "while :; do echo >/dev/udp/203.0.113.80/9; echo >/dev/udp/2001:db8:99::1/9; done 2>/dev/null";

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private OutsideWorld outside;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private RunningCommand proxy;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    outside = OutsideWorld.around(machine);
    var listener = new ArrayList<>(List.of("setpriv", "--reuid=" + TOR, "--clear-groups"));
    listener.addAll(Machine.listener("127.0.0.1", "9055"));
    proxy = machine.start(listener);
    proxy.awaitLine("Listening", DEADLINE);
  }

  @AfterEach
  void powerOff() throws Exception {
    proxy.close();
    outside.close();
    machine.close();
  }

  private RunningCommand as(int user, String command) throws Exception {
    return machine.start(
        List.of("setpriv", "--reuid=" + user, "--clear-groups", "bash", "-c", command));
  }

  private Gateway gateway(String destination, String... more) throws Exception {
    var words = new ArrayList<>(List.of("--route", destination));
    words.addAll(List.of(more));
    words.addAll(List.of("-a", "127.0.0.1", "-p", "9055"));
    return Gateway.start(machine, "tun5", words.toArray(String[]::new));
  }

  /** A gateway that starts while a program sends all the time. */
  private Gateway gatewayUnder(String flood, String destination) throws Exception {
    try (var sending = as(PROGRAM, flood)) {
      var gateway = gateway(destination);
      assertThat(sending.isRunning()).isTrue();
      return gateway;
    }
  }

  private void tryAll(String commands) throws Exception {
    tryAll(PROGRAM, commands);
  }

  /** Some of them side by side: most wait for what never comes. */
  private void tryAll(int user, String commands) throws Exception {
    try (var executor = Executors.newFixedThreadPool(6)) {
      var tries =
          commands
              .lines()
              .map(command ->
                  executor.submit(() -> {
                    tryOne(user, command);
                    return command;
                  }))
              .toList();
      for (var each : tries) {
        each.get();
      }
    }
  }

  private void tryOne(int user, String command) throws Exception {
    long before = System.nanoTime();
    var result = as(user, command).await(DEADLINE);
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before);
    assertThat(result.exitStatus()).as("%s", result).isNotZero();
    // By TFTP curl sends again and again, whatever the error; by lo it is not refused.
    if (command.startsWith("curl") && !command.contains("tftp:") && !command.contains(" lo ")) {
      assertThat(millis).as("fails at once: %s", result).isLessThan(4_000);
    }
  }

  /** What the user of tor sends is seen, and nothing came before it. */
  private void onlyTorIsSeen(int mark) throws Exception {
    as(TOR, "echo >/dev/udp/%s/%d; echo >/dev/udp/2001:db8:99::1/%2$d".formatted(SERVER, mark))
        .await(DEADLINE)
        .orThrow();
    outside.await("tor's packets of IPv4", text -> text.contains(SERVER + "." + mark));
    outside.await("and of IPv6", text -> text.contains("2001:db8:99::1." + mark));
    assertThat(outside.seen().stream().filter(line -> !line.contains("." + mark + ":"))).isEmpty();
  }

  @Test
  void nothingPassesADefaultRouteBy() throws Exception {
    var before = machine.traces();
    try (var gateway = gateway("default")) {
      tryAll(WAYS_AROUND + OF_ALL);
      onlyTorIsSeen(7001);
      gateway.stop(Signal.KILL);
    }
    tryAll(WAYS_AROUND + OF_ALL);
    onlyTorIsSeen(7001);
    try (var again = gatewayUnder(FLOOD, "default")) {
      onlyTorIsSeen(7001);
      again.stop(Signal.TERM);
    }
    assertThat(machine.traces().since(before)).isEmpty();
    // That it would have been seen.
    as(PROGRAM, "ping -n -c 1 -W 5 -I eth0 " + SERVER).await(DEADLINE).orThrow();
    as(PROGRAM, "ping -n -c 1 -W 5 2001:db8:99::1").await(DEADLINE).orThrow();
    assertThat(outside.seen()).anyMatch(line -> line.contains("> 203.0.113.80: ICMP echo request"));
  }

  @Test
  void theKillSwitchIsPutBackWhenAnotherProgramRemovesOrChangesIt() throws Exception {
    var before = machine.traces();
    try (var gateway = gateway("default")) {
      var table = killSwitch(gateway);
      var changes =
          List.of(
              "nft flush ruleset",
              "nft insert rule inet torvtl_tun_%1$d around accept",
              "nft delete chain inet torvtl_tun_%1$d around",
              "nft flush chain inet torvtl_tun_%1$d refused",
              "nft flush chain inet torvtl_tun_%1$d rerouted",
              "nft insert rule inet torvtl_tun_%1$d leaving accept",
              "nft delete table inet torvtl_tun_%1$d");
      for (int i = 0; i < changes.size(); i++) {
        int times = i + 1;
        machine.script(changes.get(i).formatted(gateway.deviceIndex()));
        Waiting.until(
            "the packet filter to be back",
            DEADLINE,
            () -> gateway.log().split("and is back", -1).length > times);
        assertThat(killSwitch(gateway)).as(changes.get(i)).isEqualTo(table);
      }
      tryAll(WAYS_AROUND + OF_ALL);
      onlyTorIsSeen(7001);
      // Its own change is no reason to look again.
      assertThat(gateway.log().split("and is back", -1)).hasSize(changes.size() + 1);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    assertThat(machine.traces().since(before)).isEmpty();
  }

  /** Sends more than is taken at once, and closes; bound to an interface, and not. */
  private static final String CLOSING =
      """
      import socket, sys
      family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
      s = socket.socket(family, socket.SOCK_STREAM)
      s.connect((sys.argv[1], 80))
      s.setblocking(False)
      sent = 0
      try:
        while True: sent += s.send(bytes(65536))
      except BlockingIOError:
        pass
      print(sent, *s.getsockname()[:2])
      """;

  private static final String RESETTING =
      """
      import socket, struct, sys
      family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
      s = socket.socket(family, socket.SOCK_STREAM)
      s.connect((sys.argv[1], 80))
      s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
      print(s.getsockname()[1])
      """;

  private static final String SLOW_SERVER =
      """
      import socket, time
      s = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True)
      print('listening', flush=True)
      while True:
        c = s.accept()[0]
        time.sleep(1)
        c.settimeout(20)
        taken = 0
        try:
          while True:
            data = c.recv(65536)
            if not data: break
            taken += len(data)
        except OSError as e:
          taken = e
        print('taken', taken, flush=True)
        c.close()
      """;

  /**
   * The kernel sends what is left of a connection that tor has closed: that was refused, so that
   * tor's last bytes were lost, and the other end never heard of the end.
   */
  @ParameterizedTest
  @ValueSource(strings = {SERVER, "2001:db8:99::1"})
  void whatTorHasClosedIsSentToTheEnd(String server) throws Exception {
    try (var gateway = gateway("default");
        var listener = outside.namespace().start(List.of("/usr/bin/python3", "-c", SLOW_SERVER))) {
      listener.awaitLine("listening", DEADLINE);
      var words =
          List.of(
              "setpriv",
              "--reuid=" + TOR,
              "--clear-groups",
              "/usr/bin/python3",
              "-c",
              CLOSING,
              server);
      var sent = machine.start(words).await(DEADLINE).orThrow().line().split(" ", -1);
      assertThat(Long.parseLong(sent[0])).isGreaterThan(100_000);
      listener.awaitLine("taken " + sent[0], DEADLINE);
      assertThat(machine.script("nft list chains").out()).contains("chain closed");
      // Another program at a port of a connection that tor has reset is not tor.
      var port =
          machine
              .start(
                  List.of(
                      "setpriv",
                      "--reuid=" + TOR,
                      "--clear-groups",
                      "/usr/bin/python3",
                      "-c",
                      RESETTING,
                      server))
              .await(DEADLINE)
              .orThrow()
              .line();
      var other =
          as(PROGRAM, "echo secret | nc -n -w 5 -p %s %s 80".formatted(port, server))
              .await(DEADLINE);
      assertThat(other.exitStatus()).as("%s", other).isNotZero();
      assertThat(other.err()).as("the port is free").doesNotContain("in use", "Cannot assign");
      as(TOR, "echo >/dev/udp/%s/7002".formatted(SERVER)).await(DEADLINE).orThrow();
      outside.await("tor's packet", text -> text.contains(SERVER + ".7002"));
      assertThat(outside.seen().stream().filter(line -> line.contains("." + port + " > ")))
          .as("requests from that port")
          .filteredOn(line -> line.contains("Flags [S]"))
          .hasSize(1);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
  }

  private void assertNothingIsLeft() throws Exception {
    assertThat(machine.script("nft list ruleset; ip rule | grep 116 || :").out().strip()).isEmpty();
  }

  private String killSwitch(Gateway gateway) throws Exception {
    return machine
        .script("nft -s list table inet torvtl_tun_%d".formatted(gateway.deviceIndex()))
        .out();
  }

  /**
   * A ruleset that was saved and is loaded again, as Debian's nftables service does it: one from
   * before the last change, and one with an exemption more. In one transaction, and in two.
   */
  @Test
  void aSavedCopyOfTheKillSwitchIsReplaced() throws Exception {
    try (var gateway = gateway("default")) {
      var table = killSwitch(gateway);
      var loads =
          List.of(
              "{ echo flush ruleset; cat /tmp/saved; } | nft -f -",
              "nft flush ruleset; nft -f /tmp/saved",
              "nft delete table inet torvtl_tun_%1$d; nft -f /tmp/saved");
      int times = 0;
      for (var load : loads) {
        // Of the table that is in force now.
        machine.script(
            "nft list ruleset | sed '/oif \"lo\" accept/a oifname \"another0\" accept' >/tmp/saved");
        machine.script(load.formatted(gateway.deviceIndex()));
        int before = times;
        Waiting.until(
            "the packet filter to be back", DEADLINE, () -> restorations(gateway) > before);
        Waiting.until("it to be as it was", DEADLINE, () -> killSwitch(gateway).equals(table));
        times = restorations(gateway);
      }
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
  }

  private static int restorations(Gateway gateway) {
    return gateway.log().split("and (is|are) back", -1).length - 1;
  }

  /** Whatever nft does, that is told once, and it is tried until it works. */
  @ParameterizedTest
  @CsvSource({
    "'kill -KILL $$', nft was killed (it has 4 s)",
    "'exec sleep 1000', nft was killed (it has 4 s)",
    "'echo Warning: odd; echo Error: no memory; exit 1', Error: no memory",
  })
  void aKillSwitchThatCannotBePutBackIsTriedAgain(String nft, String reason) throws Exception {
    try (var gateway = gateway("default")) {
      var table = killSwitch(gateway);
      machine.script(
          """
          nft=$(readlink -f "$(command -v nft)")
          cp "$nft" /tmp/nft
          printf '#!/bin/sh\\necho asked >>/run/asked\\n%s\\n' "$1" >/run/broken
          chmod 755 /run/broken
          mount --bind /run/broken "$nft"
          /tmp/nft delete table inet torvtl_tun_$2
          """,
          nft, Integer.toString(gateway.deviceIndex()));
      Waiting.until("that to be told", DEADLINE, () -> gateway.log().contains(reason));
      var asked = machine.file("/run/asked");
      Waiting.until("two more tries", DEADLINE, () -> Files.readAllLines(asked).size() > 2);
      // Another program's changes are no reason to try without a pause.
      int before = Files.readAllLines(asked).size();
      machine.script(
          "for i in {1..50}; do /tmp/nft add table ip x; /tmp/nft delete table ip x; done");
      assertThat(Files.readAllLines(asked)).hasSizeLessThan(before + 20);
      assertThat(gateway.log().split("cannot be put back", -1)).hasSize(2);
      machine.script("umount -l \"$(readlink -f \"$(command -v nft)\")\"");
      Waiting.until("the packet filter to be back", DEADLINE, () -> restorations(gateway) == 1);
      assertThat(killSwitch(gateway)).isEqualTo(table);
      assertThat(gateway.log().split("cannot be put back", -1)).hasSize(2);
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    assertThat(
            machine.script("nft list ruleset; ip rule show | grep 'proto 116' || :").out().strip())
        .isEmpty();
  }

  /** The gateway ends and says why; what the rules led into the TUN stays closed. */
  @ParameterizedTest
  @CsvSource({"KILL, has ended", "STOP, does not answer"})
  void withoutTheProcessThatKeepsTheRoutesTheGatewayEnds(Signal signal, String reason)
      throws Exception {
    try (var gateway = gateway("default")) {
      var keeper =
          gateway
              .process()
              .children()
              // Of a long command line there are no arguments.
              .filter(child ->
                  child
                      .info()
                      .arguments()
                      .map(List::of)
                      .orElse(List.of())
                      .contains("torvtl-routes"))
              .findFirst()
              .orElseThrow();
      signal.to(keeper);
      if (signal == Signal.STOP) {
        machine.script("nft flush ruleset");
      }
      Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
      assertThat(gateway.log()).contains(reason, "start torvtl run again");
      keeper.destroyForcibly();
    }
    if (signal == Signal.KILL) {
      tryAll(WAYS_AROUND + OF_ALL);
      onlyTorIsSeen(7001);
    }
    try (var again = gateway("default")) {
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      again.stop(Signal.TERM);
    }
  }

  /**
   * Packets like a DHCP client's, with contents of the sender's own: from a port that needs no
   * privilege here, and from the users DHCP clients run as.
   */
  @Test
  void whoIsNoDhcpClientSendsNothingLikeOne() throws Exception {
    machine.script(
        """
        sysctl -q -w net.ipv4.ip_unprivileged_port_start=0
        getent passwd systemd-network || useradd --system systemd-network
        """);
    int client = Integer.parseInt(machine.script("id -u systemd-network").line());
    try (var gateway = gateway("default")) {
      as(PROGRAM, LIKE_DHCP).await(DEADLINE);
      onlyTorIsSeen(7001);
      for (int user : List.of(0, client)) {
        int before = outside.seen().size();
        as(user, LIKE_DHCP).await(DEADLINE);
        outside.await(
            "DHCP of both families by user " + user,
            text ->
                outside.seen().stream()
                            .skip(before)
                            .filter(line -> line.contains("> 255.255.255.255.67"))
                            .count()
                        == 1
                    && outside.seen().stream()
                            .skip(before)
                            .filter(line -> line.contains("> ff02::1:2.547"))
                            .count()
                        == 1);
      }
      gateway.stop(Signal.TERM);
    }
  }

  @Test
  void nothingPassesANetworksRouteByAndAllElseWorks() throws Exception {
    try (var gateway = gateway("203.0.113.0/24,192.0.2.0/24")) {
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      var elsewhere =
          as(
                  PROGRAM,
                  "ping -n -c 1 -W 5 -I eth0 198.51.100.9 && ping -n -c 1 -W 5 2001:db8:99::1 &&"
                      + " ping -n -c 1 -W 5 -I eth0 fe80::50:1")
              .await(DEADLINE);
      elsewhere.orThrow();
      gateway.stop(Signal.TERM);
    }
  }

  /**
   * What the first hop would send on to where the TUN leads. Newer kernels let no program without
   * CAP_NET_RAW have a source route of IPv4.
   */
  @ParameterizedTest
  @ValueSource(strings = {"203.0.113.0/24", "default"})
  void aSourceRouteDoesNotPassBy(String destination) throws Exception {
    machine.script(BY_WAY_OF);
    try (var gateway = gateway(destination)) {
      tryAll(ROOT, SOURCE_ROUTED);
      tryAll(SEGMENTS);
      machine.script(REROUTING);
      tryAll(ROOT, SOURCE_ROUTED);
      onlyTorIsSeen(7001);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    machine.script("nft delete table inet other");
    // That it would have been seen.
    var sent = SOURCE_ROUTED.lines().filter(line -> line.contains("DGRAM")).toList();
    for (var command : sent) {
      as(ROOT, command).await(DEADLINE).orThrow();
    }
    outside.await("loosely", text -> text.contains("> 198.51.100.9.9: UDP"));
    outside.await("strictly", text -> text.contains("> 192.168.50.1.9: UDP"));
    outside.await(
        "by segments", text -> text.contains("> 2001:db8:99::1: ") && text.contains("RT6"));
  }

  /** The half of IPv4, twice, is a default route. */
  @Test
  void twoHalvesAreADefaultRoute() throws Exception {
    try (var gateway = gateway("0.0.0.0/1,128.0.0.0/1")) {
      tryAll(OF_ALL);
      onlyTorIsSeen(7001);
      gateway.stop(Signal.TERM);
    }
  }

  @Test
  void theHostsOwnAddressesStayInReach() throws Exception {
    machine.script(
        """
        ip addr add 203.0.113.77/32 dev eth0
        ip addr add 2001:db8:50::77/64 dev eth0 nodad
        """);
    try (var gateway = gateway("default");
        var server = machine.start(List.of("nc", "-nlkv", "203.0.113.77", "8080"));
        var server6 = machine.start(List.of("nc", "-nlkv", "2001:db8:50::77", "8080"))) {
      for (var each : List.of(server, server6)) {
        each.awaitOutput("'Listening'", text -> text.contains("istening"), DEADLINE);
      }
      as(PROGRAM, "echo >/dev/tcp/203.0.113.77/8080").await(DEADLINE).orThrow();
      as(PROGRAM, "echo >/dev/tcp/2001:db8:50::77/8080").await(DEADLINE).orThrow();
      as(PROGRAM, "ping -n -c 1 -W 5 127.0.0.1 && ping -n -c 1 -W 5 ::1").await(DEADLINE).orThrow();
      as(PROGRAM, "ping -n -c 1 -W 5 " + OutsideWorld.OWN_ADDRESS).await(DEADLINE).orThrow();
      gateway.stop(Signal.TERM);
    }
  }

  /** What the host's kernel says by itself to packets from outside: resets, errors, replies. */
  @Test
  void theKernelDoesNotAnswerByAnotherInterface() throws Exception {
    machine.script("sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0");
    try (var gateway = gateway("default");
        var bound = machine.start(List.of("nc", "-nlkv", "192.168.50.2", "8080"))) {
      bound.awaitOutput("'Listening'", text -> text.contains("istening"), DEADLINE);
      outside
          .namespace()
          .script(
              DEADLINE,
              """
              for port in 81 8080; do
                nc -n -w 1 -s 203.0.113.80 192.168.50.2 $port
                nc -n -w 1 -s 192.168.50.1 192.168.50.2 $port
                nc -n -w 1 -s 2001:db8:99::1 2001:db8:50::2 $port
                echo x | nc -n -u -q 0 -s 203.0.113.80 192.168.50.2 $port
                echo x | nc -n -u -q 0 -s 2001:db8:99::1 2001:db8:50::2 $port
                echo x | nc -n -u -q 0 fe80::50:2%out0 $port
              done
              ping -n -c 1 -W 1 -I 203.0.113.80 192.168.50.2
              ping -n -c 1 -W 1 -I 2001:db8:99::1 2001:db8:50::2
              ping -n -c 1 -W 1 fe80::50:2%out0
              :
              """)
          .orThrow();
      onlyTorIsSeen(7001);
      gateway.stop(Signal.TERM);
    }
  }

  /** The interface that a packet leaves by is another than the one it was first routed to. */
  @ParameterizedTest
  @ValueSource(strings = {"203.0.113.0/24", "default"})
  void whatAnotherProgramReroutesDoesNotPassBy(String destination) throws Exception {
    machine.script("sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0");
    machine.script(REROUTING);
    try (var gateway = gateway(destination)) {
      // The rule of the mark comes first, whatever the gateway's priorities.
      for (var command : REROUTED.lines().toList()) {
        as(PROGRAM, command).await(DEADLINE);
      }
      // The kernel's own answers, which are no program's.
      outside
          .namespace()
          .script(
              DEADLINE,
              """
              nc -n -w 1 -s 203.0.113.80 192.168.50.2 81
              echo x | nc -n -u -q 0 -s 203.0.113.80 192.168.50.2 81
              ping -n -c 1 -W 1 -I 203.0.113.80 192.168.50.2
              :
              """)
          .orThrow();
      onlyTorIsSeen(7001);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    // That it would have been seen.
    as(PROGRAM, "echo secret >/dev/udp/192.168.50.2/8080").await(DEADLINE).orThrow();
    outside.await("what was rerouted", text -> text.contains("> 203.0.113.80.5000: UDP"));
  }

  /** They are led by rules and the bridge's table as before, and are no program's of this host. */
  @ParameterizedTest
  @ValueSource(strings = {"203.0.113.0/24", "default"})
  void whatTheHostForwardsOrBridgesPassesAsBefore(String destination) throws Exception {
    machine.script(
        """
        for guest in 1 2 3; do
          ip netns add guest$guest
          ip link add port$guest type veth peer name eth0 netns guest$guest
          ip link set port$guest up
          ip -n guest$guest addr add 203.0.113.$guest/24 dev eth0
          ip -n guest$guest link set eth0 up
        done
        ip link add br5 type bridge
        ip link set br5 up
        ip link set port2 master br5
        ip link set port3 master br5
        for family in ip ip6; do
          hook=/proc/sys/net/bridge/bridge-nf-call-${family}tables
          [ ! -e $hook ] || echo 1 >$hook
        done
        ip addr add 10.5.0.1/24 dev port1
        ip addr add 2001:db8:5::1/64 dev port1 nodad
        ip -n guest1 addr add 10.5.0.2/24 dev eth0
        ip -n guest1 addr add 2001:db8:5::2/64 dev eth0 nodad
        ip -n guest1 addr flush to 203.0.113.1 dev eth0
        ip -n guest1 route add default via 10.5.0.1
        ip -n guest1 route add default via 2001:db8:5::1
        sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        for family in -4 -6; do
          ip $family rule add iif port1 lookup main priority 100
        done
        ip rule add to 10.5.0.0/24 lookup main priority 100
        ip -6 rule add to 2001:db8:5::/64 lookup main priority 100
        nft -f - <<'EOF'
        table inet other {
          chain masks {
            type nat hook postrouting priority srcnat
            oifname eth0 masquerade
          }
        }
        EOF
        """);
    try (var gateway = gateway(destination)) {
      machine.script("ip netns exec guest2 ping -n -q -c 1 -W 10 203.0.113.3");
      machine.script("ip netns exec guest1 ping -n -q -c 1 -W 10 203.0.113.80");
      machine.script("ip netns exec guest1 ping -n -q -c 1 -W 10 64:ff9b::203.0.113.80");
      gateway.stop(Signal.TERM);
    }
  }

  /** A TUN of the user's own stays when its gateway is killed, and the next gateway takes over. */
  @Test
  void aPersistentTunIsTakenOver() throws Exception {
    machine.script("ip tuntap add dev tun5 mode tun");
    var before = machine.traces();
    try (var gateway = gateway("203.0.113.0/24")) {
      gateway.stop(Signal.KILL);
    }
    tryAll(WAYS_AROUND);
    var flood = FLOOD.replace("2001:db8:99::1", "2002:cb00:7150::1");
    try (var again = gatewayUnder(flood, "203.0.113.0/24")) {
      onlyTorIsSeen(7001);
      again.stop(Signal.TERM);
    }
    machine.script("ip addr flush dev tun5; ip link set tun5 down");
    assertThat(machine.traces().since(before)).isEmpty();
  }

  /** The end of the TUN is that of the gateway, and nobody asked for it. */
  @Test
  void aGatewayThatFailsOpensNothing() throws Exception {
    try (var gateway = gateway("203.0.113.0/24")) {
      machine.script("ip link delete tun5");
      Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
      assertThat(gateway.log()).contains("routes into Tor are left");
    }
    tryAll(WAYS_AROUND);
    machine.script("timeout 5 curl -sS --max-time 3 http://203.0.113.80/ || :");
    onlyTorIsSeen(7001);
    try (var again = gateway("203.0.113.0/24")) {
      again.stop(Signal.TERM);
    }
    assertNothingIsLeft();
  }

  /** As a terminal that is closed sends it, and a connection that is lost. */
  @Test
  void aHangupOpensNothing() throws Exception {
    try (var gateway = gateway("default")) {
      assertThat(gateway.stop(Signal.HUP).exitStatus()).isEqualTo(129);
      assertThat(gateway.log()).contains("SIGHUP", "routes into Tor are left");
    }
    tryAll(WAYS_AROUND + OF_ALL);
    onlyTorIsSeen(7001);
    try (var again = gateway("default")) {
      again.stop(Signal.TERM);
    }
    assertNothingIsLeft();
  }

  /** Where SIGHUP is ignored, as nohup has it, it stays so. */
  @Test
  void aHangupThatIsIgnoredEndsNothing() throws Exception {
    var words = new ArrayList<>(List.of("env", "--ignore-signal=HUP"));
    words.addAll(
        Machine.torvtl(
            "run", "--tun", "tun5", "--route", "default", "-a", "127.0.0.1", "-p", "9055"));
    try (var command = machine.start(words)) {
      command.awaitLine("ready", DEADLINE);
      var process = Machine.processOf(command);
      Signal.HUP.to(process);
      Signal.TERM.to(process);
      assertThat(command.await(DEADLINE).exitStatus()).isIn(0, 143);
      assertThat(command.output()).doesNotContain("SIGHUP");
    }
    assertNothingIsLeft();
  }

  /** As systemd-networkd does when it is started again. */
  @ParameterizedTest
  @ValueSource(strings = {"203.0.113.0/24", "default"})
  void rulesAndRoutesThatAnotherProgramRemovesAreBack(String destination) throws Exception {
    try (var gateway = gateway(destination)) {
      var before = rulesAndRoutes();
      var removals =
          List.of(
              "ip -4 rule flush protocol 116",
              "ip -6 rule flush protocol 116",
              "ip -4 rule delete priority $(ip -4 rule | grep -m 1 'proto 116' | cut -d: -f1)",
              "ip route flush table $(ip -4 rule | sed -n 's/.* lookup \\([0-9]*\\) proto 116.*/\\1/p;T;q')",
              "ip route delete unreachable default table $(ip -4 rule | sed -n 's/.* lookup \\([0-9]*\\) proto 116.*/\\1/p;T;q')");
      for (var removal : removals) {
        machine.script(removal);
        Waiting.until(removal, DEADLINE, () -> rulesAndRoutes().equals(before));
      }
      Waiting.until("that to be told", DEADLINE, () -> gateway.log().contains("and are back"));
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    assertNothingIsLeft();
  }

  /** More than one argument of a program could hold the rules of. */
  @Test
  void rulesOfManyNetworksAreBack() throws Exception {
    var networks =
        IntStream.range(0, 200)
            .mapToObj("10.9.%d.0/26"::formatted)
            .collect(Collectors.joining(",", SERVER + ",", ""));
    try (var gateway = gateway(networks)) {
      var before = rulesAndRoutes();
      for (var family : List.of("-4", "-6")) {
        machine.script("ip %s rule flush protocol 116".formatted(family));
        Waiting.until("rules", DEADLINE, () -> rulesAndRoutes().equals(before));
      }
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    assertNothingIsLeft();
  }

  /** The kernel removes its IPv4 routes without a word. */
  @ParameterizedTest
  @ValueSource(strings = {"203.0.113.0/24", "default"})
  void routesThatGoWithTheirDeviceAreBack(String destination) throws Exception {
    try (var gateway = gateway(destination)) {
      var before = ledIntoTheDevice();
      assertThat(before).contains("dev tun5", "proto 116");
      var changes =
          List.of(
              "ip link set tun5 down",
              "ip -4 address flush dev tun5",
              "ip link set tun5 down; ip link set tun5 up",
              "ip link set tun5 down; ip link set tun5 name other5");
      for (int i = 0; i < changes.size(); i++) {
        int times = i + 1;
        machine.script(changes.get(i));
        Waiting.until(changes.get(i), DEADLINE, () -> restorations(gateway) == times);
        assertThat(ledIntoTheDevice().replace("other5", "tun5"))
            .as(changes.get(i))
            .isEqualTo(before);
      }
      assertThat(gateway.log())
          .contains("tun5 was set down or lost its address by another program");
      // And the gateway still serves it.
      if (destination.equals("default")) {
        as(PROGRAM, "ping -n -c 1 -W 10 10.0.0.1").await(DEADLINE).orThrow();
      }
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
    assertNothingIsLeft();
  }

  /** What is led into it is refused meanwhile, and that is not told each second. */
  @Test
  void aDeviceThatIsKeptDownOpensNothing() throws Exception {
    try (var gateway = gateway("203.0.113.0/24")) {
      var before = ledIntoTheDevice();
      try (var unused =
          machine.start(List.of("bash", "-c", "while ip link set tun5 down; do :; done"))) {
        tryAll(WAYS_AROUND);
        machine.script("timeout 5 curl -sS --max-time 3 http://203.0.113.80/ || :");
        onlyTorIsSeen(7001);
        assertThat(unused.isRunning()).isTrue();
      }
      Waiting.until("the device", DEADLINE, () -> ledIntoTheDevice().equals(before));
      assertThat(gateway.log().lines().filter(line -> line.contains("RouteWatch")))
          .hasSizeBetween(1, 12);
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
  }

  /** Nothing tells that a route was removed whose place another took. */
  @Test
  void aRouteThatAnotherProgramReplacesIsTheFirstAgain() throws Exception {
    try (var gateway = gateway("203.0.113.0/24")) {
      machine.script(
          "ip route replace 203.0.113.0/24 dev eth0 table $(ip -4 rule |"
              + " sed -n 's/.* lookup \\([0-9]*\\) proto 116.*/\\1/p')");
      Waiting.until("it to be back", DEADLINE, () -> restorations(gateway) == 1);
      assertThat(machine.script("ip route get 203.0.113.80").out()).contains("dev tun5");
      assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    }
  }

  private String ledIntoTheDevice() throws Exception {
    return machine
        .script(
            """
            table=$(ip -4 rule | sed -n 's/.* lookup \\([0-9]*\\) proto 116.*/\\1/p;T;q')
            ip -4 route show table "$table" | sed 's/ linkdown//' | sort
            for family in -4 -6; do ip $family rule | grep 116; done
            """)
        .out();
  }

  private String rulesAndRoutes() throws Exception {
    return machine
        .script(
            "for family in -4 -6; do ip $family rule; ip $family route show table all; done |"
                + " sed 's/ expires [0-9a-z]*//; s/ linkdown//' | sort")
        .out();
  }

  /** A start that fails leaves closed what was closed. */
  @Test
  void aStartThatFailsOpensNothing() throws Exception {
    try (var gateway = gateway("203.0.113.0/24")) {
      gateway.stop(Signal.KILL);
    }
    proxy.close();
    var failed =
        machine
            .start(
                Machine.torvtl(
                    "run",
                    "--tun",
                    "tun5",
                    "--route",
                    "203.0.113.0/24",
                    "-a",
                    "127.0.0.1",
                    "-p",
                    "9055"))
            .await(DEADLINE);
    assertThat(failed.exitStatus()).as("%s", failed).isEqualTo(1);
    tryAll(WAYS_AROUND);
    onlyTorIsSeen(7001);
  }

  @Test
  void twoGatewaysDoNotShareADestination() throws Exception {
    try (var gateway = gateway("203.0.113.0/24")) {
      var other =
          machine
              .start(
                  Machine.torvtl(
                      "run", "--tun", "tun6", "--route", SERVER, "-a", "127.0.0.1", "-p", "9055"))
              .await(DEADLINE);
      assertThat(other.exitStatus()).as("%s", other).isEqualTo(1);
      assertThat(other.err().strip()).hasLineCount(1).contains("203.0.113.0/24", "another torvtl");
      tryAll(WAYS_AROUND);
      onlyTorIsSeen(7001);
      gateway.stop(Signal.TERM);
    }
  }

  @Test
  void withoutNftablesItRefuses() throws Exception {
    var before = machine.traces();
    for (var command :
        List.of("run --tun tun5 --route 203.0.113.0/24 -a 127.0.0.1 -p 9055", "doctor")) {
      var words =
          new ArrayList<>(
              List.of(
                  "unshare",
                  "-m",
                  "bash",
                  "-c",
                  "mount --bind /dev/null $(command -v nft) && exec \"$@\"",
                  "bash"));
      words.addAll(Machine.torvtl(command.split(" ")));
      var result = machine.start(words).await(DEADLINE);
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.out() + result.err()).contains("nft", "apt-get install nftables");
      assertThat(result.err().strip().lines().count()).isLessThan(2);
    }
    assertThat(machine.traces().since(before)).isEmpty();
  }
}
