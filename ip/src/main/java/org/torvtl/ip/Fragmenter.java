/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import org.torvtl.wire.Ipv4Packet;

/** Cuts the payload of a packet into fragments. RFC 791, section 2.3. */
public final class Fragmenter {
  /** Every fragment but the last carries a multiple of it. RFC 791, section 3.1. */
  private static final int UNIT = 8;

  private Fragmenter() {}

  /** Gets the fragments in their order. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes one fragment.
     *
     * @param offset of its payload in the whole payload, in bytes
     * @param length bytes of payload
     * @param more whether others follow
     * @return whether it was taken; if not, the others are not offered
     */
    boolean take(int offset, int length, boolean more);
  }

  /**
   * Cuts a payload so that each fragment fits, with a header of {@link Ipv4Packet#HEADER_LENGTH}.
   *
   * @param payloadLength bytes behind the header of the whole packet
   * @param mtu the most bytes of a fragment, header included; 28 at least
   * @return whether all of it was taken
   */
  public static boolean cut(int payloadLength, int mtu, Sink sink) {
    int most = mtu - Ipv4Packet.HEADER_LENGTH & -UNIT;
    for (int offset = 0; offset < payloadLength; offset += most) {
      int length = Math.min(most, payloadLength - offset);
      if (!sink.take(offset, length, offset + length < payloadLength)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Sends a packet, in fragments if it does not fit.
   *
   * @param packet its readable bytes, with a header of {@link Ipv4Packet#HEADER_LENGTH}; borrowed,
   *     and changed if it is cut
   * @param mtu the most bytes of what is sent; 28 at least
   * @param identification gives the 16 bits that all fragments of the packet have
   * @param link gets what is sent, borrowed; tells whether it took it
   * @return whether all of it was taken
   */
  public static boolean send(
      ByteBuf packet, int mtu, IntSupplier identification, Predicate<ByteBuf> link) {
    int length = packet.readableBytes();
    if (length <= mtu) {
      return link.test(packet);
    }
    int start = packet.readerIndex();
    int payloadLength = length - Ipv4Packet.HEADER_LENGTH;
    var header = new Ipv4Packet().wrap(packet, start, length);
    int ttl = header.ttl();
    header
        .compose(
            header.source(),
            header.destination(),
            header.protocol(),
            identification.getAsInt(),
            /* dontFragment= */ false,
            payloadLength)
        .setTtl(ttl);
    return cut(
        payloadLength,
        mtu,
        (offset, size, more) -> {
          ByteBuf part = ByteBufAllocator.DEFAULT.directBuffer(Ipv4Packet.HEADER_LENGTH + size);
          try {
            part.writeBytes(packet, start, Ipv4Packet.HEADER_LENGTH)
                .writeBytes(packet, start + Ipv4Packet.HEADER_LENGTH + offset, size);
            header.wrap(part, 0, part.readableBytes()).composeFragment(offset, more, size);
            return link.test(part);
          } finally {
            part.release();
          }
        });
  }
}
