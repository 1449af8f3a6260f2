/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/**
 * The three-way handshake: reads the peer's SYN, sends ours and repeats it until it is
 * acknowledged, with what both agree on by their options. RFC 9293, section 3.5.
 */
final class Handshake {
  /** What a segment does to the handshake. */
  enum Step {
    /** Nothing. */
    NONE,
    /** It is a SYN for {@link #readSyn}. */
    READ_SYN,
    /** It ends the connection: the peer has reset it. */
    RESET
  }

  private final TcpConfig config;
  private final TcpCounters counters;
  private final SegmentWriter writer;
  private final PayloadAccount account;
  private final boolean active;

  /** Our initial sequence number: ISS. */
  private final long synSequence;

  private final Timestamps timestamps;
  private final RetransmissionTimeout timeout;

  /** From the peer's SYN on. */
  private @Nullable Receiver receiver;

  private @Nullable SynOptions peer;

  /** How often the timer has repeated our SYN. */
  private int repeats;

  /** Whether our SYN-ACK was given again to a peer that asked again. */
  private boolean answeredAgain;

  private long sentNanos;
  private long deadlineNanos = Deadlines.NONE;

  /**
   * Nothing is sent or received yet.
   *
   * @param account is charged for what the receiver holds
   * @param active whether we open the connection, not the peer
   */
  Handshake(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      SegmentWriter writer,
      PayloadAccount account,
      boolean active) {
    this.config = config;
    this.counters = counters;
    this.writer = writer;
    this.account = account;
    this.active = active;
    synSequence = Integer.toUnsignedLong(numbers.sequence());
    timestamps = new Timestamps(numbers.timestampOffset());
    timeout = new RetransmissionTimeout(config);
  }

  /** Whether a segment asks for a new connection: SYN, and neither ACK nor RST. */
  static boolean isOpening(TcpSegment segment) {
    int mask = TcpSegment.SYN | TcpSegment.ACK | TcpSegment.RST;
    return (segment.flags() & mask) == TcpSegment.SYN;
  }

  /** Whether we open the connection, not the peer. */
  boolean isActive() {
    return active;
  }

  /** The first sequence number after our SYN. */
  long firstSequence() {
    return synSequence + 1;
  }

  Timestamps timestamps() {
    return timestamps;
  }

  RetransmissionTimeout timeout() {
    return timeout;
  }

  /**
   * The most bytes of options and payload that a packet to this peer may carry, as far as known.
   */
  int packetSize() {
    return peer == null ? config.maxSegmentSize() : EffectiveMss.packetSize(config, peer.mss());
  }

  /** When to call {@link #onDeadline}; {@link Long#MAX_VALUE} for never. */
  long deadlineNanos() {
    return deadlineNanos;
  }

  /**
   * Takes the peer's SYN, in place of one before.
   *
   * @return the receiver for what follows it
   */
  Receiver readSyn(TcpSegment syn, long nowNanos) {
    var options = syn.options();
    var fresh = new Receiver(config, counters, timestamps, account, syn.sequence(), nowNanos);
    if (options.hasTimestamps()) {
      timestamps.enable(options.timestampValue(), nowNanos);
    } else {
      timestamps.disable();
    }
    if (options.windowScale() >= 0) {
      fresh.window().scale(ReceiveWindow.scaleFor(config.receiveCapacityBytes()));
    }
    if (options.sackPermitted()) {
      fresh.enableSack();
    }
    receiver = fresh;
    peer = SynOptions.of(options);
    return fresh;
  }

  /** A segment comes while nothing is answered yet. */
  Step checkHeld(TcpSegment segment, Receiver held) {
    boolean isSyn = segment.has(TcpSegment.SYN) && !segment.has(TcpSegment.ACK);
    if (segment.has(TcpSegment.RST) && segment.sequence() == (int) held.next()) {
      counters.resetsReceived++;
      return Step.RESET;
    }
    if (isSyn && segment.sequence() != (int) held.synSequence()) {
      // Nothing was answered, so the peer is free to have started anew.
      return Step.READ_SYN;
    }
    counters.heldIgnored++;
    return Step.NONE;
  }

