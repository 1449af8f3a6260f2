/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The host is not on its guests' link: whatever a guest sends to it, nothing of the host answers,
 * and nothing of it is seen on the host's other network. {@link HostProbe} has the frames.
 *
 * <p>The host is as careless as can be: it forwards, filters no source address, answers broadcast
 * pings, and answers ARP for all of its addresses on every interface.
 */
class HostIsolationTest {
  private static final Duration DEADLINE = Duration.ofSeconds(40);
  private static final String[] PROXY = {"-a", "127.0.0.1", "-p", "9055"};

  /** What a guest pretends to be, and what it is. */
  private static final Set<String> SOURCES =
      Set.of("203.0.113.7", "192.168.50.10", "2001:db8:f::7", "fd50::10");

  /** Loopback, link, LAN and a public address of the host, and its neighbour on the LAN. */
  private static final String TARGETS =
      "127.0.0.1,192.168.50.1,10.99.0.1,198.51.100.1,10.99.0.2,fd50::1,2001:db8:99::1,2001:db8:99::2";

  private static final String HOST =
      """
      sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.icmp_echo_ignore_broadcasts=0 net.ipv4.conf.all.rp_filter=0 \
        net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0 \
        net.ipv4.conf.default.route_localnet=1
      ip netns add outside
      ip link add out0 type veth peer name far netns outside
      ip address add 10.99.0.1/24 dev out0
      ip address add 2001:db8:99::1/64 dev out0 nodad
      ip link set out0 up
      ip -n outside address add 10.99.0.2/24 dev far
      ip -n outside address add 2001:db8:99::2/64 dev far nodad
      ip -n outside link set far up
      ip route add default via 10.99.0.2
      ip -6 route add default via 2001:db8:99::2
      ip address add 198.51.100.1/32 dev lo
      ip netns add guest
      """;

  private static final String BRIDGE =
      """
      ip link add name br0 type bridge
      ip link add p0 type veth peer name e netns guest
      ip link set p0 master br0 up
      ip link set br0 up
      """;

  private static final String TAP_IN_BRIDGE =
      BRIDGE
          + """
          ip tuntap add tap1 mode tap
          ip link set tap1 master br0
          """;

  /** A second guest, so that there are frames to pass on. */
  private static final String NEIGHBOR =
      """
      ip netns add two
      ip link add p2 type veth peer name e2 netns two
      ip link set p2 master br0 up
      ip -n two link set e2 up
      """;

  /** A firewall that refuses what the host forwards, and says so to who seems to have sent it. */
  private static final String FIREWALL =
      """
      nft -f - <<'RULES'
      table inet firewall {
        chain forward {
          type filter hook forward priority 0
          meta l4proto tcp reject with tcp reset
          reject with icmpx admin-prohibited
        }
      }
      RULES
      """;

  private static final List<String> BRIDGE_FILTER_ON =
      List.of(
          "sysctl -q -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
          "ip link set br0 type bridge nf_call_iptables 1 nf_call_ip6tables 1");

  private static final String BRIDGE_FILTER_OFF =
      """
      sysctl -q -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
      ip link set br0 type bridge nf_call_iptables 0 nf_call_ip6tables 0
      """;

  /** A kind of link: how it is made, the host's device there, and how the gateway is started. */
  enum Kind {
    BRIDGE(HostIsolationTest.BRIDGE, "br0", "-d", "br0"),
    BRIDGE_WITH_STP(
        HostIsolationTest.BRIDGE + "ip link set br0 type bridge stp_state 1 forward_delay 2\n",
        "br0",
        "-d",
        "br0"),
    VETH(
        """
        ip link add vmnet1 type veth peer name e netns guest
        ip link set vmnet1 up
        """,
        "vmnet1",
        "-d",
        "vmnet1"),
    MACVLAN(
        """
        ip link add low0 type veth peer name e netns guest
        ip link set low0 up
        ip address add 192.168.60.1/24 dev low0
        ip link add mv0 link low0 type macvlan mode passthru
        ip link set mv0 up
        """,
        "mv0",
        "-d",
        "mv0"),
    /**
     * The host has another macvlan on the same lower device, with the address. In mode bridge a
     * macvlan hears its own MAC address only, so it has the gateway's.
     */
    MACVLAN_WITH_SIBLING(
        """
        ip link add low0 type veth peer name e netns guest
        ip link set low0 up
        ip address add 192.168.60.1/24 dev low0
        ip link add mv0 link low0 address 02:54:6f:72:56:4c type macvlan mode bridge
        ip link add mv1 link low0 type macvlan mode bridge
        ip link set mv0 up
        ip link set mv1 up
        """,
        "mv1",
        "-d",
        "mv0"),
    TAP_IN_BRIDGE(HostIsolationTest.TAP_IN_BRIDGE, "br0", "-d", "tap1"),
    XEN(HostIsolationTest.TAP_IN_BRIDGE, "br0", "-r", "tap1", "-t", "br0");

