/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;

/**
 * Answers ping of the gateway, and sends the errors about what is not carried. RFC 792, RFC 1122.
 */
final class IcmpResponder {
  /** An error is at most this long, so that it passes everywhere. RFC 1812, section 4.3.2.3. */
  private static final int MAX_QUOTE =
      Ipv4Packet.MIN_REASSEMBLY_LENGTH - Ipv4Packet.HEADER_LENGTH - Icmpv4Message.HEADER_LENGTH;

  /** Errors to one owner. An error costs about as much as the packet it is about. */
  private static final int ERRORS_PER_SECOND = 250, ERRORS_BURST = 100;

  private final int address;
  private final PacketWriter writer;
  private final StackCounters counters;
  private final OwnerRates errors;
  private final Icmpv4Message answer = new Icmpv4Message();

  /**
   * @param config for the gateway's own address, and the owners of guests
   */
  IcmpResponder(StackConfig config, PacketWriter writer, StackCounters counters) {
    this.address = config.address();
    this.writer = writer;
    this.counters = counters;
    this.errors = new OwnerRates(config.owners(), ERRORS_PER_SECOND, ERRORS_BURST);
  }

  /**
   * Takes an ICMP message from a guest.
   *
   * @param packet laid over {@code frame}, without a defect
   * @param message the same, of what is in the packet
   */
  void receive(long guest, Ipv4Packet packet, Icmpv4Message message, ByteBuf frame, long nowNanos) {
    if (message.type() != Icmpv4Message.ECHO_REQUEST) {
      counters.drop(Drop.ICMP_IGNORED);
    } else if (packet.destination() == address) {
      echo(guest, packet, message, frame);
    } else {
      unreachable(guest, packet, frame, Icmpv4Message.ADMINISTRATIVELY_PROHIBITED, nowNanos);
    }
  }

  private void echo(long guest, Ipv4Packet packet, Icmpv4Message message, ByteBuf frame) {
    ByteBuf reply = ByteBufAllocator.DEFAULT.directBuffer(packet.payloadLength());
    try {
      reply.writeBytes(frame, packet.payloadOffset(), packet.payloadLength());
      answer
          .wrap(reply, 0, reply.readableBytes())
          .compose(Icmpv4Message.ECHO_REPLY, 0, message.rest());
      writer.ipv4(
          guest,
          /* source= */ packet.destination(),
          /* destination= */ packet.source(),
          Ipv4Packet.PROTOCOL_ICMP,
          reply);
    } finally {
      reply.release();
    }
  }

  /**
   * Tells a guest that its packet goes nowhere. No error is sent about an ICMP error, and not more
   * than a bounded number a second to each owner.
   *
   * @param packet the guest's, laid over {@code frame}
   * @param code one of the codes of {@link Icmpv4Message#UNREACHABLE}
   */
  void unreachable(long guest, Ipv4Packet packet, ByteBuf frame, int code, long nowNanos) {
    int quoted = Math.min(packet.totalLength(), MAX_QUOTE);
    unreachable(
        guest,
        packet.source(),
        packet.destination(),
        frame.slice(packet.offset(), quoted),
        code,
        nowNanos);
  }

  /**
   * As {@link #unreachable(long, Ipv4Packet, ByteBuf, int, long)}, for a packet of which only the
   * beginning was kept.
   *
   * @param source address of the packet, the guest's
   * @param quote the packet's header and at least 8 bytes behind it
   */
  void unreachable(
      long guest, int source, int destination, ByteBuf quote, int code, long nowNanos) {
    if (!errors.tryAcquire(guest, nowNanos)) {
      counters.drop(Drop.ICMP_RATE);
      return;
    }
    int length = Icmpv4Message.HEADER_LENGTH + quote.readableBytes();
    ByteBuf error = ByteBufAllocator.DEFAULT.directBuffer(length);
    try {
      error.setBytes(
          Icmpv4Message.HEADER_LENGTH, quote, quote.readerIndex(), quote.readableBytes());
      answer.wrap(error, 0, length).compose(Icmpv4Message.UNREACHABLE, code, 0);
      writer.ipv4(
          guest,
          /* source= */ destination,
          /* destination= */ source,
          Ipv4Packet.PROTOCOL_ICMP,
          error.setIndex(0, length));
    } finally {
      error.release();
    }
  }
}
