/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Packet;

/**
 * View of the beginning of a TCP packet, as an ICMP error quotes it: the IP header and at least 8
 * bytes behind it. RFC 792; RFC 1812, section 4.3.2.3.
 *
 * <p>A quote is not a packet: its lengths speak of what was there, and its checksum may be of
 * before or after the router's changes. So neither is checked.
 */
final class QuotedSegment {
  private static final int SOURCE_PORT = 0, DESTINATION_PORT = 2, SEQUENCE = 4, QUOTED_BYTES = 8;

  private final Ipv4Packet packet = new Ipv4Packet();
  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}, all that is quoted. */
  QuotedSegment wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    packet.wrap(buf, offset, length);
    return this;
  }

  /** Why this does not tell whose segment it was, or {@code null}. */
  @Nullable Defect defect() {
    if (length < Ipv4Packet.HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    if (buf.getByte(offset) >>> 4 != 4) {
      return Defect.BAD_VERSION;
    }
    if (packet.headerLength() < Ipv4Packet.HEADER_LENGTH) {
      return Defect.BAD_LENGTH;
    }
    return length < packet.headerLength() + QUOTED_BYTES ? Defect.TRUNCATED : null;
  }

  /** Whether it is the beginning of a TCP segment. */
  boolean isTcp() {
    return packet.protocol() == Ipv4Packet.PROTOCOL_TCP && packet.fragmentOffset() == 0;
  }

  int source() {
    return packet.source();
  }

  int destination() {
    return packet.destination();
  }

  int sourcePort() {
    return buf.getUnsignedShort(packet.payloadOffset() + SOURCE_PORT);
  }

  int destinationPort() {
    return buf.getUnsignedShort(packet.payloadOffset() + DESTINATION_PORT);
  }

  int sequence() {
    return buf.getInt(packet.payloadOffset() + SEQUENCE);
  }
}