    final String script;
    final String device;
    private final String options;

    Kind(String script, String device, String... options) {
      this.script = script;
      this.device = device;
      this.options = String.join(" ", options);
    }

    List<String> options() {
      return List.of(options.split(" ", -1));
    }
  }

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script(HOST);
    machine.startListener("127.0.0.1", "9055");
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  private void make(Kind kind) throws Exception {
    machine.script(kind.script);
    machine.script(
        """
        ip address add 192.168.50.1/24 dev "$1"
        ip address add fd50::1/64 dev "$1" nodad
        ip -n guest link set e up
        ip -n guest address add 192.168.50.10/24 dev e
        ip -n guest address add fd50::10/64 dev e nodad
        ip -n guest route add default via 192.168.50.77 dev e
        """,
        kind.device);
    // A bridge with STP forwards nothing at first.
    Waiting.until(
        "the link to forward",
        DEADLINE,
        () ->
            !machine
                .script("bridge link show | grep -c 'state \\(listening\\|learning\\)' || :")
                .line()
                .matches("[1-9].*"));
  }

  private Gateway start(Kind kind, String... more) throws Exception {
    var arguments = new ArrayList<>(kind.options());
    arguments.addAll(List.of(PROXY));
    arguments.addAll(List.of(more));
    return Gateway.startWith(machine, kind.options().get(1), arguments);
  }

  /** On a TAP of its own, which is in no bridge. */
  private Gateway startOwn() throws Exception {
    return Gateway.startWith(
        machine, "own0", List.of("-d", "own0", "-a", "127.0.0.1", "-p", "9055"));
  }

  /** What the host's LAN saw, and the guest, while the guest probed. */
  private record Seen(List<CapturedPacket> outside, List<CapturedPacket> inside, String guestMac) {
    /** Answers on the LAN to what the guest sent, and what was let through. */
    List<CapturedPacket> leaks() throws Exception {
      var sources = new HashSet<String>();
      for (var source : SOURCES) {
        sources.add(CapturedPacket.spelled(source));
      }
      return outside.stream()
          .filter(
              packet -> sources.contains(packet.destination()) || sources.contains(packet.source()))
          .toList();
    }

    /** Frames to the guest that are not of the gateway. */
    List<CapturedPacket> ofTheHost() {
      return inside.stream()
          .filter(packet ->
              !packet.hardwareSource().equals(guestMac)
                  && !packet.hardwareSource().equals(Gateway.MAC))
          .toList();
    }
  }

  /** Sends all of {@link HostProbe}, with some words before the command. */
  private void sendAll(List<String> prefix, String device) throws Exception {
    var macs =
        machine
            .script(
                """
                {
                  cat /sys/class/net/*/address
                  ip -n two -br link show e2 2>/dev/null | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}'
                } | grep -v 00:00:00:00:00:00 | sort -u | paste -sd,
                """)
            .line();
    var command = new ArrayList<>(prefix);
    command.addAll(
        List.of(
            System.getProperty("java.home") + "/bin/java",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:-UsePerfData",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            Machine.PROJECT + "/e2e/target/classes",
            HostProbe.class.getName(),
            device,
            macs,
            TARGETS,
            String.join(",", SOURCES)));
    machine.start(command).await(DEADLINE).orThrow();
    // What the host had to say, it has said: this comes behind it.
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
  }

  private Seen probe(boolean isServed) throws Exception {
    var guestMac = machine.script("ip netns exec guest cat /sys/class/net/e/address").line();
    try (var outside = Capture.of(machine, "out0");
        var inside = Capture.in(machine, "guest", "e")) {
      sendAll(List.of("ip", "netns", "exec", "guest"), "e");
      if (isServed) {
        // And the gateway: it answers in the order in which it was asked.
        machine.script("ip netns exec guest arping -q -f -w 20 -I e 10.0.0.1");
      }
      return new Seen(outside.end(), inside.end(), guestMac);
    }
  }

