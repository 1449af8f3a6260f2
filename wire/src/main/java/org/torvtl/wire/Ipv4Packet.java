/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** View of an IPv4 packet. RFC 791. */
public final class Ipv4Packet {
  public static final int HEADER_LENGTH = 20, MAX_HEADER_LENGTH = 60, MAX_LENGTH = 65_535;
  public static final int PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17;

  /** What every host must be able to receive, in bytes. RFC 791, section 3.2. */
  public static final int MIN_REASSEMBLY_LENGTH = 576;

  private static final int VERSION_IHL = 0, TOTAL_LENGTH = 2, IDENTIFICATION = 4;
  private static final int FRAGMENT = 6, TTL = 8, PROTOCOL = 9, CHECKSUM = 10;
  private static final int SOURCE = 12, DESTINATION = 16;
  private static final int DONT_FRAGMENT = 0x4000, MORE_FRAGMENTS = 0x2000;
  private static final int FRAGMENT_OFFSET_MASK = 0x1FFF, FRAGMENT_UNIT = 8;
  private static final int DEFAULT_TTL = 64;

  private ByteBuf buf = Flyweights.NOWHERE;
  private int offset;
  private int length;

  /** Lays the view over at most {@code length} bytes at index {@code offset}. */
  public Ipv4Packet wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /**
   * What is wrong with the packet, or {@code null}; bytes behind its total length are right, they
   * are padding. Addresses that may not be seen on a link are a defect. RFC 1122, section 3.2.1.3.
   */
  public @Nullable Defect defect() {
    if (length < HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    if (buf.getByte(offset + VERSION_IHL) >>> 4 != 4) {
      return Defect.BAD_VERSION;
    }
    if (headerLength() < HEADER_LENGTH || totalLength() < headerLength()) {
      return Defect.BAD_LENGTH;
    }
    if (totalLength() > length) {
      return Defect.TRUNCATED;
    }
    if (InternetChecksum.fold(InternetChecksum.sum(buf, offset, headerLength())) != 0) {
      return Defect.BAD_CHECKSUM;
    }
    if (isFragment()
        && (moreFragments() && payloadLength() % FRAGMENT_UNIT != 0
            || payloadLength() == 0
            || headerLength() + fragmentOffset() + payloadLength() > MAX_LENGTH)) {
      return Defect.BAD_LENGTH;
    }
    int source = source();
    int destination = destination();
    return Ipv4Address.isMulticast(source)
            || Ipv4Address.isReserved(source)
            || Ipv4Address.isLoopback(source)
            || Ipv4Address.isLoopback(destination)
            || destination == Ipv4Address.UNSPECIFIED
        ? Defect.BAD_ADDRESS
        : null;
  }

  /** Index of the header in the buffer. */
  public int offset() {
    return offset;
  }

  /** Bytes of the header, options included. */
  public int headerLength() {
    return (buf.getByte(offset + VERSION_IHL) & 0xF) * 4;
  }

  /** Bytes of header and payload. */
  public int totalLength() {
    return buf.getUnsignedShort(offset + TOTAL_LENGTH);
  }

  /** Index of the payload in the buffer. */
  public int payloadOffset() {
    return offset + headerLength();
  }

  /** Bytes of payload. */
  public int payloadLength() {
    return totalLength() - headerLength();
  }

  public int identification() {
    return buf.getUnsignedShort(offset + IDENTIFICATION);
  }

  public boolean dontFragment() {
    return (buf.getUnsignedShort(offset + FRAGMENT) & DONT_FRAGMENT) != 0;
  }

  public boolean moreFragments() {
    return (buf.getUnsignedShort(offset + FRAGMENT) & MORE_FRAGMENTS) != 0;
  }

  /** Where this fragment's payload stands in the whole payload, in bytes. */
  public int fragmentOffset() {
    return (buf.getUnsignedShort(offset + FRAGMENT) & FRAGMENT_OFFSET_MASK) * FRAGMENT_UNIT;
  }

  /** Whether this is a part of a packet. */
  public boolean isFragment() {
    return (buf.getUnsignedShort(offset + FRAGMENT) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) != 0;
  }

  public int ttl() {
    return buf.getUnsignedByte(offset + TTL);
  }

  public int protocol() {
    return buf.getUnsignedByte(offset + PROTOCOL);
  }

  public int source() {
    return buf.getInt(offset + SOURCE);
  }

  public int destination() {
    return buf.getInt(offset + DESTINATION);
  }

  /**
   * The sum of the pseudo header for this packet's TCP or UDP payload, to be added to the sum of
   * the payload.
   */
  public long pseudoHeaderSum() {
    return InternetChecksum.pseudoHeaderSum(source(), destination(), protocol(), payloadLength());
  }

  /**
   * Writes a header of {@link #HEADER_LENGTH} bytes for a whole packet, checksum included.
   *
   * @param identification 16 bits; matters only where {@code dontFragment} is false. RFC 6864
   * @param payloadLength bytes behind the header
   */
  public Ipv4Packet compose(
      int source,
      int destination,
      int protocol,
      int identification,
      boolean dontFragment,
      int payloadLength) {
    buf.setShort(offset + VERSION_IHL, 0x45 << 8);
    buf.setShort(offset + TOTAL_LENGTH, HEADER_LENGTH + payloadLength);
    buf.setShort(offset + IDENTIFICATION, identification);
    buf.setShort(offset + FRAGMENT, dontFragment ? DONT_FRAGMENT : 0);
    buf.setShort(offset + TTL, DEFAULT_TTL << 8 | protocol);
    buf.setInt(offset + SOURCE, source);
    buf.setInt(offset + DESTINATION, destination);
    return updateChecksum();
  }

  /**
   * Makes the header that of one fragment of a packet: its length, place and checksum are written
   * anew.
   *
   * @param fragmentOffset where the payload stands in the whole, in bytes, a multiple of 8
   * @param payloadLength bytes behind the header; a multiple of 8 unless it is the last fragment
   */
  public Ipv4Packet composeFragment(int fragmentOffset, boolean moreFragments, int payloadLength) {
    buf.setShort(offset + TOTAL_LENGTH, headerLength() + payloadLength);
    buf.setShort(
        offset + FRAGMENT, fragmentOffset / FRAGMENT_UNIT | (moreFragments ? MORE_FRAGMENTS : 0));
    return updateChecksum();
  }

  /** Writes the time to live, and the checksum anew. */
  public Ipv4Packet setTtl(int ttl) {
    buf.setByte(offset + TTL, ttl);
    return updateChecksum();
  }

  private Ipv4Packet updateChecksum() {
    buf.setShort(offset + CHECKSUM, 0);
    buf.setShort(
        offset + CHECKSUM,
        InternetChecksum.fold(InternetChecksum.sum(buf, offset, headerLength())));
    return this;
  }
}
