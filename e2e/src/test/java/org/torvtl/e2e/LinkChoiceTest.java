/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What torvtl refuses to use and why, and what {@code torvtl doctor} says; no Tor is needed. */
@Execution(ExecutionMode.CONCURRENT)
class LinkChoiceTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final String[] PROXY = {"-a", "127.0.0.1", "-p", "9055"};

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private RunningCommand listener;

  /** A machine with an interface that would do, and a program that listens as a proxy would. */
  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script(
        """
        ip netns add beyond
        ip link add vmnet1 type veth peer name far netns beyond
        ip address add 192.168.77.1/24 dev vmnet1
        ip link set vmnet1 up
        ip -n beyond link set far up
        sysctl -q -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
        sysctl -q -w net.ipv4.conf.vmnet1.arp_ignore=1
        """);
    listener = listenAs(105, "127.0.0.1", "9055");
  }

  @AfterEach
  void powerOff() throws Exception {
    listener.close();
    machine.close();
  }

  private CommandResult torvtl(String... arguments) throws Exception {
    return machine.start(Machine.torvtl(arguments)).await(DEADLINE);
  }

  private CommandResult run(String... arguments) throws Exception {
    var words = new ArrayList<>(List.of("run"));
    words.addAll(List.of(arguments));
    words.addAll(List.of(PROXY));
    return torvtl(words.toArray(String[]::new));
  }

  private void refused(CommandResult result, String... reasons) {
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).doesNotContain("\n").contains(reasons);
  }

  private Gateway serves(String device, String... more) throws Exception {
    var words = new ArrayList<>(List.of(PROXY));
    words.addAll(List.of(more));
    return Gateway.start(machine, device, words.toArray(String[]::new));
  }

  @Test
  void anInterfaceThatCarriesTheDefaultRouteIsRefused() throws Exception {
    machine.script("ip route add default via 192.168.77.2 dev vmnet1");
    refused(run("-d", "vmnet1"), "vmnet1 carries this host's default route", "--force");
    machine.script("ip route del default; ip route add 128.0.0.0/1 dev vmnet1");
    refused(run("-d", "vmnet1"), "vmnet1 carries this host's default route");
    serves("vmnet1", "--force").close();
  }

  @Test
  void anInterfaceWhosePacketsTheHostForwardsIsRefused() throws Exception {
    machine.script("sysctl -q -w net.ipv4.ip_forward=1");
    refused(
        run("-d", "vmnet1", "--allow-host"),
        "this host forwards what arrives at vmnet1",
        "sysctl -w net.ipv4.conf.vmnet1.forwarding=0",
        "--force");
    serves("vmnet1", "--allow-host", "--force").close();
    // A host that is not on the link forwards nothing from there.
    serves("vmnet1").close();
    // The fix it names is one.
    machine.script("sysctl -q -w net.ipv4.conf.vmnet1.forwarding=0");
    serves("vmnet1", "--allow-host").close();
  }

  /** The other end of va is a port of the host's bridge, with the host and guests on it. */
  @Test
  void aVethIntoABridgeOfThisHostIsRefused() throws Exception {
    machine.script(
        """
        ip link add br2 type bridge
        ip link set br2 up
        ip link add va type veth peer name vb
        ip link set va up
        ip link set vb up master br2
        """);
    var reason = "va has its other end, vb, on this host too, as a part of br2";
    refused(run("-d", "va"), reason, "run -d br2", "--force");
    refused(run("-d", "va", "--allow-host"), reason);
    finds(torvtl("doctor", "-d", "va"), reason, "run -d br2");
    // One bridge further.
    machine.script("ip link add br1 type bridge; ip link set br1 up; ip link set va master br1");
    refused(run("-d", "br1"), "br1 leads to va, which has its other end, vb, on this host too");
    refused(run("-d", "va"), "br1 leads to va, which has its other end, vb, on this host too");
    machine.script("ip link set vb nomaster; ip link set va nomaster");
    refused(run("-d", "va"), "va has its other end, vb, on this host", "ip link set vb netns");
    serves("va", "--allow-host").close();
    serves("va", "--force").close();
    // The fix it names is one.
    machine.script("ip link set vb netns beyond");
    serves("va").close();
  }

  /** It comes to this host, or into its bridge, while the gateway serves. */
  @Test
  void aVethWhoseOtherEndComesToThisHostCarriesNothing() throws Exception {
    machine.script("ip link add va type veth peer name vb; ip link set va up");
    // While that end is down, nobody is there.
    try (var gateway = serves("va")) {
      machine.script("ip link set vb up");
      Waiting.until(
          "that to be told",
          DEADLINE,
          () -> gateway.log().contains("nothing is carried on va: va has its other end, vb"));
      machine.script("ip link set vb netns beyond; ip -n beyond link set vb up");
      Waiting.until(
          "it to be carried again",
          DEADLINE,
          () -> gateway.log().contains("and traffic is carried"));
      machine.script(
          """
          ip link add br2 type bridge
          ip -n beyond link set vb netns 1
          ip link set vb master br2
          """);
      Waiting.until("that to be told", DEADLINE, () -> gateway.log().contains("as a part of br2"));
    }
  }

  @Test
  void aBridgeIsCheckedForItsPort() throws Exception {
    machine.script(
        """
        ip link add xenbr1 type bridge
        ip link set xenbr1 up
        sysctl -q -w net.ipv4.conf.xenbr1.forwarding=1
        """);
    machine.start(Machine.torvtl("tap", "create", "tap1")).await(DEADLINE).orThrow();
    machine.script("ip link set tap1 master xenbr1");
    refused(run("-r", "tap1", "-t", "xenbr1", "--allow-host"), "forwards what arrives at xenbr1");
    refused(run("-d", "tap1", "--allow-host"), "forwards what arrives at xenbr1");
  }

  /** A guest there would be answered twice. */
  @Test
  void twoDevicesOfOneLinkAreRefused() throws Exception {
    machine.script(
        """
        ip link add br1 type bridge
        ip link set br1 up
        ip link add port1 type veth peer name far1
        ip link set vmnet1 master br1
        ip link set port1 master br1
        """);
    refused(run("-d", "vmnet1", "-d", "br1"), "br1", "vmnet1", "they are one link", "leave out");
    refused(run("-d", "vmnet1", "-d", "port1"), "vmnet1", "port1", "they are one link, br1");
    machine.script(
        """
        ip link add low0 type veth peer name low1 netns beyond
        ip link add mv1 link low0 type macvlan mode bridge
        ip link add mv2 link low0 type macvlan mode bridge
        """);
    refused(
        run("-d", "mv1", "-d", "mv2"), "mv1", "mv2", "they are one link, by what they stand on");
  }

  /** Its first device is taken back. */
  @Test
  void allDevicesOrNone() throws Exception {
    machine.script("ip route add default via 192.168.77.2 dev vmnet1");
    // An address has its route once no other computer is found to have it.
    Waiting.until(
        "link-local addresses",
        DEADLINE,
        () ->
            machine
                    .script(
                        "for each in '' '-n beyond'; do ip $each -6 -o address show scope link"
                            + " -tentative; done")
                    .out()
                    .lines()
                    .filter(line -> line.contains("vmnet1") || line.contains("far"))
                    .count()
                == 2);
    var before = machine.traces();
    refused(run("-d", "tap7", "-d", "vmnet1"), "vmnet1 carries this host's default route");
    assertThat(machine.traces().since(before)).isEmpty();
  }

  @Test
  void theHostsOwnAddressIsNotTheGateways() throws Exception {
    var result = run("-d", "vmnet1", "--allow-host", "--address", "192.168.77.1");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err()).contains("192.168.77.1", "choose another with --address");
    serves("vmnet1", "--address", "192.168.77.1").close();
  }

  @Test
  void anInterfaceThatIsNoTapHasNoLanes() throws Exception {
    refused(run("-d", "vmnet1", "--lanes", "2"), "vmnet1", "--lanes 2", "only a TAP or TUN");
  }

  @Test
  void aBridgeThatIsNotThereIsOneLine() throws Exception {
    refused(run("-r", "tap1", "-t", "xenbr1"), "cannot send into xenbr1: there is no such");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "-r tap1 | -t DEV must say where to send",
        "-t xenbr1 | -r DEV must say where to receive",
        "-d tap0 -r tap1 -t xenbr1 | use either",
        "-d tap0 -r tap1 | -t DEV must say",
        "-r tap1 -t tap1 | the same device",
        "-d tap0 --tun tun0 | leave out -d",
        "-d tap0 --route 10.0.0.0/8 | say --tun",
        "--tun tun0 --route 10.0.0.1/8 | 10.0.0.0/8",
        "--tun tun0 --route 10.0.0.0/33 | 10.0.0.0/33"
      })
  void wrongUsageSaysWhatIsWrong(String arguments, String message) throws Exception {
    var result = run(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(2);
    assertThat(result.err()).contains(message);
  }

  @Test
  void aRouteThatWouldSwallowTheProxyIsRefused() throws Exception {
    var result =
        torvtl(
            "run", "--tun", "tun5", "--route", "203.0.113.0/24", "-a", "203.0.113.7", "-p", "9050");
    refused(result, "203.0.113.0/24", "the Tor proxy 203.0.113.7 is there");
  }

  @Test
  void aRouteThatWouldSwallowTheRelaysIsRefusedForATorThatRunsAsRoot() throws Exception {
    for (var destination : List.of("0.0.0.0/0", "192.0.32.0/24")) {
      refused(
          torvtl("run", "--user", "root", "--tun", "tun5", "--route", destination),
          destination,
          "Tor's relays",
          "service user");
    }
    assertThat(machine.script("ip rule show").out()).doesNotContain("proto 116");
  }

  /** What listens at the proxy's port here is user 105. */
  @Test
  void aTorWithAUserOfItsOwnIsLeftOutOfTheRoute() throws Exception {
    var before = machine.script("ip rule; ip -4 route show table all").out();
    try (var gateway = serves("tun5", "--route", "default")) {
      assertThat(machine.script("ip route get 1.2.3.4 uid 1000").out()).contains("dev tun5");
      assertThat(machine.script("ip route get 1.2.3.4 uid 0").out()).contains("dev tun5");
      var ofTor = machine.run(DEADLINE, "ip", "route", "get", "1.2.3.4", "uid", "105");
      assertThat(ofTor.toString()).doesNotContain("tun5").contains("unreachable");
      assertThat(machine.script("ip route get 127.0.0.1 uid 1000").out()).contains("dev lo");
      gateway.stop(Signal.TERM);
    }
    assertThat(machine.script("ip rule; ip -4 route show table all").out()).isEqualTo(before);
  }

  private RunningCommand listenAs(int user, String address, String port) throws Exception {
    var words = new ArrayList<>(List.of("setpriv", "--reuid=" + user, "--clear-groups"));
    words.addAll(Machine.listener(address, port));
    var listening = machine.start(words);
    listening.awaitLine("Listening", DEADLINE);
    return listening;
  }

  private void exempts(int user, int... others) throws Exception {
    assertThat(machine.run(DEADLINE, "ip", "route", "get", "1.2.3.4", "uid", "" + user).toString())
        .contains("unreachable");
    for (int other : others) {
      assertThat(machine.script("ip route get 1.2.3.4 uid $1", "" + other).out())
          .contains("dev tun5");
    }
    assertThat(machine.script("ip -6 rule; nft list ruleset").out())
        .contains("uidrange %d-%1$d".formatted(user), "meta skuid " + user + " accept")
        .satisfies(text -> {
          for (int other : others) {
            assertThat(text).doesNotContain("uidrange " + other, "skuid " + other);
          }
        });
  }

  /** Others listen at the same port of other addresses: each way round, the user is tor's. */
  @Test
  void theUserLeftOutIsWhoListensAtThatVeryAddress() throws Exception {
    try (var before = listenAs(33, "127.0.0.2", "9055");
        var six = listenAs(34, "::1", "9055");
        var other = listenAs(35, "127.0.0.1", "9056")) {
      for (var running : List.of(before, six, other)) {
        assertThat(running.isRunning()).isTrue();
      }
      try (var gateway = serves("tun5", "--route", "default")) {
        exempts(105, 33, 34, 35);
        gateway.stop(Signal.TERM);
      }
      try (var gateway =
          Gateway.start(machine, "tun5", "--route", "default", "-a", "::1", "-p", "9055")) {
        exempts(34, 33, 35, 105);
        assertThat(gateway.log()).contains("through Tor at [::1]:9055");
        gateway.stop(Signal.TERM);
      }
    }
    try (var all = listenAs(36, "0.0.0.0", "9057")) {
      assertThat(all.isRunning()).isTrue();
      try (var gateway =
          Gateway.start(machine, "tun5", "--route", "default", "-a", "127.0.0.1", "-p", "9057")) {
        exempts(36, 105);
        gateway.stop(Signal.TERM);
      }
    }
  }

  @Test
  void whereNobodyListensNobodyIsLeftOut() throws Exception {
    refused(
        torvtl("run", "--tun", "tun5", "--route", "default", "-a", "127.0.0.2", "-p", "9055"),
        "Tor's relays");
    refused(
        torvtl("run", "--tun", "tun5", "--route", "10.0.0.0/8", "-a", "127.0.0.2", "-p", "9055"),
        "cannot reach the Tor proxy 127.0.0.2:9055");
    assertThat(machine.script("ip rule; ip -6 rule; nft list ruleset").out())
        .doesNotContain("proto 116", "torvtl");
  }

  /** As Debian's package has it: its listener is root's, its connections are not. */
  @Test
  void aTorThatWasStartedByRootIsLeftOutAsTheUserItBecame() throws Exception {
    machine.script(
        """
        mkdir -m 700 /run/tor-data
        chown debian-tor /run/tor-data
        printf '%s\n' 'User debian-tor' 'DataDirectory /run/tor-data' 'SocksPort 127.0.0.1:9058' >/run/torrc
        """);
    try (var tor = machine.start(List.of("tor", "--quiet", "-f", "/run/torrc"))) {
      Waiting.until(
          "tor to listen",
          DEADLINE,
          () -> machine.script("ss -H -ltn").out().contains("127.0.0.1:9058"));
      assertThat(tor.isRunning()).isTrue();
      int user = Integer.parseInt(machine.script("id -u debian-tor").line());
      try (var gateway =
          Gateway.start(machine, "tun5", "--route", "default", "-a", "127.0.0.1", "-p", "9058")) {
        exempts(user, 0, 105);
        gateway.stop(Signal.TERM);
      }
    }
  }

  /** All of IPv6 is covered, a proxy in it too. */
  @Test
  void aDefaultRouteWouldSwallowAProxyOfIpv6() throws Exception {
    refused(
        torvtl("run", "--tun", "tun5", "--route", "default", "-a", "2001:db8::9", "-p", "9050"),
        "0.0.0.0/0",
        "the Tor proxy 2001:db8::9 is there");
  }

  /** Of whatever priority: at the gateway's end, and when the next one sweeps what it left. */
  @Test
  void rulesOfTheOnionNetworkAreNotTheGateways() throws Exception {
    machine.script(
        """
        ip tuntap add dev tun1 mode tun
        ip link set tun1 up
        ip tuntap add dev tun5 mode tun
        """);
    var index = machine.script("cat /sys/class/net/tun5/ifindex").line();
    var priority = Integer.toString(15_000 + Integer.parseInt(index));
    torvtl(
            "onion",
            "route",
            "up",
            "--from",
            "192.168.77.1",
            "--to",
            "18/8,128/8",
            "--dev",
            "tun1",
            "--priority",
            priority)
        .orThrow();
    var before = rules();
    assertThat(before).filteredOn(rule -> rule.startsWith(priority + ":")).hasSize(2);
    try (var gateway = serves("tun5", "--route", "203.0.113.0/24")) {
      assertThat(rules()).filteredOn(rule -> rule.startsWith(priority + ":")).hasSize(3);
      gateway.stop(Signal.TERM);
    }
    assertThat(rules()).isEqualTo(before);

    try (var gateway = serves("tun5", "--route", "203.0.113.0/24")) {
      gateway.stop(Signal.KILL);
    }
    machine.script("ip link delete tun5");
    assertThat(rules()).hasSizeGreaterThan(before.size());
    serves("tun6", "--route", "203.0.113.0/24").close();
    assertThat(rules()).isEqualTo(before);
  }

  private List<String> rules() throws Exception {
    return machine.script("ip -4 rule show").out().lines().toList();
  }

  @Test
  void theDoctorFindsNothingOnAHostThatIsRight() throws Exception {
    var result = torvtl("doctor", "-d", "vmnet1");
    assertThat(result.exitStatus()).as("%s", result).isZero();
    assertThat(result.out()).contains("nothing stands in the way").doesNotContain("problem");
  }

  @Test
  void theDoctorNotesThatThereIsNoSuchInterface() throws Exception {
    var result = torvtl("doctor", "-d", "vmnet7");
    assertThat(result.exitStatus()).as("%s", result).isZero();
    assertThat(result.out()).containsPattern("note +vmnet7: there is no such interface");
  }

  /** None of these is a problem: guests come later. */
  @ParameterizedTest
  @CsvSource({
    "idle8, none of its ports is up yet: a virtual machine that starts brings its own",
    "near8, no guest is connected to it yet",
    "tap8, no program has it open yet: torvtl run does"
  })
  void theDoctorSaysWhatAnIdleInterfaceWaitsFor(String device, String note) throws Exception {
    machine.script(
        """
        ip link add idle8 type bridge
        ip link add near8 type veth peer name far8
        ip link add port8 type veth peer name cable8
        ip link set port8 master idle8
        ip tuntap add tap8 mode tap user nobody
        for device in idle8 near8 tap8; do ip link set $device up; done
        """);
    // The kernel says so in a while.
    Waiting.until(
        "an idle " + device,
        DEADLINE,
        () -> machine.script("ip link show dev $1", device).out().contains("NO-CARRIER"));
    try {
      assertThat(torvtl("doctor", "-d", device).out())
          .contains("note     %s: %s\n".formatted(device, note));
    } finally {
      machine.script("for device in idle8 near8 port8 tap8; do ip link delete $device; done");
    }
  }

  @Test
  void theDoctorNamesAForwardingInterface() throws Exception {
    machine.script("sysctl -q -w net.ipv4.conf.vmnet1.forwarding=1");
    finds(torvtl("doctor", "-d", "vmnet1", "--allow-host"), "forwards", "vmnet1.forwarding=0");
    finds(torvtl("doctor", "-d", "vmnet1", "--allow-host"), "read and impersonate", "tap1");
  }

  /** What torvtl cannot divide: the switch between guests is none of this host's bridges. */
  @Test
  void theDoctorNotesWhereGuestsCannotBeKeptApart() throws Exception {
    machine.script(
        """
        ip link add low0 type veth peer name low1
        ip link add mv0 link low0 type macvlan mode bridge
        ip tuntap add own0 mode tap
        ip link add br7 type bridge
        ip link add p7 type veth peer name e7
        ip link set p7 master br7
        """);
    for (var device : List.of("vmnet1", "mv0", "own0", "br7", "p7")) {
      var result = torvtl("doctor", "-d", device);
      boolean isDivided = device.equals("br7") || device.equals("p7");
      assertThat(result.out().lines().filter(line -> line.contains("read and impersonate")))
          .as("%s", result)
          .hasSize(isDivided ? 0 : 1)
          .allMatch(line -> line.startsWith("note ") && line.contains("-d tap0 -d tap1"));
    }
  }

  /** As a DHCP relay does, on the bridge, on a port of it, or everywhere. */
  @ParameterizedTest
  @ValueSource(strings = {"br7", "p7", ""})
  void programsThatHearGuestsAllTheSameAreNamed(String device) throws Exception {
    machine.script(
        """
        ip link add br7 type bridge
        ip link add p7 type veth peer name e7
        ip link set p7 master br7
        """);
    assertThat(torvtl("doctor", "-d", "br7").out()).doesNotContain("packet socket");
    try (var relay =
        machine.start(
            List.of(
                "/usr/bin/python3",
                "-c",
                """
                import signal, socket, sys
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                if sys.argv[1]: s.bind((sys.argv[1], 0))
                print('hearing', flush=True)
                signal.pause()
                """,
                device))) {
      relay.awaitLine("hearing", DEADLINE);
      assertThat(torvtl("doctor", "-d", "br7").out())
          .containsPattern(
              "problem  br7: python3 \\(\\d+\\) of this host hears all that guests send");
    }
  }

  /** Two guests behind a switch elsewhere, the second of which comes later. */
  @Test
  void aSecondGuestThatCannotBeKeptApartIsTold() throws Exception {
    machine.script(
        """
        for each in switch a b; do
          ip netns add $each
          ip netns exec $each sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
        done
        ip -n beyond link set far netns switch
        ip netns exec switch sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
        ip -n switch link add br0 type bridge
        ip -n switch link set far master br0 up
        ip -n switch link set br0 up
        last=2
        for each in a b; do
          ip -n switch link add to_$each type veth peer name e netns $each
          ip -n switch link set to_$each master br0 up
          ip -n $each address add 10.0.0.$last/24 dev e
          ip -n $each link set e up
          last=3
        done
        """);
    try (var gateway = serves("vmnet1")) {
      machine.script("ip netns exec a ping -n -c 2 -W 5 10.0.0.1");
      assertThat(gateway.log()).doesNotContain("impersonate");
      machine.script("ip netns exec b ping -n -c 2 -W 5 10.0.0.1");
      Waiting.until("that to be told", DEADLINE, () -> gateway.log().contains("impersonate"));
      var mac = machine.script("ip netns exec b cat /sys/class/net/e/address").line();
      assertThat(gateway.log().lines().filter(line -> line.contains("impersonate")))
          .singleElement()
          .asString()
          .contains("vmnet1", mac, "-d tap0 -d tap1");
    }
  }

  @Test
  void theDoctorNamesAHostThatTellsItsAddresses() throws Exception {
    machine.script("sysctl -q -w net.ipv4.conf.vmnet1.arp_ignore=0");
    finds(
        torvtl("doctor", "-d", "vmnet1", "--allow-host"),
        "addresses on other networks",
        "arp_ignore=1");
  }

  @Test
  void theDoctorNamesAMissingTor() throws Exception {
    machine.script(
        """
        mkdir /tmp/path
        for folder in /usr/bin /bin /usr/sbin /sbin; do
          for program in "$folder"/*; do
            name=${program##*/}
            [ "$name" = tor ] || [ -e /tmp/path/"$name" ] || ln -s "$program" /tmp/path/"$name"
          done
        done
        """);
    finds(doctorUnder("env", "PATH=/tmp/path"), "tor", "apt-get install tor");
  }

  @Test
  void theDoctorNamesAMissingTunDevice() throws Exception {
    var result =
        doctorUnder(
            "unshare", "-m", "bash", "-c", "mount -t tmpfs none /dev/net && exec \"$@\"", "bash");
    finds(result, "/dev/net/tun", "modprobe tun");
  }

  @Test
  void theDoctorNamesMissingPrivileges() throws Exception {
    var result =
        doctorUnder(
            "setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw");
    finds(result, "CAP_NET_ADMIN is missing", "run as root, or grant CAP_NET_ADMIN");
    assertThat(result.out()).contains("CAP_NET_RAW is missing");
  }

  @Test
  void theDoctorNamesALowLimitOfDescriptors() throws Exception {
    var result = doctorUnder("bash", "-c", "ulimit -n 200; exec \"$@\"", "bash");
    assertThat(result.out()).contains("may have 200 files open", "LimitNOFILE=");
  }

  private CommandResult doctorUnder(String... wrapper) throws Exception {
    var command = new ArrayList<>(List.of(wrapper));
    command.addAll(Machine.torvtl("doctor"));
    return machine.start(command).await(DEADLINE);
  }

  private static void finds(CommandResult result, String problem, String fix) {
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.out()).containsPattern("problem .*\\Q" + problem + "\\E");
    assertThat(result.out()).containsPattern("fix: .*\\Q" + fix + "\\E");
  }
}
