/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** On hosts made of files; on a real kernel e2e's LinkChoiceTest. */
class HostOnlyTest {
  private final Path root;

  private final Map<String, String> drivers = new HashMap<>();
  private final Map<String, String> peers = new HashMap<>();
  private int count;

  /** An interface that goes while it is looked at. */
  private @Nullable String leaving;

  HostOnlyTest(@TempDir Path root) {
    this.root = root;
  }

  @BeforeEach
  void setUp() throws IOException {
    write("proc/sys/net/ipv6/conf/all/forwarding", "0");
    write("proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask");
    write("proc/net/ipv6_route", "");
    add("eth0", "virtio_net 0000:00:03.0");
    Files.createDirectories(device("eth0").resolve("device"));
    route("eth0", "00000000", "00000000");
  }

  private Path device(String name) {
    return root.resolve("sys/class/net").resolve(name);
  }

  private void write(String file, String text) throws IOException {
    var path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  /** An interface whose packets the host does not forward. */
  private void add(String name, String driver, String... lower) throws IOException {
    count++;
    drivers.put(name, driver);
    write("sys/class/net/" + name + "/ifindex", "" + count);
    write("sys/class/net/" + name + "/iflink", "" + count);
    write("proc/sys/net/ipv4/conf/" + name + "/forwarding", "0");
    write("proc/sys/net/ipv6/conf/" + name + "/disable_ipv6", "0");
    for (var each : lower) {
      Files.createSymbolicLink(device(name).resolve("lower_" + each), device(each));
    }
  }

  private void enslave(String port, String bridge) throws IOException {
    Files.createSymbolicLink(device(port).resolve("master"), device(bridge));
    Files.createSymbolicLink(device(bridge).resolve("lower_" + port), device(port));
  }

  private void route(String name, String destination, String mask) throws IOException {
    var file = root.resolve("proc/net/route");
    Files.writeString(
        file,
        Files.readString(file)
            + "%s\t%s\t00000000\t0001\t0\t0\t0\t%s\t0\t0\t0\n".formatted(name, destination, mask));
  }

  /** A veth with both ends in this namespace; the second is up. */
  private void cable(String one, String other) throws IOException {
    add(one, "veth");
    add(other, "veth");
    write("sys/class/net/" + one + "/iflink", "" + count);
    write("sys/class/net/" + other + "/iflink", "" + (count - 1));
    write("sys/class/net/" + other + "/flags", "0x1003");
    peers.put(one, other);
    peers.put(other, one);
  }

  private List<String> reasons(String name) throws IOException {
    return reasons(name, true);
  }

  private List<String> reasons(String name, boolean isHostThere) throws IOException {
    return host().look(name, index(name), isHostThere).stream()
        .map(HostOnly.Objection::reason)
        .toList();
  }

  private boolean leadsOut(String name) throws IOException {
    return host().leadsOut(name, index(name));
  }

  private int index(String name) throws IOException {
    return Integer.parseInt(Files.readString(device(name).resolve("ifindex")).strip());
  }

  private HostOnly host() {
    return new HostOnly(root, this::driver, veth -> Optional.ofNullable(peers.get(veth)));
  }

  private String driver(String name) throws IOException {
    if (name.equals(leaving)) {
      try (var files = Files.walk(device(name))) {
        for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
      throw new IOException(name + " is gone");
    }
    return drivers.getOrDefault(name, "");
  }

  @Test
  void aBridgeOfVirtualMachinesIsRight() throws IOException {
    add("virbr1", "bridge N/A");
    add("vnet0", "tun tap");
    enslave("vnet0", "virbr1");
    assertThat(reasons("virbr1")).isEmpty();
    assertThat(reasons("vnet0")).isEmpty();
  }

  @Test
  void aNetworkCardIsNot() throws IOException {
    assertThat(reasons("eth0"))
        .containsExactly(
            "eth0 carries this host's default route, so it is the host's way out",
            "eth0 has a physical network behind it");
  }

  @Test
  void aBridgeWithANetworkCardIsNotNorAreItsPorts() throws IOException {
    add("br0", "bridge N/A");
    add("tap1", "tun tap");
    enslave("eth0", "br0");
    enslave("tap1", "br0");
    assertThat(reasons("br0"))
        .containsExactly("br0 leads to eth0, which has a physical network behind it");
    assertThat(reasons("tap1"))
        .containsExactly("br0 leads to eth0, which has a physical network behind it");
  }

  @Test
  void aCardIsFoundThroughSeveralLayers() throws IOException {
    add("eth0.5", "802.1Q VLAN Support", "eth0");
    add("bond0", "bonding", "eth0.5");
    add("br0", "bridge N/A", "bond0");
    assertThat(reasons("br0"))
        .containsExactly("br0 leads to eth0, which has a physical network behind it");
    add("mac0", "macvlan", "eth0");
    assertThat(reasons("mac0"))
        .containsExactly("mac0 leads to eth0, which has a physical network behind it");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vxlan",
        "geneve",
        "gretap",
        "ip6gretap",
        "erspan",
        "ip6erspan",
        "amt",
        "batman-adv",
        "openvswitch",
        "l2tp_eth"
      })
  void aTunnelIsNot(String driver) throws IOException {
    add("tunnel0", driver);
    add("br0", "bridge N/A", "tunnel0");
    assertThat(reasons("br0"))
        .containsExactly(
            "br0 leads to tunnel0, which has another network behind it (%s)".formatted(driver));
  }

  @Test
  void aVethMayEndInAnotherNamespaceAndNothingElse() throws IOException {
    add("veth0", "veth");
    write("sys/class/net/veth0/iflink", "77");
    assertThat(reasons("veth0")).isEmpty();
    add("mac0", "macvlan");
    write("sys/class/net/mac0/iflink", "77");
    assertThat(reasons("mac0"))
        .containsExactly(
            "mac0 has a lower device in another network namespace, which cannot be looked at");
  }

  @Test
  void aVethWhoseOtherEndIsOfABridgeHereIsNot() throws IOException {
    cable("va", "vb");
    add("br2", "bridge N/A");
    enslave("vb", "br2");
    for (boolean isHostThere : List.of(true, false)) {
      assertThat(reasons("va", isHostThere))
          .containsExactly("va has its other end, vb, on this host too, as a part of br2");
    }
    add("mac0", "macvlan", "va");
    assertThat(reasons("mac0"))
        .containsExactly(
            "mac0 leads to va, which has its other end, vb, on this host too, as a part of br2");
    add("br1", "bridge N/A");
    enslave("va", "br1");
    var reason = "br1 leads to va, which has its other end, vb, on this host too, as a part of br2";
    assertThat(reasons("br1")).containsExactly(reason);
    assertThat(reasons("va")).containsExactly(reason);
  }

  @Test
  void aVethWithBothEndsInTheGuestsBridgeIsRight() throws IOException {
    cable("va", "vb");
    add("br0", "bridge N/A");
    enslave("va", "br0");
    enslave("vb", "br0");
    assertThat(reasons("br0", false)).isEmpty();
  }

  @Test
  void aVethWhoseOtherEndIsUpHerePutsTheHostOnTheLink() throws IOException {
    cable("va", "vb");
    assertThat(reasons("va", false))
        .containsExactly(
            "va has its other end, vb, on this host too, which is on the guests' link there");
    // As --allow-host has it; not what the host does with it.
    assertThat(reasons("va", true)).isEmpty();
    write("proc/sys/net/ipv4/conf/vb/forwarding", "1");
    assertThat(reasons("va", true))
        .containsExactly("this host forwards what arrives at vb to other networks");
    write("sys/class/net/vb/flags", "0x1002");
    assertThat(reasons("va", false)).isEmpty();
  }

  @Test
  void halvesOfEverythingAreADefaultRoute() throws IOException {
    add("vmnet1", "");
    route("vmnet1", "004DA8C0", "00FFFFFF");
    assertThat(reasons("vmnet1")).isEmpty();
    route("vmnet1", "00000080", "00000080");
    assertThat(reasons("vmnet1")).hasSize(1).first().asString().contains("default route");
  }

  @Test
  void forwardingOfEitherKindIsAnObjection() throws IOException {
    add("vmnet1", "");
    write("proc/sys/net/ipv4/conf/vmnet1/forwarding", "1");
    assertThat(reasons("vmnet1"))
        .containsExactly("this host forwards what arrives at vmnet1 to other networks");
    write("proc/sys/net/ipv4/conf/vmnet1/forwarding", "0");
    write("proc/sys/net/ipv6/conf/all/forwarding", "1");
    assertThat(reasons("vmnet1"))
        .containsExactly("this host forwards IPv6 that arrives at vmnet1 to other networks");
    write("proc/sys/net/ipv6/conf/vmnet1/disable_ipv6", "1");
    assertThat(reasons("vmnet1")).isEmpty();
  }

  /** The other end of a TAP is torvtl itself: what the host forwards is not from there. */
  @Test
  void aTapByItselfMayBeOnAHostThatForwards() throws IOException {
    add("tap0", "tun tap");
    write("proc/sys/net/ipv4/conf/tap0/forwarding", "1");
    assertThat(reasons("tap0")).isEmpty();
    route("tap0", "00000000", "00000000");
    assertThat(reasons("tap0")).hasSize(1);
  }

  @Test
  void filesOfAnotherNamespaceTellNothing() throws IOException {
    add("vmnet1", "");
    assertThat(
            new HostOnly(root, driver -> "", veth -> Optional.empty()).look("vmnet1", 4711, true))
        .extracting(HostOnly.Objection::reason)
        .containsExactly(
            "what is behind vmnet1 cannot be seen: /sys shows another network namespace");
  }

  @Test
  void whatStandsOnABridgeIsRefused() throws IOException {
    add("br0", "bridge N/A");
    add("mv0", "macvlan", "br0");
    assertThat(reasons("br0")).isEmpty();
    assertThat(reasons("mv0"))
        .containsExactly(
            "mv0 stands on a bridge, br0, by whose ports this host is on the guests' link");
    add("br1", "bridge N/A");
    enslave("mv0", "br1");
    assertThat(reasons("br1")).anyMatch(reason -> reason.startsWith("br1 stands on a bridge, br0"));
  }

  /** Nothing was carried on the whole link for a second. */
  @ParameterizedTest
  @ValueSource(strings = {"", "vnet0", "vnet1"})
  void aPortThatGoesWhileItIsLookedAtIsNoObjection(String port) throws IOException {
    add("virbr1", "bridge N/A");
    add("vnet0", "veth");
    add("vnet1", "tun tap");
    enslave("vnet0", "virbr1");
    enslave("vnet1", "virbr1");
    leaving = port;
    assertThat(reasons("virbr1")).isEmpty();
    assertThat(leadsOut("virbr1")).isFalse();
  }

  /** What was below it when it was listed is gone. */
  @Test
  void aPortThatIsGoneIsNoObjection() throws IOException {
    add("virbr1", "bridge N/A");
    Files.createSymbolicLink(device("virbr1").resolve("lower_vnet0"), device("vnet0"));
    assertThat(leadsOut("virbr1")).isFalse();
  }

  @Test
  void theHostsOwnNetworksLeadOut() throws IOException {
    add("br0", "bridge N/A");
    add("vnet0", "tun tap");
    enslave("vnet0", "br0");
    assertThat(leadsOut("eth0")).isTrue();
    assertThat(leadsOut("br0")).isFalse();
    route("br0", "00000000", "00000000");
    assertThat(leadsOut("br0")).isTrue();
    assertThat(host().leadsOut("br0", 4711)).as("of another namespace").isFalse();
    assertThat(leadsOut("vnet0")).as("a guest's port there").isFalse();

    add("br1", "bridge N/A");
    enslave("eth0", "br1");
    assertThat(leadsOut("br1")).isTrue();
  }
}
