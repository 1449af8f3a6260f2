/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

/**
 * All that is outside a {@link Machine}, of both families, behind its interface {@link #INTERFACE};
 * and a capture of all that gets there.
 *
 * <p>Both ends know each other's hardware address, so that every ARP packet is one for another
 * destination.
 */
public final class OutsideWorld implements Closeable {
  public static final String INTERFACE = "eth0";
  public static final String OWN_ADDRESS = "192.168.50.2", OWN_ADDRESS_6 = "2001:db8:50::2";

  /** The outside's end of the cable. */
  public static final String LINK_LOCAL = "fe80::50:1";

  private static final Duration DEADLINE = Duration.ofMinutes(1);
  private static final String NETWORK =
      """
      ip link add eth0 type veth peer name out0 netns outside
      ip link set eth0 addrgenmode none
      ip -n outside addr add 192.168.50.1/24 dev out0
      ip -n outside addr add 2001:db8:50::1/64 dev out0 nodad
      ip -n outside addr add fe80::50:1/64 dev out0 nodad
      ip -n outside link set out0 up
      ip addr add 192.168.50.2/24 dev eth0
      ip addr add 2001:db8:50::2/64 dev eth0 nodad
      ip addr add fe80::50:2/64 dev eth0 nodad
      ip link set eth0 up
      mac=$(ip -n outside -o link show out0 | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/')
      for neighbour in 192.168.50.1 2001:db8:50::1 fe80::50:1; do
        ip neigh replace $neighbour lladdr $mac dev eth0 nud permanent
      done
      mac=$(ip -o link show eth0 | sed 's/.*link.ether \\([0-9a-f:]*\\).*/\\1/')
      for neighbour in 192.168.50.2 2001:db8:50::2 fe80::50:2; do
        ip -n outside neigh replace $neighbour lladdr $mac dev out0 nud permanent
      done
      ip route add default via 192.168.50.1
      ip -6 route add default via 2001:db8:50::1
      for address in 203.0.113.80/32 198.51.100.9/32; do
        ip -n outside addr add $address dev lo
      done
      for address in 2001:db8:99::1 64:ff9b::203.0.113.80 2002:cb00:7150::1 2001:0:cb00:7150::1; do
        ip -n outside addr add $address/128 dev lo nodad
      done
      until ping -q -c 1 -W 1 fe80::50:1%eth0 >/dev/null; do :; done
      """;

  /** What the kernel says to its neighbours on its own, and cannot leave the link. */
  private static final List<String> UPKEEP =
      List.of(
          "neighbor solicitation",
          "neighbor advertisement",
          "router solicitation",
          "multicast listener report");

  private final NetworkNamespace outside;
  private final RunningCommand tcpdump;

  private OutsideWorld(NetworkNamespace outside, RunningCommand tcpdump) {
    this.outside = outside;
    this.tcpdump = tcpdump;
  }

  /** Connects a machine that has no network yet. */
  public static OutsideWorld around(Machine machine) throws IOException, InterruptedException {
    var outside = new NetworkNamespace(machine, "outside");
    machine.script(NETWORK);
    var tcpdump =
        outside.start(
            List.of("tcpdump", "-n", "-l", "--immediate-mode", "-t", "-i", "out0", "-Q", "in"));
    tcpdump.awaitOutput("'listening on'", text -> text.contains("listening on"), DEADLINE);
    return new OutsideWorld(outside, tcpdump);
  }

  public NetworkNamespace namespace() {
    return outside;
  }

  /** Waits until something was seen. */
  public void await(String what, Predicate<String> seen) throws InterruptedException {
    tcpdump.awaitOutput(what, seen, DEADLINE);
  }

  /** Every packet of the machine's, a line each. */
  public List<String> seen() {
    return tcpdump
        .output()
        .lines()
        .filter(line -> line.startsWith("IP") || line.startsWith("ARP"))
        .filter(line -> UPKEEP.stream().noneMatch(line::contains))
        .toList();
  }

  @Override
  public void close() {
    tcpdump.close();
  }
}
