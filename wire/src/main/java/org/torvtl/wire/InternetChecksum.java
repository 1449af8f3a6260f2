/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;

/**
 * The one's complement checksum of IPv4, ICMP, UDP and TCP. RFC 1071.
 *
 * <p>A sum under way is a {@code long} of unfolded 16-bit and 32-bit words; sums of parts that
 * start at even offsets may be added. {@link #fold} turns a sum into the 16 bits that go on the
 * wire.
 */
public final class InternetChecksum {
  private InternetChecksum() {}

  /**
   * The sum of {@code length} bytes of {@code buf} from index {@code offset}, taken as big-endian
   * words; an odd last byte is padded with zero. Not folded.
   */
  public static long sum(ByteBuf buf, int offset, int length) {
    long sum = 0;
    int i = offset;
    int end = offset + length;
    for (; i + Long.BYTES <= end; i += Long.BYTES) {
      long word = buf.getLong(i);
      sum += (word >>> 32) + (word & 0xFFFF_FFFFL);
    }
    if (i + Integer.BYTES <= end) {
      sum += buf.getUnsignedInt(i);
      i += Integer.BYTES;
    }
    if (i + Short.BYTES <= end) {
      sum += buf.getUnsignedShort(i);
      i += Short.BYTES;
    }
    if (i < end) {
      sum += (long) buf.getUnsignedByte(i) << 8;
    }
    return sum;
  }

  /**
   * The sum of the pseudo header in front of TCP and UDP over IPv4. RFC 9293, section 3.1; RFC 768.
   *
   * @param source source address, network byte order
   * @param destination destination address, network byte order
   * @param protocol IP protocol number
   * @param length bytes of transport header and payload
   */
  public static long pseudoHeaderSum(int source, int destination, int protocol, int length) {
    return Integer.toUnsignedLong(source) + Integer.toUnsignedLong(destination) + protocol + length;
  }

  /**
   * The checksum for a sum: folded to 16 bits and complemented, as on the wire. Over data that
   * already holds its right checksum it is 0.
   */
  public static int fold(long sum) {
    long folded = (sum & 0xFFFF_FFFFL) + (sum >>> 32);
    folded = (folded & 0xFFFF) + (folded >>> 16);
    folded = (folded & 0xFFFF) + (folded >>> 16);
    folded = (folded & 0xFFFF) + (folded >>> 16);
    return (int) ~folded & 0xFFFF;
  }

  /**
   * The checksum of data of which a part was replaced, without the rest of it. RFC 1624, equation
   * 3.
   *
   * @param checksum as on the wire, before
   * @param removed the sum of the old part, not folded
   * @param added the sum of the new part, not folded
   */
  public static int replace(int checksum, long removed, long added) {
    return fold((~checksum & 0xFFFF) + (long) fold(removed) + added);
  }
}
