/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Tells which packets on a gateway's machine should not be there.
 *
 * <p>It lists what may be there, and all else is a leak: on loopback, connections to the ports of
 * Tor; on the cable to the lab, TCP between this machine and a relay, and the neighbour discovery
 * that takes; on a gateway's device, before it moves to its guest, anything. On each of the first
 * two, a packet with a guest's address is a leak whatever else it is.
 *
 * @param deviceIndexes numbers of the interfaces that gateways made
 * @param loopbackIndex number of the loopback interface
 * @param cableAddresses this machine's address on the cable, and those of the relays
 * @param cableNeighbours addresses that may be asked for by ARP there
 * @param torPorts ports of loopback where some tor takes connections
 * @param guestAddresses addresses of guests
 * @param guestMacs hardware addresses of guests
 */
public record LeakDetector(
    Set<Integer> deviceIndexes,
    int loopbackIndex,
    Set<String> cableAddresses,
    Set<String> cableNeighbours,
    Set<Integer> torPorts,
    Set<String> guestAddresses,
    Set<String> guestMacs) {
  private static final String LOOPBACK = "127.0.0.1";
  private static final String IPV6_UNSPECIFIED = "0:0:0:0:0:0:0:0";

  /** The packets that should not be there, with the reason before each. */
  public List<String> leaks(List<CapturedPacket> packets) {
    return packets.stream()
        .flatMap(packet -> objection(packet).map(reason -> reason + ": " + packet).stream())
        .distinct()
        .toList();
  }

  private Optional<String> objection(CapturedPacket packet) {
    if (deviceIndexes.contains(packet.linkIndex())) {
      return Optional.empty();
    }
    if (guestAddresses.contains(packet.source()) || guestAddresses.contains(packet.destination())) {
      return Optional.of("a guest's address");
    }
    if (guestMacs.contains(packet.hardwareSource())) {
      return Optional.of("a guest's hardware address");
    }
    if (packet.linkIndex() == loopbackIndex) {
      return isToTor(packet) ? Optional.empty() : Optional.of("on loopback, not to Tor");
    }
    return isOfTheCable(packet) ? Optional.empty() : Optional.of("on the cable, not of Tor");
  }

  private boolean isToTor(CapturedPacket packet) {
    return packet.etherType() == CapturedPacket.IPV4
        && packet.protocol() == CapturedPacket.TCP
        && packet.isBetween(Set.of(LOOPBACK))
        && packet.involvesPort(torPorts);
  }

  private boolean isOfTheCable(CapturedPacket packet) {
    return switch (packet.etherType()) {
      case CapturedPacket.IPV4 ->
          packet.protocol() == CapturedPacket.TCP && packet.isBetween(cableAddresses);
      case CapturedPacket.ARP ->
          cableNeighbours.contains(packet.source())
              && cableNeighbours.contains(packet.destination());
      // The kernel's own: duplicate address detection, router solicitation, multicast reports.
      case CapturedPacket.IPV6 ->
          packet.protocol() == CapturedPacket.ICMPV6
              && (packet.source().equals(IPV6_UNSPECIFIED)
                  || packet.source().toLowerCase(Locale.ROOT).startsWith("fe80:"))
              && packet.destination().startsWith("ff02:");
      default -> false;
    };
  }
}