  /** A segment comes while only our SYN was sent. RFC 9293, section 3.10.7.3. */
  Step checkInSynSent(TcpSegment segment) {
    boolean hasAck = segment.has(TcpSegment.ACK);
    if (hasAck && !isAcknowledgedBy(segment)) {
      refuseAcknowledgment(segment);
      return Step.NONE;
    }
    if (segment.has(TcpSegment.RST)) {
      if (!hasAck) {
        return Step.NONE;
      }
      counters.resetsReceived++;
      return Step.RESET;
    }
    if (!segment.has(TcpSegment.SYN)) {
      counters.outOfWindow++;
      return Step.NONE;
    }
    return Step.READ_SYN;
  }

  boolean isAcknowledgedBy(TcpSegment segment) {
    return segment.acknowledgment() == (int) firstSequence();
  }

  /** Answers an acknowledgment of something else than our SYN. */
  void refuseAcknowledgment(TcpSegment segment) {
    counters.badAcknowledgments++;
    if (!segment.has(TcpSegment.RST)) {
      writer.writeReset(segment.acknowledgment(), 0, 0);
    }
  }

  /** Sends our SYN for the first time. */
  void start(long nowNanos) {
    sentNanos = nowNanos;
    sendSyn(nowNanos);
  }

  /**
   * Sends our SYN: alone as long as we have none of the peer, with its acknowledgment afterwards.
   */
  void sendSyn(long nowNanos) {
    var options = writer.synOptions().mss(config.maxSegmentSize());
    int scale = ReceiveWindow.scaleFor(config.receiveCapacityBytes());
    int window = Math.min(config.initialReceiveBytes(), 65_535);
    if (peer == null || receiver == null) {
      options.sackPermitted(true).timestamps(timestamps.value(nowNanos), 0).windowScale(scale);
      writer.writeSyn(synSequence, 0, 0, window);
    } else {
      options.sackPermitted(peer.sack());
      if (peer.windowScaled()) {
        options.windowScale(scale);
      }
      if (timestamps.enabled()) {
        options.timestamps(timestamps.value(nowNanos), timestamps.echo());
      }
      window = receiver.window().synField(receiver.next());
      writer.writeSyn(synSequence, receiver.next(), TcpSegment.ACK, window);
    }
    deadlineNanos = nowNanos + timeout.nanos();
  }

  /** The peer repeats its SYN, so it has not got our answer: no need to wait for the timer. */
  void answerAgain(long nowNanos) {
    counters.retransmits++;
    answeredAgain = true;
    long deadline = deadlineNanos;
    sendSyn(nowNanos);
    deadlineNanos = deadline;
  }

  /**
   * Our SYN was not acknowledged in time: repeats it.
   *
   * @return whether it was repeated often enough, and the peer is to be given up
   */
  boolean onDeadline(long nowNanos) {
    if (repeats == (active ? config.synRetries() : config.synAckRetries())) {
      return true;
    }
    repeats++;
    counters.retransmits++;
    timeout.backOff();
    sendSyn(nowNanos);
    return false;
  }

  /**
   * Our SYN is acknowledged: the handshake ends.
   *
   * @return what it has shown of the peer and the path
   * @throws IllegalStateException before the peer's SYN
   */
  Sender.Peer complete(long nowNanos) {
    if (peer == null) {
      throw new IllegalStateException("acknowledged without a SYN of the peer");
    }
    if (repeats > 0) {
      timeout.handshakeWasRepeated();
    } else if (!answeredAgain) {
      // Otherwise it is unknown which one is acknowledged: Karn's algorithm.
      timeout.measured(nowNanos - sentNanos);
    }
    stop();
    return new Sender.Peer(peer, timeout, repeats > 0);
  }

  /** The window, in bytes, of the segment that acknowledges our SYN: a SYN's is never scaled. */
  int windowBytes(TcpSegment segment) {
    int scale = peer == null || segment.has(TcpSegment.SYN) ? 0 : peer.windowScale();
    return segment.window() << scale;
  }

  /** Our SYN is not repeated any more. */
  void stop() {
    deadlineNanos = Deadlines.NONE;
  }
}
