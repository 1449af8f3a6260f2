/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * Puts segments together: what the sending half wants to send, with what the receiving half has to
 * say in the same header.
 */
final class SegmentWriter {
  private final SegmentTransmitter transmitter;
  private final TcpCounters counters;
  private final TcpHeader header = new TcpHeader();

  SegmentWriter(SegmentTransmitter transmitter, TcpCounters counters) {
    this.transmitter = transmitter;
    this.counters = counters;
  }

  /** Sends a segment of a connection that has seen the peer's SYN; never a SYN itself. */
  void write(
      Receiver receiver,
      long sequence,
      int flags,
      ByteBuf payload,
      int segmentSize,
      long nowNanos) {
    receiver.fillOptions(header.options(), nowNanos);
    header
        .sequence((int) sequence)
        .acknowledgment((int) receiver.next())
        .flags(flags | TcpSegment.ACK)
        .window(receiver.window().field(receiver.next()));
    receiver.ackIsSent(payload.isReadable() || flags != 0);
    transmitter.transmit(header, payload, segmentSize);
  }

  /** Sends an acknowledgment without data. */
  void writeAck(Receiver receiver, long sequence, long nowNanos) {
    write(receiver, sequence, 0, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE, nowNanos);
  }

  /** Sends a reset that the peer accepts if it has everything before {@code sequence}. */
  void writeReset(long sequence, long acknowledgment, int flags) {
    counters.resetsSent++;
    header.options().clear();
    header
        .sequence((int) sequence)
        .acknowledgment((int) acknowledgment)
        .flags(flags | TcpSegment.RST)
        .window(0);
    transmitter.transmit(header, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE);
  }

  /** The options of a SYN or SYN-ACK: to be filled in, then {@link #writeSyn}. */
  TcpOptions synOptions() {
    return header.options().clear();
  }

  /** Sends a SYN or SYN-ACK with the options filled in before. */
  void writeSyn(long sequence, long acknowledgment, int flags, int window) {
    header
        .sequence((int) sequence)
        .acknowledgment((int) acknowledgment)
        .flags(flags | TcpSegment.SYN)
        .window(window);
    transmitter.transmit(header, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE);
  }
}
