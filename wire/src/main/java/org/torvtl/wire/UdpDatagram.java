/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** View of a UDP datagram. RFC 768. */
public final class UdpDatagram {
  public static final int HEADER_LENGTH = 8;

  private static final int SOURCE_PORT = 0, DESTINATION_PORT = 2, LENGTH = 4, CHECKSUM = 6;

  private ByteBuf buf = Flyweights.NOWHERE;
  private int offset;
  private int length;

  /** Lays the view over at most {@code length} bytes at index {@code offset}. */
  public UdpDatagram wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /**
   * What is wrong with the datagram, or {@code null}. A datagram without a checksum is right over
   * IPv4.
   *
   * @param source address of the packet around it
   * @param destination address of the packet around it
   */
  public @Nullable Defect defect(int source, int destination) {
    var defect = defectBesidesChecksum();
    if (defect != null || buf.getUnsignedShort(offset + CHECKSUM) == 0) {
      return defect;
    }
    return checksum(source, destination) != 0 ? Defect.BAD_CHECKSUM : null;
  }

  /**
   * What is wrong with the datagram, or {@code null}, where the checksum needs no check: the device
   * has checked it, or the datagram never left this machine's memory and carries none.
   */
  public @Nullable Defect defectBesidesChecksum() {
    if (length < HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    int datagramLength = datagramLength();
    if (datagramLength < HEADER_LENGTH) {
      return Defect.BAD_LENGTH;
    }
    return datagramLength > length ? Defect.TRUNCATED : null;
  }

  public int sourcePort() {
    return buf.getUnsignedShort(offset + SOURCE_PORT);
  }

  public int destinationPort() {
    return buf.getUnsignedShort(offset + DESTINATION_PORT);
  }

  /** Bytes of header and payload, as the length field says. */
  public int datagramLength() {
    return buf.getUnsignedShort(offset + LENGTH);
  }

  /** Index of the payload in the buffer. */
  public int payloadOffset() {
    return offset + HEADER_LENGTH;
  }

  /** Bytes of payload. */
  public int payloadLength() {
    return datagramLength() - HEADER_LENGTH;
  }

  /**
   * Writes the header over the payload that is already in place, checksum included.
   *
   * @param source address of the packet around it
   * @param destination address of the packet around it
   */
  public UdpDatagram compose(
      int source, int destination, int sourcePort, int destinationPort, int payloadLength) {
    buf.setShort(offset + SOURCE_PORT, sourcePort);
    buf.setShort(offset + DESTINATION_PORT, destinationPort);
    buf.setShort(offset + LENGTH, HEADER_LENGTH + payloadLength);
    buf.setShort(offset + CHECKSUM, 0);
    int checksum = checksum(source, destination);
    buf.setShort(offset + CHECKSUM, checksum == 0 ? 0xFFFF : checksum);
    return this;
  }

  private int checksum(int source, int destination) {
    return InternetChecksum.fold(
        InternetChecksum.pseudoHeaderSum(
                source, destination, Ipv4Packet.PROTOCOL_UDP, datagramLength())
            + InternetChecksum.sum(buf, offset, datagramLength()));
  }
}
