/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/** Tells a packet in a few words, for the log. */
final class PacketDescription {
  private PacketDescription() {}

  /**
   * Such as {@code ICMP echo request 10.5.51.2 > 10.5.51.9 id 7 seq 1, 84 bytes}.
   *
   * @param packet without a defect
   * @param buf what {@code packet} is laid over
   */
  static String of(Ipv4Packet packet, ByteBuf buf) {
    var text = new StringBuilder(80);
    int at = packet.payloadOffset();
    boolean hasHeader =
        packet.fragmentOffset() == 0 && packet.payloadLength() >= Icmpv4Message.HEADER_LENGTH;
    int type = packet.protocol() == Ipv4Packet.PROTOCOL_ICMP && hasHeader ? buf.getByte(at) : -1;
    boolean hasPorts =
        hasHeader
            && (packet.protocol() == Ipv4Packet.PROTOCOL_UDP
                || packet.protocol() == Ipv4Packet.PROTOCOL_TCP);
    text.append(kind(packet.protocol(), type, buf, at)).append(' ');
    text.append(Ipv4Address.toString(packet.source()));
    if (hasPorts) {
      text.append(':').append(buf.getUnsignedShort(at));
    }
    text.append(" > ").append(Ipv4Address.toString(packet.destination()));
    if (hasPorts) {
      text.append(':').append(buf.getUnsignedShort(at + 2));
    }
    if (type == Icmpv4Message.ECHO_REQUEST || type == Icmpv4Message.ECHO_REPLY) {
      text.append(" id ").append(buf.getUnsignedShort(at + 4));
      text.append(" seq ").append(buf.getUnsignedShort(at + 6));
    }
    text.append(", ").append(packet.totalLength()).append(" bytes, ttl ").append(packet.ttl());
    if (packet.isFragment()) {
      text.append(", fragment at ").append(packet.fragmentOffset());
    }
    return text.toString();
  }

  private static String kind(int protocol, int type, ByteBuf buf, int at) {
    return switch (protocol) {
      case Ipv4Packet.PROTOCOL_UDP -> "UDP";
      case Ipv4Packet.PROTOCOL_TCP -> "TCP";
      case Ipv4Packet.PROTOCOL_ICMP ->
          switch (type) {
            case Icmpv4Message.ECHO_REQUEST -> "ICMP echo request";
            case Icmpv4Message.ECHO_REPLY -> "ICMP echo reply";
            case Icmpv4Message.UNREACHABLE -> "ICMP unreachable (" + buf.getByte(at + 1) + ")";
            case Icmpv4Message.TIME_EXCEEDED -> "ICMP time exceeded";
            case -1 -> "ICMP";
            default -> "ICMP type " + type;
          };
      default -> "protocol " + protocol;
    };
  }
}