  private void assertIsolated(String when, boolean isServed) throws Exception {
    var seen = probe(isServed);
    assertThat(seen.leaks()).as("on the LAN, %s", when).isEmpty();
    assertThat(seen.ofTheHost()).as("at the guest, %s", when).isEmpty();
    if (isServed) {
      assertThat(seen.inside())
          .as("at the guest, %s", when)
          .anyMatch(packet -> packet.hardwareSource().equals(Gateway.MAC));
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingOfTheHostAnswers(Kind kind) throws Exception {
    make(kind);
    var before = left();
    var gateway = start(kind);
    assertIsolated("while the gateway serves", true);
    assertThat(ping()).as("the gateway serves").contains(" 0% packet loss");

    machine.script("nft flush ruleset");
    Waiting.until("the guard to come back", DEADLINE, () -> gateway.log().contains("is off"));
    assertIsolated("after nft flush ruleset", true);

    gateway.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertIsolated("after SIGKILL", false);

    var again = start(kind);
    assertIsolated("after a new start", true);
    assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEqualTo(before);
  }

  /** What a gateway could leave; a macvlan with its MAC address is not of its making. */
  private String left() throws Exception {
    return machine.script("nft list ruleset; bridge fdb show | grep 02:54: || :").out();
  }

  /**
   * A TAP or TUN of the gateway's own that stays in this host's namespace, and what is behind it
   * sends all it can. While nobody has it open, nothing comes from it. With a route, what the host
   * has to say to a forged source there is led into the TUN, and goes no other way.
   */
  @ParameterizedTest
  @CsvSource({"tap, -d own0", "tun, --tun own0", "tun, --tun own0 --route 203.0.113.0/24"})
  void nothingOfTheHostAnswersAtADeviceOfItsOwn(String kind, String options) throws Exception {
    machine.script(
        """
        ip tuntap add dev own0 mode "$1"
        ip address add 192.168.50.1/24 dev own0
        ip address add fd50::1/64 dev own0 nodad
        ip link set own0 up
        """,
        kind);
    var arguments = new ArrayList<>(List.of(options.split(" ", -1)));
    arguments.addAll(List.of(PROXY));
    var gateway = Gateway.startWith(machine, "own0", arguments);
    assertHeardByNobodyElse("while the gateway serves", List.of());
    machine.script("nft flush ruleset");
    Waiting.until("the guard to come back", DEADLINE, () -> gateway.log().contains("is off"));
    if (options.contains("--route")) {
      Waiting.until("the kill switch", DEADLINE, () -> gateway.log().contains("and is back"));
    }
    assertHeardByNobodyElse("after nft flush ruleset", List.of());
    gateway.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertThat(machine.script("nft list ruleset").out()).contains("torvtl_guard_own0");

    var again = Gateway.startWith(machine, "own0", arguments);
    assertHeardByNobodyElse("after a new start", List.of());
    if (kind.equals("tun")) {
      Waiting.until(
          "an answer to a ping",
          DEADLINE,
          () ->
              machine
                  .script("ping -n -c 1 -W 5 -I own0 10.0.0.1 || :")
                  .out()
                  .contains(" 0% packet loss"));
    } else {
      // The host hears nothing there; a capture does.
      try (var cable = Capture.of(machine, "own0")) {
        machine.script("arping -c 1 -w 5 -I own0 10.0.0.1 || :");
        assertThat(cable.end()).anyMatch(packet -> packet.hardwareSource().equals(Gateway.MAC));
      }
    }
    assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset").out().strip()).isEmpty();
  }

  /** A TAP or TUN that the gateway made, and that is given to a guest. */
  @ParameterizedTest
  @CsvSource({"-d", "--tun"})
  void nothingOfTheHostAnswersAtADeviceInAGuest(String option) throws Exception {
    var arguments = new ArrayList<>(List.of(option, "own0"));
    arguments.addAll(List.of(PROXY));
    var gateway = Gateway.startWith(machine, "own0", arguments);
    machine.script(
        """
        ip link set own0 netns guest
        ip -n guest address add 192.168.50.10/24 dev own0
        ip -n guest address add fd50::10/64 dev own0 nodad
        ip -n guest link set own0 up
        ip -n guest route add default via 192.168.50.77 dev own0
        """);
    var guest = List.of("ip", "netns", "exec", "guest");
    assertHeardByNobodyElse("while the gateway serves", guest);
    awaitService();
    machine.script("nft flush ruleset");
    assertHeardByNobodyElse("after nft flush ruleset", guest);
    awaitService();
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset").out().strip()).isEmpty();
  }

  private void assertHeardByNobodyElse(String when, List<String> prefix) throws Exception {
    try (var outside = Capture.of(machine, "out0")) {
      sendAll(prefix, "own0");
      assertThat(new Seen(outside.end(), List.of(), "").leaks()).as(when).isEmpty();
    }
  }

  /**
   * Nothing is carried until the gateway has seen where its device is, and that it is guarded; and
   * a queue that it read too slowly is shed of pings.
   */
  private void awaitService() throws Exception {
    Waiting.until("an answer to a ping", DEADLINE, () -> ping().contains(" 0% packet loss"));
  }

  private String ping() throws Exception {
    return machine.script("ip netns exec guest ping -n -c 1 -W 5 10.0.0.1 || :").out();
  }

  /**
   * Where a bridge shows its frames to the host's firewall (br_netfilter, which Docker switches
   * on), the firewall answers what one guest sends to the other, by way of the host's network.
   */
  @ParameterizedTest
  @EnumSource(names = {"BRIDGE", "TAP_IN_BRIDGE", "XEN"})
  void nothingIsCarriedWhileTheHostsFirewallHearsTheBridge(Kind kind) throws Exception {
    make(kind);
    machine.script(NEIGHBOR + FIREWALL);
    var gateway = start(kind);
    for (int i = 0; i < BRIDGE_FILTER_ON.size(); i++) {
      int times = i;
      awaitService();
      machine.script(BRIDGE_FILTER_ON.get(i));
      assertIsolated("with br_netfilter, " + BRIDGE_FILTER_ON.get(i), false);
      Waiting.until(
          "the gateway to carry nothing",
          DEADLINE,
          () -> occurrences(gateway.log(), "nothing is carried on") > times);
      assertThat(ping()).contains("100% packet loss");
      machine.script(BRIDGE_FILTER_OFF);
      Waiting.until(
          "the gateway to carry again",
          DEADLINE,
          () -> occurrences(gateway.log(), "traffic is carried") > times);
    }
    awaitService();
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
  }

  private static int occurrences(String text, String of) {
    return text.split(java.util.regex.Pattern.quote(of), -1).length - 1;
  }

  @Test
  void aBridgeThatTheHostsFirewallHearsIsRefused() throws Exception {
    make(Kind.BRIDGE);
    for (var on : BRIDGE_FILTER_ON) {
      machine.script(on);
      for (var command : List.of("run", "doctor")) {
        var arguments = new ArrayList<>(List.of(command, "-d", "br0"));
        if (command.equals("run")) {
          arguments.addAll(List.of(PROXY));
        }
        var result =
            machine.start(Machine.torvtl(arguments.toArray(String[]::new))).await(DEADLINE);
        assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
        assertThat(result.out() + result.err())
            .contains(
                "this host's firewall",
                on.contains("sysctl")
                    ? "net.bridge.bridge-nf-call-iptables=0"
                    : "nf_call_iptables 0");
      }
      machine.script(BRIDGE_FILTER_OFF);
    }
  }

  /** That the probe and the captures would see it. */
  @Test
  void theHostsFirewallAnswersWhatItHears() throws Exception {
    make(Kind.BRIDGE);
    machine.script(NEIGHBOR + FIREWALL + BRIDGE_FILTER_ON.getFirst());
    assertThat(probe(false).leaks()).isNotEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"BRIDGE", "VETH", "MACVLAN_WITH_SIBLING"})
  void withAllowHostTheHostAnswers(Kind kind) throws Exception {
    make(kind);
    var gateway = start(kind, "--allow-host", "--force");
    assertThat(gateway.log()).contains("this host stays on the link of " + kind.options().get(1));
    var seen = probe(true);
    assertThat(seen.leaks()).isNotEmpty();
    assertThat(seen.ofTheHost()).isNotEmpty();
    gateway.close();
  }

  /** A question for an address of the host's is answered as any other. */
  @Test
  void theHostsAddressesAreAnyAddress() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    for (var address : List.of("192.168.50.1", "10.99.0.1", "198.51.100.1", "192.0.2.9")) {
      assertThat(
              machine
                  .script("ip netns exec guest arping -c 1 -w 5 -I e \"$1\"; :", address)
                  .out()
                  .toLowerCase(java.util.Locale.ROOT))
          .as(address)
          .contains("reply from " + address + " [" + Gateway.MAC + "]");
    }
    gateway.close();
  }

