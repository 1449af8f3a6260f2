/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;

/**
 * What the packets of a flow have in common, as the host sees them.
 *
 * @param protocol IP protocol number
 * @param source the host's address
 * @param sourcePort its UDP or TCP port, or its echo identifier; 0 for all else
 * @param destination the far address
 * @param destinationPort its UDP or TCP port; 0 for all else
 */
public record FlowKey(
    int protocol, int source, int sourcePort, int destination, int destinationPort) {
  private static final int PORTS_LENGTH = 4;

  /**
   * The flow of a packet.
   *
   * @param packet without a defect
   * @param buf what {@code packet} is laid over
   */
  static FlowKey of(Ipv4Packet packet, ByteBuf buf) {
    int protocol = packet.protocol();
    int sourcePort = 0;
    int destinationPort = 0;
    // All fragments of a packet must have the same flow, and only the first one has ports.
    if (!packet.isFragment() && packet.payloadLength() >= Icmpv4Message.HEADER_LENGTH) {
      switch (protocol) {
        case Ipv4Packet.PROTOCOL_TCP, Ipv4Packet.PROTOCOL_UDP -> {
          sourcePort = buf.getUnsignedShort(packet.payloadOffset());
          destinationPort = buf.getUnsignedShort(packet.payloadOffset() + PORTS_LENGTH / 2);
        }
        case Ipv4Packet.PROTOCOL_ICMP ->
            sourcePort = buf.getUnsignedShort(packet.payloadOffset() + PORTS_LENGTH);
        default -> {}
      }
    }
    return new FlowKey(
        protocol, packet.source(), sourcePort, packet.destination(), destinationPort);
  }

  /**
   * How well a flow and a router go together: of the routers that are up, a flow goes to the one
   * where this is highest. So when one dies only its own flows move (rendezvous hashing).
   *
   * @param seed drawn anew for each run
   */
  long weight(long seed, int router) {
    long hash = mix(seed ^ ((long) source << Integer.SIZE | Integer.toUnsignedLong(destination)));
    hash =
        mix(hash ^ ((long) protocol << Integer.SIZE | (long) sourcePort << 16 | destinationPort));
    return mix(hash ^ router);
  }

  /** The finalizer of SplitMix64: every bit of the input moves half of the output's. */
  private static long mix(long value) {
    value += 0x9E37_79B9_7F4A_7C15L;
    value = (value ^ value >>> 30) * 0xBF58_476D_1CE4_E5B9L;
    value = (value ^ value >>> 27) * 0x94D0_49BB_1331_11EBL;
    return value ^ value >>> 31;
  }
}
