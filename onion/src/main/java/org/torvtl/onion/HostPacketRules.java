/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import org.jspecify.annotations.Nullable;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/**
 * Which packets of the host a router takes: those from the host's own addresses, whole, without
 * options, to a single destination that is neither the host nor the router's machine. RFC 1122,
 * section 3.2.1.3; RFC 1812, section 5.3.
 */
final class HostPacketRules {
  /** 0/8 has no destinations. RFC 1122, section 3.2.1.3. */
  private static final int THIS_NETWORK_SHIFT = 24;

  private final RouterConfig.@Nullable Exit exit;

  /**
   * The rules of one router.
   *
   * @param exit its way to the world, {@code null} if it has none
   */
  HostPacketRules(RouterConfig.@Nullable Exit exit) {
    this.exit = exit;
  }

  /**
   * Why a packet is not taken; {@code null} if it is.
   *
   * @param packet without a defect
   * @param open what the proxy has said of host and tunnel
   */
  @Nullable Drop fault(Ipv4Packet packet, OpenBody open) {
    int destination = packet.destination();
    if (!open.sources().contains(packet.source())) {
      return Drop.SPOOFED;
    }
    if (packet.totalLength() > open.mtu()) {
      return Drop.TOO_LARGE;
    }
    if (open.sources().contains(destination)) {
      return Drop.NOT_FOR_HOST;
    }
    if (Ipv4Address.isMulticast(destination)
        || Ipv4Address.isReserved(destination)
        || destination == open.tunnel().first()
        || destination == open.tunnel().last()) {
      return Drop.GROUP_DESTINATION;
    }
    if (destination >>> THIS_NETWORK_SHIFT == 0
        || (exit != null && destination == exit.address())) {
      return Drop.LOCAL_DESTINATION;
    }
    if (packet.headerLength() > Ipv4Packet.HEADER_LENGTH) {
      return Drop.OPTIONS;
    }
    return packet.isFragment() ? Drop.FRAGMENT : null;
  }
}
