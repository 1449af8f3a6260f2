/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;

/** Answers ping. RFC 792; RFC 1122, section 3.2.2.6. */
public final class Echo {
  private Echo() {}

  /**
   * Composes the reply to an echo request.
   *
   * @param request the message, without a defect; borrowed
   * @return the reply as readable bytes, with {@link Ipv4Packet#HEADER_LENGTH} bytes of room for an
   *     IP header in front; owned by the caller
   */
  public static ByteBuf reply(ByteBuf request) {
    int length = request.readableBytes();
    int start = Ipv4Packet.HEADER_LENGTH;
    ByteBuf reply = ByteBufAllocator.DEFAULT.directBuffer(start + length);
    reply.setBytes(start, request, request.readerIndex(), length);
    var message = new Icmpv4Message().wrap(reply, start, length);
    message.compose(Icmpv4Message.ECHO_REPLY, 0, message.rest());
    return reply.setIndex(start, start + length);
  }
}
