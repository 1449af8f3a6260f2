/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/**
 * Segment arrival: has a segment processed as the state asks for, and makes the two halves of the
 * connection when the SYNs are there. RFC 9293, section 3.10.7.
 */
final class SegmentArrival {
  private final TcpConfig config;
  private final TcpCounters counters;
  private final ConnectionHandler handler;
  private final SegmentWriter writer;
  private final SendQueue queue;
  private final StateDiagram diagram;
  private final Handshake handshake;

  /** From the peer's SYN on. */
  private @Nullable Receiver receiver;

  /** From the peer's SYN on. */
  private @Nullable SegmentAcceptance acceptance;

  /** Once our SYN is acknowledged. */
  private @Nullable OpenConnection open;

  /**
   * Nothing has arrived yet.
   *
   * @param queue what is to be sent, from the first byte after our SYN
   */
  SegmentArrival(
      TcpConfig config,
      TcpCounters counters,
      ConnectionHandler handler,
      SegmentWriter writer,
      SendQueue queue,
      StateDiagram diagram,
      Handshake handshake) {
    this.config = config;
    this.counters = counters;
    this.handler = handler;
    this.writer = writer;
    this.queue = queue;
    this.diagram = diagram;
    this.handshake = handshake;
  }

  /** The receiving half; {@code null} before the peer's SYN. */
  @Nullable Receiver receiver() {
    return receiver;
  }

  /** The receiving half of a connection that has seen the peer's SYN. */
  Receiver presentReceiver() {
    var present = receiver;
    if (present == null) {
      throw new IllegalStateException("no SYN of the peer yet, in state " + diagram.state());
    }
    return present;
  }

  /** The connection once its handshake is complete, {@code null} before. */
  @Nullable OpenConnection open() {
    return open;
  }

  /** The peer's SYN: what follows it is for a receiver of its own. */
  Receiver readSyn(TcpSegment syn, long nowNanos) {
    var fresh = handshake.readSyn(syn, nowNanos);
    receiver = fresh;
    acceptance = new SegmentAcceptance(counters, fresh);
    return fresh;
  }

  /**
   * A segment arrives, in any state but {@link TcpState#CLOSED}.
   *
   * @return why the connection ends by that, {@code null} if it does not
   */
  @Nullable CloseReason receive(TcpSegment segment, ByteBuf payload, long nowNanos) {
    return switch (diagram.state()) {
      case HELD -> receiveHeld(segment, nowNanos);
      case SYN_SENT -> receiveInSynSent(segment, nowNanos);
      default -> receiveSynchronized(segment, payload, nowNanos);
    };
  }

  private @Nullable CloseReason receiveHeld(TcpSegment segment, long nowNanos) {
    var step = handshake.checkHeld(segment, presentReceiver());
    if (step == Handshake.Step.READ_SYN) {
      readSyn(segment, nowNanos);
    }
    return step == Handshake.Step.RESET ? CloseReason.RESET_BY_PEER : null;
  }

  private @Nullable CloseReason receiveInSynSent(TcpSegment segment, long nowNanos) {
    var step = handshake.checkInSynSent(segment);
    if (step == Handshake.Step.READ_SYN) {
      var fresh = readSyn(segment, nowNanos);
      if (segment.has(TcpSegment.ACK)) {
        fresh.ack().request();
        establish(segment, fresh.synSequence(), fresh, nowNanos);
      } else {
        diagram.synReceived();
        handshake.sendSyn(nowNanos);
      }
    }
    return step == Handshake.Step.RESET ? CloseReason.REFUSED_BY_PEER : null;
  }

  /** Our SYN is acknowledged by a segment with this sequence number. */
  private OpenConnection establish(
      TcpSegment segment, long sequence, Receiver input, long nowNanos) {
    var peer = handshake.complete(nowNanos);
    var sender = new Sender(config, counters, writer, input, peer, queue, nowNanos);
    int windowBytes = handshake.windowBytes(segment);
    sender.openWindow(windowBytes, sequence, handshake.firstSequence());
    var keepAlive = new KeepAliveTimer(config.keepAlive(), nowNanos);
    var opened = new OpenConnection(counters, handler, writer, diagram, input, sender, keepAlive);
    open = opened;
    counters.established++;
    if (diagram.established()) {
      sender.flight().queueFin();
    }
    if (!diagram.isInputShut()) {
      handler.established();
    }
    return opened;
  }

  /** In the order of section 3.10.7.4, but for the SYN: nothing else in its segment may count. */
  private @Nullable CloseReason receiveSynchronized(
      TcpSegment segment, ByteBuf payload, long nowNanos) {
    var input = presentReceiver();
    var checks = acceptance;
    if (checks == null) {
      throw new IllegalStateException("no SYN of the peer yet, in state " + diagram.state());
    }
    long sequence = SequenceNumbers.extend(segment.sequence(), input.next());
    if (segment.has(TcpSegment.SYN)) {
      if (!receiveSyn(segment, sequence, input, checks, nowNanos)) {
        return null;
      }
      sequence++;
    }
    boolean inTimeWait = diagram.is(TcpState.TIME_WAIT);
    var verdict = checks.check(segment, sequence, payload.readableBytes(), inTimeWait, nowNanos);
    if (verdict == SegmentAcceptance.Verdict.RESET) {
      boolean refused = handshake.isActive() && diagram.is(TcpState.SYN_RECEIVED);
      return refused ? CloseReason.REFUSED_BY_PEER : CloseReason.RESET_BY_PEER;
    }
    if (verdict == SegmentAcceptance.Verdict.DROP) {
      return null;
    }
    if (open == null) {
      return receiveInSynReceived(segment, sequence, payload, input, nowNanos);
    }
    var flight = open.flight();
    long acknowledgment = SequenceNumbers.extend(segment.acknowledgment(), flight.unacknowledged());
    return checks.acceptsAcknowledgment(acknowledgment, flight, open.maxWindow(), nowNanos)
        ? open.receive(segment, sequence, acknowledgment, payload, nowNanos)
        : null;
  }

  /**
   * A SYN where none is due. RFC 5961, section 4: answered by a challenge, except where it belongs
   * to the handshake.
   *
   * @return whether the rest of the segment is to be processed
   */
  private boolean receiveSyn(
      TcpSegment segment, long sequence, Receiver input, SegmentAcceptance checks, long nowNanos) {
    if (diagram.is(TcpState.SYN_RECEIVED) && sequence == input.synSequence()) {
      if (handshake.isActive() && segment.has(TcpSegment.ACK)) {
        // Both have opened at once, and this is the peer's answer to our SYN: figure 7.
        input.ack().request();
        return true;
      }
      if (!segment.has(TcpSegment.ACK)) {
        if (checks.mayAnswer(nowNanos)) {
          handshake.answerAgain(nowNanos);
        }
        return false;
      }
    }
    checks.challenge(nowNanos);
    return false;
  }

  private @Nullable CloseReason receiveInSynReceived(
      TcpSegment segment, long sequence, ByteBuf payload, Receiver input, long nowNanos) {
    if (!handshake.isAcknowledgedBy(segment)) {
      handshake.refuseAcknowledgment(segment);
      return null;
    }
    var opened = establish(segment, sequence, input, nowNanos);
    return diagram.is(TcpState.CLOSED)
        ? null
        : opened.receiveText(segment, sequence, payload, nowNanos);
  }
}
