/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.torvtl.ip.Echo;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.IcmpError;
import org.torvtl.ip.OwnerRates;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;

/**
 * Answers ping of the gateway, and sends the errors about what is not carried. RFC 792, RFC 1122.
 */
final class IcmpResponder {
  /** Errors to one owner. An error costs about as much as the packet it is about. */
  private static final int ERRORS_PER_SECOND = 250, ERRORS_BURST = 100;

  private final int address;
  private final PacketWriter writer;
  private final StackCounters counters;
  private final OwnerRates errors;

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
      echo(guest, packet, frame);
    } else {
      unreachable(guest, packet, frame, Icmpv4Message.ADMINISTRATIVELY_PROHIBITED, nowNanos);
    }
  }

  private void echo(long guest, Ipv4Packet packet, ByteBuf frame) {
    ByteBuf reply = Echo.reply(frame.slice(packet.payloadOffset(), packet.payloadLength()));
    try {
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
    unreachable(
        guest,
        packet.source(),
        packet.destination(),
        frame.slice(packet.offset(), packet.totalLength()),
        code,
        nowNanos);
  }

  /**
   * As {@link #unreachable(long, Ipv4Packet, ByteBuf, int, long)}, for a packet of which only the
   * beginning was kept.
   *
   * @param tuple the packet's
   * @param quote the packet's header and at least 8 bytes behind it
   */
  void unreachable(FourTuple tuple, ByteBuf quote, int code, long nowNanos) {
    unreachable(tuple.guest(), tuple.guestAddress(), tuple.address(), quote, code, nowNanos);
  }

  private void unreachable(
      long guest, int source, int destination, ByteBuf quote, int code, long nowNanos) {
    if (!errors.tryAcquire(guest, nowNanos)) {
      counters.drop(Drop.ICMP_RATE);
      return;
    }
    ByteBuf error = IcmpError.unreachable(code).about(quote, Ipv4Packet.MIN_REASSEMBLY_LENGTH);
    try {
      writer.ipv4(
          guest,
          /* source= */ destination,
          /* destination= */ source,
          Ipv4Packet.PROTOCOL_ICMP,
          error);
    } finally {
      error.release();
    }
  }
}
