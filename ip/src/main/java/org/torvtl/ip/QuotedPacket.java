/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Defect;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Packet;

/**
 * View of the beginning of a packet, as an ICMP error quotes it: the IP header and at least 8 bytes
 * behind it. RFC 792; RFC 1812, section 4.3.2.3.
 *
 * <p>A quote is not a packet: its lengths speak of what was there, and its checksum may be of
 * before or after the router's changes. So neither is checked.
 */
public final class QuotedPacket {
  private static final int SOURCE = 12, CHECKSUM = 10;
  private static final int SOURCE_PORT = 0, DESTINATION_PORT = 2, SEQUENCE = 4, QUOTED_BYTES = 8;
  private static final int ECHO_TYPE = 0, ICMP_CHECKSUM = 2, ECHO_IDENTIFIER = 4, UDP_CHECKSUM = 6;

  private final Ipv4Packet packet = new Ipv4Packet();
  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}, all that is quoted. */
  public QuotedPacket wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    packet.wrap(buf, offset, length);
    return this;
  }

  /** Why this does not tell whose packet it was, or {@code null}. */
  public @Nullable Defect defect() {
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

  /** Whether the transport header is in it: in a later fragment, it is not. */
  public boolean isFirstFragment() {
    return packet.fragmentOffset() == 0;
  }

  /** The IP protocol of what it carries. */
  public int protocol() {
    return packet.protocol();
  }

  public int source() {
    return packet.source();
  }

  public int destination() {
    return packet.destination();
  }

  /** Of TCP and UDP. */
  public int sourcePort() {
    return buf.getUnsignedShort(packet.payloadOffset() + SOURCE_PORT);
  }

  /** Of TCP and UDP. */
  public int destinationPort() {
    return buf.getUnsignedShort(packet.payloadOffset() + DESTINATION_PORT);
  }

  /** Of TCP: the sequence number of the segment's first byte. */
  public int sequence() {
    return buf.getInt(packet.payloadOffset() + SEQUENCE);
  }

  /** Of ICMP. */
  public int icmpType() {
    return buf.getUnsignedByte(packet.payloadOffset() + ECHO_TYPE);
  }

  /** Of an ICMP echo. */
  public int echoIdentifier() {
    return buf.getUnsignedShort(packet.payloadOffset() + ECHO_IDENTIFIER);
  }

  /**
   * Gives the quoted packet the source that it had before it was translated. RFC 5508, section 4.2.
   * The checksums of IP, UDP and ICMP follow; that of the transport covers more than is quoted.
   *
   * @param number the source port of UDP, or the identifier of an echo
   */
  public void restoreSource(int source, int number) {
    int translated = source();
    buf.setInt(offset + SOURCE, source);
    buf.setShort(offset + CHECKSUM, 0);
    buf.setShort(
        offset + CHECKSUM,
        InternetChecksum.fold(InternetChecksum.sum(buf, offset, packet.headerLength())));
    if (protocol() == Ipv4Packet.PROTOCOL_ICMP) {
      restore(ECHO_IDENTIFIER, number, ICMP_CHECKSUM, 0, 0);
    } else if (buf.getUnsignedShort(packet.payloadOffset() + UDP_CHECKSUM) == 0) {
      buf.setShort(packet.payloadOffset() + SOURCE_PORT, number);
    } else {
      restore(SOURCE_PORT, number, UDP_CHECKSUM, translated, source);
    }
  }

  private void restore(int at, int number, int checksumAt, int oldAddress, int newAddress) {
    int transport = packet.payloadOffset();
    int old = buf.getUnsignedShort(transport + at);
    buf.setShort(transport + at, number);
    buf.setShort(
        transport + checksumAt,
        InternetChecksum.replace(
            buf.getUnsignedShort(transport + checksumAt),
            old + Integer.toUnsignedLong(oldAddress),
            number + Integer.toUnsignedLong(newAddress)));
  }
}
