/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/**
 * A connection once its handshake is complete: takes acknowledgment, text and FIN of acceptable
 * segments (RFC 9293, section 3.10.7.4, steps 5 to 8), and watches over the peer by its timers.
 *
 * <p>Where a method returns a {@link CloseReason}, the connection ends by that.
 */
final class OpenConnection {
  private final TcpCounters counters;
  private final ConnectionHandler handler;
  private final SegmentWriter writer;
  private final StateDiagram diagram;
  private final Receiver receiver;
  private final Sender sender;
  private final KeepAliveTimer keepAlive;

  OpenConnection(
      TcpCounters counters,
      ConnectionHandler handler,
      SegmentWriter writer,
      StateDiagram diagram,
      Receiver receiver,
      Sender sender,
      KeepAliveTimer keepAlive) {
    this.counters = counters;
    this.handler = handler;
    this.writer = writer;
    this.diagram = diagram;
    this.receiver = receiver;
    this.sender = sender;
    this.keepAlive = keepAlive;
  }

  Sender sender() {
    return sender;
  }

  Flight flight() {
    return sender.flight();
  }

  /** The largest window the peer has ever offered, in bytes. */
  long maxWindow() {
    return sender.maxWindow();
  }

  /**
   * Takes an acceptable segment.
   *
   * @param sequence of its first byte of text
   * @param acknowledgment acceptable too
   */
  @Nullable CloseReason receive(
      TcpSegment segment, long sequence, long acknowledgment, ByteBuf payload, long nowNanos) {
    if (acknowledgment >= flight().unacknowledged()) {
      int length = payload.readableBytes() + (segment.has(TcpSegment.FIN) ? 1 : 0);
      int data = sender.receive(segment, sequence, acknowledgment, length, nowNanos);
      if (data > 0) {
        handler.acknowledged(data);
      }
      if (flight().finIsAcknowledged() && !diagram.is(TcpState.CLOSED)) {
        diagram.finAcknowledged(nowNanos);
        if (diagram.is(TcpState.CLOSED)) {
          return CloseReason.NORMAL;
        }
      }
    }
    return diagram.is(TcpState.CLOSED) ? null : receiveText(segment, sequence, payload, nowNanos);
  }

  /** Takes text and FIN of an acceptable segment whose acknowledgment was processed. */
  @Nullable CloseReason receiveText(
      TcpSegment segment, long sequence, ByteBuf payload, long nowNanos) {
    keepAlive.heard(nowNanos);
    receiver.noteTimestamp(segment, sequence, nowNanos);
    boolean hasFin = segment.has(TcpSegment.FIN);
    if (hasFin) {
      diagram.finRepeated(nowNanos);
    }
    if (diagram.isInputShut()
        && payload.isReadable()
        && receiver.isNews(sequence + payload.readableBytes())) {
      return resetUnread();
    }
    var data = receiver.receive(sequence, payload, hasFin, nowNanos);
    while (data != null) {
      if (diagram.isInputShut()) {
        data.release();
        return resetUnread();
      }
      handler.data(data);
      if (diagram.is(TcpState.CLOSED)) {
        return null;
      }
      data = receiver.poll();
    }
    if (receiver.pollFin()) {
      receiveFin(nowNanos);
    }
    return null;
  }

  /** Data came that the owner will not read. RFC 1122, section 4.2.2.13. */
  private CloseReason resetUnread() {
    counters.dataAfterClose++;
    writer.writeReset(flight().next(), receiver.next(), TcpSegment.ACK);
    return CloseReason.ABORTED;
  }

  private void receiveFin(long nowNanos) {
    diagram.finReceived();
    if (!diagram.isInputShut()) {
      handler.endOfStream();
    }
    diagram.endOfStreamTold(nowNanos);
  }

  /** When to call {@link #onDeadline}; {@link Long#MAX_VALUE} for never. */
  long deadlineNanos() {
    return Deadlines.earlier(sender.deadlineNanos(), keepAliveDeadlineNanos());
  }

  /** While anything of ours waits for an answer, the sender's timers watch over the peer. */
  private long keepAliveDeadlineNanos() {
    return diagram.isOver() || flight().isBusy() ? Deadlines.NONE : keepAlive.deadlineNanos();
  }

  /**
   * Does what is due: asks an idle peer for a sign of life, or has the sender do its part.
   *
   * @return whether the peer has not answered for so long that it is to be given up
   */
  boolean onDeadline(long nowNanos) {
    receiver.ack().onDeadline(nowNanos);
    if (!Deadlines.isPast(keepAliveDeadlineNanos(), nowNanos)) {
      return sender.onDeadline(nowNanos);
    }
    if (keepAlive.isExhausted()) {
      return true;
    }
    keepAlive.asked(nowNanos);
    askIfAlive(nowNanos);
    return false;
  }

  /** Sends what the peer must answer: a segment it has acknowledged already. */
  void askIfAlive(long nowNanos) {
    if (!diagram.isOver()) {
      counters.keepAlives++;
      writer.writeAck(receiver, flight().unacknowledged() - 1, nowNanos);
    }
  }

  /** See {@link TcpConnection#packetTooLarge}. */
  boolean packetTooLarge(int sequence, int maxSegmentSize, long nowNanos) {
    if (diagram.isOver()) {
      return false;
    }
    long quoted = SequenceNumbers.extend(sequence, flight().unacknowledged());
    boolean believed = sender.packetTooLarge(quoted, maxSegmentSize, nowNanos);
    if (believed) {
      counters.packetsTooLarge++;
    }
    return believed;
  }

  /** Sends whatever may be sent now. */
  void output(long nowNanos) {
    if (!diagram.isOver()) {
      sender.output(nowNanos);
    }
  }
}
