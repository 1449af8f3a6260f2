/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * View of a TCP segment: header, options and payload. RFC 9293, section 3.1.
 *
 * <p>To read one: {@link #wrap}, then one of the {@code defect} methods must have answered {@code
 * null}. To write one: {@link #compose} the header in a buffer, put the payload behind it or in
 * another buffer, and set the checksum last.
 */
public final class TcpSegment {
  /** The IP protocol number of TCP. */
  public static final int PROTOCOL = 6;

  /** Bytes of a header without options. */
  public static final int MIN_HEADER_LENGTH = 20;

  /** Bytes of the longest header. */
  public static final int MAX_HEADER_LENGTH = MIN_HEADER_LENGTH + TcpOptions.MAX_LENGTH;

  /** Offset of the checksum in the header, for devices that fill it in. */
  public static final int CHECKSUM_OFFSET = 16;

  /** Flag: no more data from the sender. */
  public static final int FIN = 0x01;

  /** Flag: synchronize sequence numbers. */
  public static final int SYN = 0x02;

  /** Flag: reset the connection. */
  public static final int RST = 0x04;

  /** Flag: the receiver should pass the data on at once. */
  public static final int PSH = 0x08;

  /** Flag: the acknowledgment number is valid. */
  public static final int ACK = 0x10;

  /** Flag: the urgent pointer is valid. */
  public static final int URG = 0x20;

  /** Flag: ECN echo. RFC 3168. */
  public static final int ECE = 0x40;

  /** Flag: congestion window reduced. RFC 3168. */
  public static final int CWR = 0x80;

  private static final int SOURCE_PORT = 0;
  private static final int DESTINATION_PORT = 2;
  private static final int SEQUENCE = 4;
  private static final int ACKNOWLEDGMENT = 8;
  private static final int DATA_OFFSET = 12;
  private static final int FLAGS = 13;
  private static final int WINDOW = 14;
  private static final int URGENT = 18;

  private final TcpOptions options = new TcpOptions();
  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int offset;
  private int length;

  /**
   * Lays this view over a segment: {@code length} bytes of {@code buf} from index {@code offset},
   * from the first byte of the header to the last of the payload.
   */
  public TcpSegment wrap(ByteBuf buf, int offset, int length) {
    this.buf = buf;
    this.offset = offset;
    this.length = length;
    return this;
  }

  /**
   * What is wrong with the segment, or {@code null}: its checksum over IPv4 included.
   *
   * @param source IPv4 source address
   * @param destination IPv4 destination address
   */
  public @Nullable Defect defect(int source, int destination) {
    return defect(InternetChecksum.pseudoHeaderSum(source, destination, PROTOCOL, length));
  }

  /**
   * What is wrong with the segment, or {@code null}: its checksum included.
   *
   * @param pseudoHeaderSum sum of the pseudo header, as {@link InternetChecksum#pseudoHeaderSum}
   */
  public @Nullable Defect defect(long pseudoHeaderSum) {
    var defect = defectBesidesChecksum();
    if (defect != null) {
      return defect;
    }
    long sum = pseudoHeaderSum + InternetChecksum.sum(buf, offset, length);
    return InternetChecksum.fold(sum) == 0 ? null : Defect.BAD_CHECKSUM;
  }

  /**
   * What is wrong with the segment, or {@code null}, where the checksum needs no check: the device
   * has checked it, or the segment never left this machine's memory and carries none.
   */
  public @Nullable Defect defectBesidesChecksum() {
    if (length < MIN_HEADER_LENGTH) {
      return Defect.TRUNCATED;
    }
    int header = headerLength();
    if (header < MIN_HEADER_LENGTH) {
      return Defect.BAD_LENGTH;
    }
    if (header > length) {
      return Defect.TRUNCATED;
    }
    int flags = flags();
    if ((flags & SYN) != 0 && (flags & (FIN | RST)) != 0) {
      return Defect.BAD_FLAGS;
    }
    return options.read(buf, offset + MIN_HEADER_LENGTH, header - MIN_HEADER_LENGTH);
  }

  /** Source port. */
  public int sourcePort() {
    return buf.getUnsignedShort(offset + SOURCE_PORT);
  }

  /** Destination port. */
  public int destinationPort() {
    return buf.getUnsignedShort(offset + DESTINATION_PORT);
  }

  /** Sequence number of the first byte of payload, or of SYN where it is set. */
  public int sequence() {
    return buf.getInt(offset + SEQUENCE);
  }

  /** Acknowledgment number; it means something only with {@link #ACK}. */
  public int acknowledgment() {
    return buf.getInt(offset + ACKNOWLEDGMENT);
  }

  /** The flags: an OR of {@link #FIN} and the others. */
  public int flags() {
    return buf.getUnsignedByte(offset + FLAGS);
  }

  /** Whether all of the given flags are set. */
  public boolean has(int flags) {
    return (flags() & flags) == flags;
  }

  /** The window field, 0 to 65535, not scaled. */
  public int window() {
    return buf.getUnsignedShort(offset + WINDOW);
  }

  /** The checksum as on the wire, 16 bits. */
  public int checksum() {
    return buf.getUnsignedShort(offset + CHECKSUM_OFFSET);
  }

  /** Bytes of the header, options included: where the payload starts. */
  public int headerLength() {
    return (buf.getUnsignedByte(offset + DATA_OFFSET) >>> 4) * 4;
  }

  /** The options. The holder is this view's own and changes with the next segment. */
  public TcpOptions options() {
    return options;
  }

  /** Index in the buffer of the first byte of payload. */
  public int payloadOffset() {
    return offset + headerLength();
  }

  /** Bytes of payload. */
  public int payloadLength() {
    return length - headerLength();
  }

  /** Sequence numbers the segment takes: its payload, and one each for SYN and FIN. */
  public int sequenceLength() {
    int flags = flags();
    return payloadLength() + ((flags & SYN) != 0 ? 1 : 0) + (flags & FIN);
  }

  /**
   * Writes a header with its options to {@code buf} from index {@code offset}, checksum and urgent
   * pointer 0, and lays this view over it as a segment without payload. The buffer must have room
   * for {@link #MIN_HEADER_LENGTH} and {@link TcpOptions#length} bytes there.
   *
   * @param sourcePort 0 to 65535
   * @param destinationPort 0 to 65535
   * @return bytes of the header written: the payload belongs behind it
   * @throws IllegalStateException if the options exceed {@link TcpOptions#MAX_LENGTH}
   */
  public int compose(
      ByteBuf buf, int offset, int sourcePort, int destinationPort, TcpHeader header) {
    var given = header.options();
    int headerLength = MIN_HEADER_LENGTH + given.length();
    buf.setShort(offset + SOURCE_PORT, sourcePort);
    buf.setShort(offset + DESTINATION_PORT, destinationPort);
    buf.setInt(offset + SEQUENCE, header.sequence());
    buf.setInt(offset + ACKNOWLEDGMENT, header.acknowledgment());
    buf.setByte(offset + DATA_OFFSET, (headerLength / 4) << 4);
    buf.setByte(offset + FLAGS, header.flags());
    buf.setShort(offset + WINDOW, header.window());
    buf.setShort(offset + CHECKSUM_OFFSET, 0);
    buf.setShort(offset + URGENT, 0);
    given.write(buf, offset + MIN_HEADER_LENGTH);
    wrap(buf, offset, headerLength);
    return headerLength;
  }

  /**
   * Computes and sets the checksum of this view's bytes, which must be the whole segment.
   *
   * @param pseudoHeaderSum sum of the pseudo header, as {@link InternetChecksum#pseudoHeaderSum}
   */
  public TcpSegment updateChecksum(long pseudoHeaderSum) {
    return updateChecksum(pseudoHeaderSum, Unpooled.EMPTY_BUFFER);
  }

  /**
   * Computes and sets the checksum of this view's bytes, which must be the header alone, and of a
   * payload that lies in another buffer: its readable bytes.
   *
   * @param pseudoHeaderSum sum of the pseudo header, its length counting the payload
   */
  public TcpSegment updateChecksum(long pseudoHeaderSum, ByteBuf payload) {
    buf.setShort(offset + CHECKSUM_OFFSET, 0);
    long sum =
        pseudoHeaderSum
            + InternetChecksum.sum(buf, offset, length)
            + InternetChecksum.sum(payload, payload.readerIndex(), payload.readableBytes());
    buf.setShort(offset + CHECKSUM_OFFSET, InternetChecksum.fold(sum));
    return this;
  }

  /**
   * Sets the checksum to what a device with checksum offload expects there: the folded sum of the
   * pseudo header, not complemented. The device adds the segment's own bytes.
   */
  public TcpSegment startChecksum(long pseudoHeaderSum) {
    buf.setShort(offset + CHECKSUM_OFFSET, ~InternetChecksum.fold(pseudoHeaderSum));
    return this;
  }

  @Override
  public String toString() {
    if (length < MIN_HEADER_LENGTH) {
      return "TCP, " + length + " bytes";
    }
    var text = new StringBuilder();
    int flags = flags();
    for (int i = 0; i < 8; i++) {
      if (((flags >>> i) & 1) != 0) {
        text.append("FSRPAUEC".charAt(i));
      }
    }
    text.append(' ').append(sourcePort()).append(" > ").append(destinationPort());
    text.append(" seq ").append(Integer.toUnsignedString(sequence()));
    text.append(" ack ").append(Integer.toUnsignedString(acknowledgment()));
    text.append(" win ").append(window()).append(" len ").append(payloadLength());
    return text.append(' ').append(options).toString();
  }
}
