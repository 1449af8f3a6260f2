/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpSegment;

/**
 * Decides which segments belong to a connection: the checks of RFC 9293, section 3.10.7.4, steps 1
 * to 5, with the challenges of RFC 5961 to a peer whose segment may be forged.
 */
final class SegmentAcceptance {
  /** What is to be done with a segment. */
  enum Verdict {
    /** It is acceptable so far, and its acknowledgment is to be looked at. */
    ACCEPT,
    /** Nothing more; it is answered where it must be. */
    DROP,
    /** The connection ends: the peer has reset it. */
    RESET
  }

  private final TcpCounters counters;
  private final Receiver receiver;
  private final ChallengeAckLimiter limiter = new ChallengeAckLimiter();

  SegmentAcceptance(TcpCounters counters, Receiver receiver) {
    this.counters = counters;
    this.receiver = receiver;
  }

  /**
   * Checks reset, timestamp, sequence number and the presence of an acknowledgment.
   *
   * @param sequence of the first byte of text
   * @param textBytes bytes of text, without a FIN
   * @param inTimeWait whether the connection is in TIME-WAIT
   */
  Verdict check(
      TcpSegment segment, long sequence, int textBytes, boolean inTimeWait, long nowNanos) {
    if (segment.has(TcpSegment.RST)) {
      return checkReset(sequence, inTimeWait, nowNanos);
    }
    int length = textBytes + (segment.has(TcpSegment.FIN) ? 1 : 0);
    if (receiver.isOld(segment, nowNanos)) {
      if (length == 0 && sequence <= receiver.next()) {
        // Its sender has said all that and more in what overtook it, and waits for no answer.
        counters.overtakenAcks++;
      } else {
        counters.pawsRejected++;
        answer(length > 0, nowNanos);
      }
      return Verdict.DROP;
    }
    if (!receiver.isAcceptable(sequence, sequence + length)) {
      counters.outOfWindow++;
      receiver.noteOutside(sequence, sequence + textBytes);
      answer(length > 0, nowNanos);
      return Verdict.DROP;
    }
    if (!segment.has(TcpSegment.ACK)) {
      counters.missingAck++;
      return Verdict.DROP;
    }
    return Verdict.ACCEPT;
  }

  /**
   * RFC 5961, section 3. In TIME-WAIT only a reset at the very number expected counts. RFC 1337
   * would ignore that too; but it is how a peer answers our challenge that knows nothing of the old
   * connection and begins a new one from the same port at a number of before, as stacks without
   * random numbers do. Linux takes it as well (tcp_rfc1337).
   */
  private Verdict checkReset(long sequence, boolean inTimeWait, long nowNanos) {
    if (sequence == receiver.next()) {
      counters.resetsReceived++;
      return Verdict.RESET;
    }
    if (!inTimeWait
        && sequence > receiver.next()
        && sequence <= receiver.window().announcedEdge()) {
      challenge(nowNanos);
    } else {
      counters.outOfWindow++;
    }
    return Verdict.DROP;
  }

  /**
   * Whether an acknowledgment is of what was sent, and not too old; otherwise it is challenged. RFC
   * 5961, section 5.
   *
   * @param maxWindow the largest window the peer has ever offered, in bytes
   */
  boolean acceptsAcknowledgment(long acknowledgment, Flight flight, long maxWindow, long nowNanos) {
    if (acknowledgment <= flight.highestSent()
        && acknowledgment >= flight.unacknowledged() - maxWindow) {
      return true;
    }
    counters.badAcknowledgments++;
    challenge(nowNanos);
    return false;
  }

  /** Answers a segment that was dropped: one with text always, for its sender waits for that. */
  private void answer(boolean hasText, long nowNanos) {
    if (hasText) {
      receiver.ack().request();
    } else {
      challenge(nowNanos);
    }
  }

  /** Asks a peer whose segment may be forged to prove itself, but only so often. */
  void challenge(long nowNanos) {
    if (mayAnswer(nowNanos)) {
      counters.challengeAcks++;
      receiver.ack().request();
    }
  }

  /** Whether one more segment that may be forged may be answered; if so, the answer counts. */
  boolean mayAnswer(long nowNanos) {
    boolean may = limiter.tryAcquire(nowNanos);
    if (!may) {
      counters.challengeAcksSuppressed++;
    }
    return may;
  }
}
