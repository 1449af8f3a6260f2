/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.Ipv4Packet;

/**
 * A packet that is never fragmented, and whose identification is for nothing, and 0. RFC 6864,
 * section 4.1.
 */
public final class AtomicDatagram {
  private AtomicDatagram() {}

  /**
   * Writes an IP header into the room in front of a payload.
   *
   * @param payload its readable bytes, with {@link Ipv4Packet#HEADER_LENGTH} bytes in front
   * @param protocol such as {@link Ipv4Packet#PROTOCOL_ICMP}
   * @return the same buffer; its readable bytes are the packet
   */
  public static ByteBuf prepend(ByteBuf payload, int source, int destination, int protocol) {
    int length = payload.readableBytes();
    int start = payload.readerIndex() - Ipv4Packet.HEADER_LENGTH;
    new Ipv4Packet()
        .wrap(payload, start, Ipv4Packet.HEADER_LENGTH + length)
        .compose(source, destination, protocol, 0, /* dontFragment= */ true, length);
    return payload.readerIndex(start);
  }
}