  /** On the device, on a port of it, or beside it: neither would hear its guests. */
  @ParameterizedTest
  @CsvSource({
    "BRIDGE, br0, br0",
    "BRIDGE, p0, br0",
    "TAP_IN_BRIDGE, br0, br0",
    "XEN, p0, br0",
    "MACVLAN_WITH_SIBLING, mv1, low0"
  })
  void anotherGatewayOnTheSameLinkIsRefused(Kind kind, String device, String taken)
      throws Exception {
    make(kind);
    var gateway = start(kind);
    awaitService();
    var second =
        machine.start(Machine.torvtl("run", "-d", device, "-a", "127.0.0.1", "-p", "9055"));
    var result = second.await(DEADLINE);
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err()).contains("another torvtl serves " + taken + " already");
    awaitService();
    gateway.close();
  }

  @Test
  void withoutNftablesRunRefuses() throws Exception {
    make(Kind.BRIDGE);
    machine.script("mount --bind /bin/false \"$(readlink -f \"$(command -v nft)\")\"");
    var result =
        machine
            .start(Machine.torvtl("run", "-d", "br0", "-a", "127.0.0.1", "-p", "9055"))
            .await(DEADLINE);
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err()).contains("br0", "nftables", "--allow-host");
  }

  /** Has a line of a shell's run before nft, which may end instead. */
  private void wrapNft(String line) throws Exception {
    machine.script(
        """
        nft=$(readlink -f "$(command -v nft)")
        cp "$nft" /tmp/nft
        printf '%s\\n' '#!/bin/sh' "$1" 'exec /tmp/nft "$@"' >/tmp/wrapped
        chmod +x /tmp/wrapped
        mount --bind /tmp/wrapped "$nft"
        """,
        line);
  }

  /** A start that could not tell whether there was one removed the guard of the killed gateway. */
  @Test
  void aGuardThatCannotBeListedStays() throws Exception {
    make(Kind.BRIDGE);
    var killed = start(Kind.BRIDGE);
    killed.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !killed.isRunning());
    wrapNft("[ \"$1 $2\" != 'list table' ] || exit 1");
    var result =
        machine
            .start(Machine.torvtl("run", "-d", "br0", "-a", "127.0.0.1", "-p", "9055"))
            .await(DEADLINE);
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(machine.script("nft list tables").out()).contains("netdev torvtl_guard_br0");
    assertIsolated("after a start that failed", false);
  }

  /** The kernel has nftables, but not all that the guard and the kill switch take. */
  @Test
  void theDoctorTellsWhatTheKernelLacks() throws Exception {
    var well = machine.start(Machine.torvtl("doctor")).await(DEADLINE);
    assertThat(well.out()).contains("ok       nftables:").doesNotContain("does not take the rules");
    assertThat(machine.script("nft list ruleset").out()).isEmpty();
    wrapNft(
        "case \"$*\" in *--check*) cat >/dev/null; echo 'Operation not supported' >&2; exit 1;; esac");
    var lacking = machine.start(Machine.torvtl("doctor")).await(DEADLINE);
    assertThat(lacking.exitStatus()).isEqualTo(1);
    assertThat(lacking.out())
        .contains(
            "does not take the rules that keep this host off",
            "does not take the rules that keep programs of this host from passing a TUN by",
            "Operation not supported");
  }

  /** A TAP or TUN of its own takes no privilege, and neither does serving it. */
  @ParameterizedTest
  @CsvSource({"tap, -d", "tun, --tun"})
  void aDeviceOfItsOwnIsServedWithoutPrivilege(String kind, String option) throws Exception {
    machine.script("ip tuntap add dev own0 mode \"$1\" user 0; ip link set own0 up", kind);
    var command =
        new ArrayList<>(List.of("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"));
    command.addAll(Machine.torvtl("run", option, "own0", "-a", "127.0.0.1", "-p", "9055"));
    try (var gateway = machine.start(command)) {
      gateway.awaitLine("ready", DEADLINE);
      assertThat(gateway.output()).contains("this host is not kept off own0");
    }
  }

  /** As Debian's nftables service does with a ruleset that was saved while the gateway served. */
  @Test
  void aReloadedRulesetIsNotTakenForTheGuards() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    var saved = machine.script("nft list ruleset").out();
    var marker = marker(saved);
    machine.script("printf 'flush ruleset\\n%s' \"$1\" | sed 's/drop$/accept/' | nft -f -", saved);
    Waiting.until(
        "the guard to come back", DEADLINE, () -> gateway.log().contains("is off br0 again"));
    var now = machine.script("nft list ruleset").out();
    assertThat(marker(now)).isNotEqualTo(marker);
    assertThat(now).doesNotContain(marker);
    assertIsolated("after a saved ruleset was loaded", true);
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
  }

  private static String marker(String ruleset) {
    return ruleset
        .lines()
        .filter(line -> line.contains("chain guest_"))
        .map(line -> line.replaceAll(".*(guest_[0-9a-f]+).*", "$1"))
        .collect(java.util.stream.Collectors.joining(","));
  }

  /** As a terminal that is closed sends it, and a connection that is lost. */
  @Test
  void theHostStaysOffAfterAHangup() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    assertThat(gateway.stop(Signal.HUP).exitStatus()).isEqualTo(129);
    assertThat(gateway.log()).contains("SIGHUP", "this host stays off br0");
    assertIsolated("after SIGHUP", false);
    var again = start(Kind.BRIDGE);
    assertIsolated("after a new start", true);
    assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset").out().strip()).isEmpty();
  }

  /** What ends the gateway, and nobody asked for it: as ifupdown does, or by hand. */
  @ParameterizedTest
  @CsvSource({
    "BRIDGE, ip link set br0 down; ip link set br0 up",
    "TAP_IN_BRIDGE, ip link delete tap1",
    "XEN, ip link delete tap1",
    "VETH, ip link set vmnet1 down; ip link set vmnet1 up"
  })
  void theHostStaysOffWhenTheGatewayFails(Kind kind, String cause) throws Exception {
    make(kind);
    var gateway = start(kind);
    machine.script(cause);
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertThat(gateway.log()).contains("this host stays off");
    machine.script("ip link set " + kind.device + " up; ip -n guest link set e up");
    assertIsolated("after a failure", false);
    if (kind != Kind.BRIDGE && kind != Kind.VETH) {
      machine.script("ip tuntap add tap1 mode tap; ip link set tap1 master br0");
    }
    // Nor does a start that fails open what was closed.
    for (var more : List.of("--pcap /nonexistent/x", "--user nosuchuser")) {
      var arguments = new ArrayList<>(List.of("run"));
      arguments.addAll(kind.options());
      arguments.addAll(List.of(PROXY));
      arguments.addAll(List.of(more.split(" ", -1)));
      assertThat(
              machine
                  .start(Machine.torvtl(arguments.toArray(String[]::new)))
                  .await(DEADLINE)
                  .exitStatus())
          .isNotZero();
    }
    assertIsolated("after a start that failed", false);
    assertThat(start(kind).stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset; bridge fdb show | grep 02:54: || :").out().strip())
        .isEmpty();
    assertThat(machine.script("bridge -d link show | grep 'isolated on' || :").out()).isEmpty();
  }

  /**
   * A port leaves its bridge, or the bridge is deleted (as ifdown, nmcli and virsh net-destroy do),
   * while its guest sends to the host with all its strength: from the first moment on, what is
   * behind it has the host's own stack before it.
   */
  @ParameterizedTest
  @CsvSource({
    "BRIDGE, ip link set p0 nomaster",
    "BRIDGE, ip link delete br0",
    "BRIDGE, ip link set br0 down; ip link delete br0",
    "BRIDGE, ip link add br5 up type bridge; ip link set p0 master br5; ip link delete br0",
    "TAP_IN_BRIDGE, ip link delete br0",
    "XEN, ip link set p0 nomaster",
    "XEN, ip link delete br0"
  })
  void theHostStaysOffAPortThatHasLeftItsBridge(Kind kind, String cause) throws Exception {
    make(kind);
    var gateway = start(kind);
    machine.script(
        """
        ip -n guest neighbor replace 192.168.50.77 lladdr ff:ff:ff:ff:ff:ff dev e
        ip -n guest address add 203.0.113.7/32 dev e
        """);
    try (var outside = Capture.of(machine, "out0");
        var flood =
            machine.start(
                List.of(
                    "ip",
                    "netns",
                    "exec",
                    "guest",
                    "ping",
                    "-n",
                    "-f",
                    "-q",
                    "-I",
                    "203.0.113.7",
                    "10.99.0.1"))) {
      machine.script(cause);
      Waiting.until(
          "the port to be missed",
          DEADLINE,
          () -> gateway.log().contains("p0 has left its bridge") || !gateway.isRunning());
      assertThat(new Seen(outside.end(), List.of(), "").leaks()).as("meanwhile").isEmpty();
      assertThat(flood.isRunning()).isTrue();
    }
    machine.script(
        """
        ip -n guest neighbor del 192.168.50.77 dev e
        ip -n guest address del 203.0.113.7/32 dev e
        ip -n guest link set e up
        ip link set p0 up
        """);
    assertIsolated("after the port has left", false);
    machine.script(
        """
        ip link delete br5 || :
        [ -e /sys/class/net/br0 ] || ip link add br0 up type bridge
        ip link set p0 master br0
        [ ! -e /sys/class/net/tap1 ] || ip link set tap1 master br0
        """);
    if (gateway.isRunning()) {
      gateway.stop(Signal.TERM);
    }
    var again = start(kind);
    assertIsolated("in a bridge again", true);
    assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEmpty();
  }

  /** A port that has left its bridge before or after the gateway was killed. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theHostStaysOffAPortThatHasLeftItsBridgeAfterANewStartToo(boolean isBefore)
      throws Exception {
    make(Kind.BRIDGE);
    var killed = start(Kind.BRIDGE);
    if (isBefore) {
      leave(killed);
    }
    killed.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !killed.isRunning());
    if (!isBefore) {
      machine.script("ip link set p0 nomaster");
    }
    var gateway = start(Kind.BRIDGE);
    assertIsolated("after a new start", false);
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEmpty();
  }

  private void leave(Gateway gateway) throws Exception {
    machine.script("ip link set p0 nomaster");
    Waiting.until(
        "the port to be missed", DEADLINE, () -> gateway.log().contains("p0 has left its bridge"));
  }

  @Test
  void theHostStaysOffAPortThatCameAndWentWhileNothingWasCarried() throws Exception {
    make(Kind.BRIDGE);
    machine.script("ip link set p0 nomaster");
    var gateway = start(Kind.BRIDGE);
    machine.script(BRIDGE_FILTER_ON.getFirst());
    Waiting.until(
        "nothing to be carried", DEADLINE, () -> gateway.log().contains("nothing is carried on"));
    machine.script("ip link set p0 master br0");
    Waiting.until(
        "the port to be the gateway's",
        DEADLINE,
        () -> machine.script("bridge -d link show dev p0").out().contains("isolated on"));
    leave(gateway);
    assertIsolated("after the port has left", false);
    machine.script(BRIDGE_FILTER_OFF);
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEmpty();
  }

  /** Its guests have the lower device of the host before them then. */
  @Test
  void theHostStaysOffWhatADeletedMacvlanStoodOn() throws Exception {
    make(Kind.MACVLAN);
    var gateway = start(Kind.MACVLAN);
    machine.script("ip link delete mv0");
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertIsolated("after its device was deleted", false);
    machine.script("ip link add mv0 link low0 type macvlan mode passthru; ip link set mv0 up");
    var again = start(Kind.MACVLAN);
    assertIsolated("after a new start", true);
    assertThat(again.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEmpty();
  }

  /** Nothing of it is the gateway's, though the gateway's TAP had the name before it was moved. */
  @Test
  void anotherInterfaceOfTheSameNameIsLeftAlone() throws Exception {
    var gateway = startOwn();
    machine.script(
        """
        ip link set own0 netns guest
        ip -n guest address add 192.168.50.10/24 dev own0
        ip -n guest link set own0 up
        ip -n guest route add default via 192.168.50.77 dev own0
        """);
    awaitService();
    machine.script(
        """
        ip tuntap add own0 mode tap
        ip link add br5 up type bridge
        ip link set own0 master br5 up
        ip link set out0 master br5
        ip address flush dev out0
        ip address add 10.99.0.1/24 dev br5
        ip route add default via 10.99.0.2
        """);
    awaitService();
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
    assertThat(machine.script("nft list ruleset").out()).doesNotContain("device");
    assertThat(gateway.stop(Signal.TERM).err()).doesNotContain("nothing is carried");
  }

  /** Nothing is carried there; but the host keeps its own network, at once and later. */
  @Test
  void aTapInTheHostsOwnBridgeDoesNotCutTheHostOff() throws Exception {
    machine.script(
        """
        ip tuntap add own0 mode tap
        ip link add br5 up type bridge
        ip link set out0 master br5
        ip address flush dev out0
        ip address add 10.99.0.1/24 dev br5
        ip route add default via 10.99.0.2
        """);
    var gateway = startOwn();
    machine.script("ip link set own0 master br5");
    Waiting.until(
        "that to be noticed", DEADLINE, () -> gateway.log().contains("nothing is carried on own0"));
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
    machine.script("ip link set own0 nomaster");
    Waiting.until("it to be carried on", DEADLINE, () -> gateway.log().contains("is off own0"));
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
    machine.script("ip link set own0 master br5");
    gateway.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
  }

  /**
   * A bridge that was the guests' is made the host's: with the TAP in it, and when that has left.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aBridgeThatBecomesTheHostsIsNotCutOff(boolean isLeft) throws Exception {
    machine.script("ip tuntap add own0 mode tap; ip link add br5 up type bridge");
    var gateway = startOwn();
    machine.script("ip link set own0 master br5");
    Waiting.until(
        "the bridge to be guarded",
        DEADLINE,
        () -> machine.script("nft list ruleset").out().contains("\"br5\""));
    if (isLeft) {
      machine.script("ip link set own0 nomaster");
    }
    machine.script(
        """
        ip address flush dev out0
        ip address add 10.99.0.1/24 dev br5
        ip route add default via 10.99.0.2
        ip link set out0 master br5
        """);
    Waiting.until(
        "the bridge to be let go",
        DEADLINE,
        () -> !machine.script("nft list ruleset").out().contains("\"br5\""));
    Waiting.until(
        "that to be told",
        DEADLINE,
        () ->
            gateway.log().contains("br5 is one of this host's own networks now")
                || gateway.log().contains("nothing is carried on own0"));
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    machine.script("ping -n -c 1 -W 5 10.99.0.2");
  }

  /** Guests were before the host there, however short; ten times, for it is a race. */
  @Test
  void aBridgeThatTheTapLeavesAtOnceStaysClosed() throws Exception {
    machine.script("ip tuntap add own0 mode tap");
    var gateway = startOwn();
    for (int i = 0; i < 10; i++) {
      machine.script(
          """
          ip link add br%1$d up type bridge
          ip link set own0 master br%1$d
          until nft list ruleset | grep -q '"br%1$d"'; do :; done
          ip link set own0 nomaster
          """
              .formatted(i));
    }
    machine.script("ip link add last up type bridge; ip link set own0 master last");
    Waiting.until(
        "the last bridge to be guarded",
        DEADLINE,
        () -> machine.script("nft list ruleset").out().contains("\"last\""));
    String rules = machine.script("nft list ruleset").out();
    for (int i = 0; i < 10; i++) {
      assertThat(rules).contains("\"br%d\"".formatted(i));
    }
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
  }

  /** One of two devices fails; its link stays closed while the other is served, and not after. */
  @Test
  void theHostStaysOffADeviceThatIsServedNoMore() throws Exception {
    make(Kind.BRIDGE);
    machine.script("ip link add name br1 type bridge; ip link set br1 up");
    var gateway = start(Kind.BRIDGE, "-d", "br1");
    machine.script("ip link set br0 down; ip link set br0 up");
    Waiting.until(
        "the device to be given up", DEADLINE, () -> gateway.log().contains("br0 is not served"));
    assertIsolated("after its device failed", false);
    machine.script("nft flush ruleset");
    Waiting.until(
        "the guard to come back",
        DEADLINE,
        () -> machine.script("nft list tables").out().contains("torvtl_guard_br0"));
    assertIsolated("after a flush", false);
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset").out().strip()).isEmpty();
  }

  /** By root, or for want of memory. Nobody could put the guard back then, so the gateway ends. */
  @Test
  void withoutTheProcessThatKeepsTheGuardTheGatewayEnds() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    var children = gateway.process().children().toList();
    assertThat(children).hasSize(1);
    children.getFirst().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertThat(gateway.log())
        .contains("the process that keeps the packet filter has ended", "start torvtl again");
    assertIsolated("after that", false);
    assertThat(start(Kind.BRIDGE).stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(left()).isEmpty();
  }

  @Test
  void theHostStaysOffARenamedBridgeAfterSigkill() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    machine.script("ip link set br0 name br9");
    Waiting.until(
        "the guard to follow",
        DEADLINE,
        () -> machine.script("nft list ruleset").out().contains("\"br9\""));
    gateway.process().destroyForcibly();
    Waiting.until("the gateway to end", DEADLINE, () -> !gateway.isRunning());
    assertIsolated("after SIGKILL", false);
  }

  /** Where the bridge has lost the gateway's address, it is put back. */
  @ParameterizedTest
  @EnumSource(names = {"BRIDGE", "TAP_IN_BRIDGE", "XEN"})
  void theGatewaysForwardingEntryIsPutBack(Kind kind) throws Exception {
    make(kind);
    var gateway = start(kind);
    String flags = kind == Kind.BRIDGE ? "permanent" : "sticky";
    assertThat(forwardingEntry()).contains(flags);
    machine.script(
        "bridge fdb delete "
            + Gateway.MAC
            + " dev "
            + forwardingEntry().split(" ", -1)[2]
            + (kind == Kind.BRIDGE ? " self" : " master"));
    Waiting.until("the entry to come back", DEADLINE, () -> forwardingEntry().contains(flags));
    if (kind != Kind.BRIDGE) {
      machine.script("ip link set tap1 nomaster; ip link set tap1 master br0");
      Waiting.until("the entry to come back", DEADLINE, () -> forwardingEntry().contains(flags));
    }
    assertIsolated("after the entry was lost", true);
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(forwardingEntry()).isEmpty();
  }

  private String forwardingEntry() throws Exception {
    return machine.script("bridge fdb show | grep " + Gateway.MAC + " || :").out().strip();
  }

  /** The device and its ports under other names, and a port that was not there. */
  @Test
  void theGuardFollowsTheInterfaces() throws Exception {
    make(Kind.BRIDGE);
    var gateway = start(Kind.BRIDGE);
    machine.script("ip link set br0 name br9; ip link set p0 name p9");
    Waiting.until(
        "the guard to follow",
        DEADLINE,
        () -> {
          var rules = machine.script("nft list ruleset").out();
          return rules.contains("\"br9\"") && rules.contains("\"p9\"");
        });
    assertIsolated("after interfaces were renamed", true);
    machine.script(
        """
        ip link add p1 type veth peer name e1 netns guest
        ip link set p1 master br9 up
        """);
    Waiting.until(
        "the guard to take a new port",
        DEADLINE,
        () -> machine.script("nft list ruleset").out().contains("\"p1\""));
    awaitService();
    assertThat(gateway.stop(Signal.TERM).exitStatus()).isIn(0, 143);
    assertThat(machine.script("nft list ruleset; bridge fdb show | grep 02:54: || :").out().strip())
        .isEmpty();
  }
}
