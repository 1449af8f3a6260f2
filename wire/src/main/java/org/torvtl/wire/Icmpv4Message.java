/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** View of an ICMP message for IPv4. RFC 792. */
public final class Icmpv4Message {
  public static final int HEADER_LENGTH = 8;
  public static final int ECHO_REPLY = 0, UNREACHABLE = 3, ECHO_REQUEST = 8;
  public static final int TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12;

  /** Codes of {@link #UNREACHABLE}. RFC 792; RFC 1812, section 5.2.7.1. */
  public static final int NET_UNREACHABLE = 0,
      HOST_UNREACHABLE = 1,
      PROTOCOL_UNREACHABLE = 2,
      PORT_UNREACHABLE = 3,
      FRAGMENTATION_NEEDED = 4,
      ADMINISTRATIVELY_PROHIBITED = 13;

  private static final int TYPE = 0, CODE = 1, CHECKSUM = 2, REST = 4;
  private static final int SOURCE_QUENCH = 4, REDIRECT = 5;

  private ByteBuf buf = Flyweights.NOWHERE;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}, the whole message. */
  public Icmpv4Message wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /** What is wrong with the message, or {@code null}. */
  public @Nullable Defect defect() {
    if (length < HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    return InternetChecksum.fold(InternetChecksum.sum(buf, offset, length)) != 0
        ? Defect.BAD_CHECKSUM
        : null;
  }

  public int type() {
    return buf.getUnsignedByte(offset + TYPE);
  }

  public int code() {
    return buf.getUnsignedByte(offset + CODE);
  }

  /** The 32 bits behind the checksum: identifier and sequence number of an echo. */
  public int rest() {
    return buf.getInt(offset + REST);
  }

  /**
   * The MTU of the hop that a packet was too large for, in a message of code {@link
   * #FRAGMENTATION_NEEDED}; 0 where the router does not say. RFC 1191, section 4.
   */
  public int nextHopMtu() {
    return rest() & 0xFFFF;
  }

  /**
   * Whether no error may be sent about this message, since it is one itself. RFC 1122, section
   * 3.2.2.
   */
  public boolean isError() {
    return switch (type()) {
      case UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM -> true;
      default -> false;
    };
  }

  /** Index of what stands behind the header. */
  public int payloadOffset() {
    return offset + HEADER_LENGTH;
  }

  /** Bytes behind the header. */
  public int payloadLength() {
    return length - HEADER_LENGTH;
  }

  /** Writes the header over the payload that is already in place, checksum included. */
  public Icmpv4Message compose(int type, int code, int rest) {
    buf.setByte(offset + TYPE, type);
    buf.setByte(offset + CODE, code);
    buf.setShort(offset + CHECKSUM, 0);
    buf.setInt(offset + REST, rest);
    buf.setShort(
        offset + CHECKSUM, InternetChecksum.fold(InternetChecksum.sum(buf, offset, length)));
    return this;
  }
}
