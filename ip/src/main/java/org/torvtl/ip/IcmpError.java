/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;

/**
 * What an ICMP error says. RFC 792; RFC 1122, section 3.2.2.
 *
 * @param type such as {@link Icmpv4Message#UNREACHABLE}
 * @param code one of the type's
 * @param rest the 32 bits behind the checksum
 */
public record IcmpError(int type, int code, int rest) {
  private static final int HEADERS = Ipv4Packet.HEADER_LENGTH + Icmpv4Message.HEADER_LENGTH;

  /**
   * The packet goes nowhere.
   *
   * @param code one of those of {@link Icmpv4Message#UNREACHABLE}
   */
  public static IcmpError unreachable(int code) {
    return new IcmpError(Icmpv4Message.UNREACHABLE, code, 0);
  }

  /**
   * The packet is larger than the next hop takes, and may not be cut. RFC 1191, section 4.
   *
   * @param mtu the next hop's, in bytes
   */
  public static IcmpError fragmentationNeeded(int mtu) {
    return new IcmpError(Icmpv4Message.UNREACHABLE, Icmpv4Message.FRAGMENTATION_NEEDED, mtu);
  }

  /** The packet had no hop left to live. */
  public static IcmpError timeExceeded() {
    return new IcmpError(Icmpv4Message.TIME_EXCEEDED, 0, 0);
  }

  /**
   * Whether an error may be sent about a packet: not about an error, nor about what is too short to
   * tell. RFC 1122, section 3.2.2.
   *
   * @param packet without a defect, laid over {@code buf}
   * @param message a view to be used
   */
  public static boolean isAllowedAbout(Ipv4Packet packet, ByteBuf buf, Icmpv4Message message) {
    return packet.protocol() != Ipv4Packet.PROTOCOL_ICMP
        || (packet.payloadLength() >= Icmpv4Message.HEADER_LENGTH
            && !message.wrap(buf, packet.payloadOffset(), packet.payloadLength()).isError());
  }

  /**
   * Composes the message. It quotes as much of the packet as fits in an error that passes
   * everywhere: RFC 1812, section 4.3.2.3.
   *
   * @param packet the beginning of the packet that the error is about, its IP header and at least 8
   *     bytes behind it; borrowed
   * @param mtu the most bytes of the error, its IP header included
   * @return the message as readable bytes, with {@link Ipv4Packet#HEADER_LENGTH} bytes of room for
   *     an IP header in front; owned by the caller
   */
  public ByteBuf about(ByteBuf packet, int mtu) {
    int quoted =
        Math.min(packet.readableBytes(), Math.min(mtu, Ipv4Packet.MIN_REASSEMBLY_LENGTH) - HEADERS);
    ByteBuf error = ByteBufAllocator.DEFAULT.directBuffer(HEADERS + quoted);
    error.setBytes(HEADERS, packet, packet.readerIndex(), quoted);
    new Icmpv4Message()
        .wrap(error, Ipv4Packet.HEADER_LENGTH, Icmpv4Message.HEADER_LENGTH + quoted)
        .compose(type, code, rest);
    return error.setIndex(Ipv4Packet.HEADER_LENGTH, HEADERS + quoted);
  }
}
