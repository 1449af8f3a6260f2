/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import org.torvtl.wire.TcpSegment;

/**
 * What a device says about a frame's offloads, before the frame. Virtio 1.2, section 5.1.6, in the
 * legacy form: fields of 16 bits are in the order of this machine.
 */
final class VnetHeader {
  static final int LENGTH = 10;

  private static final int FLAGS = 0, GSO_TYPE = 1, HEADER_LENGTH = 2, GSO_SIZE = 4;
  private static final int CHECKSUM_START = 6, CHECKSUM_OFFSET = 8;
  private static final int NEEDS_CHECKSUM = 1, DATA_VALID = 2;
  private static final int GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_UDP_L4 = 5;
  private static final int GSO_ECN = 0x80;

  private VnetHeader() {}

  /** Says of a frame to be sent that it is as it is to be. */
  static void setFinished(MemorySegment header) {
    header.fill((byte) 0);
  }

  /**
   * Says of a frame to be sent, TCP over IPv4, that its checksum is to be completed, and that it is
   * to be cut if its payload is too long.
   *
   * @param headerLength bytes of all headers
   * @param tcpOffset where TCP's starts
   * @param payloadLength bytes that follow the headers
   * @param segmentSize the most of those for a packet
   */
  static void setUnfinishedTcp(
      MemorySegment header, int headerLength, int tcpOffset, int payloadLength, int segmentSize) {
    boolean isLong = payloadLength > segmentSize;
    header.set(JAVA_BYTE, FLAGS, (byte) NEEDS_CHECKSUM);
    header.set(JAVA_BYTE, GSO_TYPE, (byte) (isLong ? GSO_TCPV4 : GSO_NONE));
    header.set(JAVA_SHORT, HEADER_LENGTH, (short) headerLength);
    header.set(JAVA_SHORT, GSO_SIZE, (short) (isLong ? segmentSize : 0));
    header.set(JAVA_SHORT, CHECKSUM_START, (short) tcpOffset);
    header.set(JAVA_SHORT, CHECKSUM_OFFSET, (short) TcpSegment.CHECKSUM_OFFSET);
  }

  /** Whether the transport checksum was checked already, or is not there to be checked. */
  static boolean isChecksumTrusted(MemorySegment header) {
    return (header.get(JAVA_BYTE, FLAGS) & (NEEDS_CHECKSUM | DATA_VALID)) != 0;
  }

  /** Whether the frame is one packet, or one TCP segment however long: what a stack can take. */
  static boolean isTakeable(MemorySegment header) {
    return switch (header.get(JAVA_BYTE, GSO_TYPE) & ~GSO_ECN & 0xFF) {
      case GSO_NONE, GSO_TCPV4, GSO_TCPV6 -> true;
      default -> false;
    };
  }

  /**
   * Bytes of payload of each of the UDP datagrams that the frame stands for; 0 if it is of none.
   */
  static int datagramSize(MemorySegment header) {
    return header.get(JAVA_BYTE, GSO_TYPE) == GSO_UDP_L4
        ? Short.toUnsignedInt(header.get(JAVA_SHORT, GSO_SIZE))
        : 0;
  }
}
