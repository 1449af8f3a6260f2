/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Defect;

/**
 * View of one message between a proxy and a router: a UDP datagram. docs/onion-protocol.md, section
 * 2.
 */
public final class OnionMessage {
  public static final int VERSION = 1;
  public static final int HEADER_LENGTH = 16, TAG_LENGTH = 16;

  /** Bytes around the body. */
  public static final int OVERHEAD = HEADER_LENGTH + TAG_LENGTH;

  /** Bytes of the longest body, so that the message is one UDP datagram over IPv4. */
  public static final int MAX_BODY_LENGTH = 65_507 - OVERHEAD;

  /** The circuit of messages that belong to none. */
  public static final int NO_CIRCUIT = 0;

  private static final int VERSION_AT = 0, TYPE = 1, LINK = 2, CIRCUIT = 4, SEQUENCE = 8;

  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int offset;
  private int length;

  /** Lays the view over {@code length} bytes at index {@code offset}, the whole datagram. */
  public OnionMessage wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /** What is wrong with the message, or {@code null}; the tag is not looked at. */
  public @Nullable Defect defect() {
    if (length < OVERHEAD) {
      return Defect.TRUNCATED;
    }
    return buf.getUnsignedByte(offset + VERSION_AT) != VERSION || type() == null
        ? Defect.BAD_VERSION
        : null;
  }

  /** The type, or {@code null} if the number is none of this version. */
  public @Nullable MessageType type() {
    return MessageType.of(buf.getUnsignedByte(offset + TYPE));
  }

  /** Whose keys authenticate the message: the router's number with its proxy, from 1. */
  public int link() {
    return buf.getUnsignedShort(offset + LINK);
  }

  /** The circuit, as the two ends of this link number it. */
  public int circuit() {
    return buf.getInt(offset + CIRCUIT);
  }

  /** Counts the messages in this direction of the link, from 1. */
  public long sequence() {
    return buf.getLong(offset + SEQUENCE);
  }

  /** Index of the body in the buffer. */
  public int bodyOffset() {
    return offset + HEADER_LENGTH;
  }

  /** Bytes of the body. */
  public int bodyLength() {
    return length - OVERHEAD;
  }

  /** Index of the tag, which authenticates everything before it. */
  int tagOffset() {
    return offset + length - TAG_LENGTH;
  }

  ByteBuf buffer() {
    return buf;
  }

  int offset() {
    return offset;
  }

  /** Writes the header, but for the sequence number. */
  OnionMessage compose(MessageType type, int link, int circuit) {
    buf.setByte(offset + VERSION_AT, VERSION);
    buf.setByte(offset + TYPE, type.code());
    buf.setShort(offset + LINK, link);
    buf.setInt(offset + CIRCUIT, circuit);
    return this;
  }

  OnionMessage composeSequence(long sequence) {
    buf.setLong(offset + SEQUENCE, sequence);
    return this;
  }
}
