/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.SegmentAcceptance.Verdict.ACCEPT;
import static org.torvtl.tcp.SegmentAcceptance.Verdict.DROP;
import static org.torvtl.tcp.SegmentAcceptance.Verdict.RESET;

import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** The next sequence number is 1, and what the window takes is announced. */
class SegmentAcceptanceTest {
  private final TcpCounters counters = new TcpCounters();
  private final Timestamps timestamps = new Timestamps(0);
  private final Receiver receiver = Outbox.receiver(counters, timestamps);
  private final int edge = 1 + receiver.window().synField(1);
  private final SegmentAcceptance acceptance = new SegmentAcceptance(counters, receiver);

  private SegmentAcceptance.Verdict check(int flags, int sequence, int text) {
    return acceptance.check(Outbox.segment(flags, sequence, 0), sequence, text, false, 0);
  }

  @Test
  void whatTouchesTheWindowIsAccepted() {
    assertThat(check(TcpSegment.ACK, 1, 0)).isEqualTo(ACCEPT);
    assertThat(check(TcpSegment.ACK, edge, 0)).isEqualTo(ACCEPT);
    assertThat(check(TcpSegment.ACK, 0, 1)).isEqualTo(ACCEPT);
    assertThat(receiver.ack().isDue()).isFalse();
  }

  @Test
  void whatDoesNotIsAnswered() {
    assertThat(check(TcpSegment.ACK, edge + 1, 100)).isEqualTo(DROP);
    assertThat(receiver.ack().isDue()).isTrue();
    assertThat(check(TcpSegment.ACK, edge + 1, 0)).isEqualTo(DROP);
    assertThat(counters.outOfWindow()).isEqualTo(2);
    assertThat(counters.challengeAcks()).isEqualTo(1);
  }

  @Test
  void challengesAreBounded() {
    for (int i = 0; i < ChallengeAckLimiter.LIMIT + 3; i++) {
      check(TcpSegment.ACK, edge + 1, 0);
    }
    assertThat(counters.challengeAcks()).isEqualTo(ChallengeAckLimiter.LIMIT);
    assertThat(counters.challengeAcksSuppressed()).isEqualTo(3);
    assertThat(acceptance.mayAnswer(1)).isFalse();
    assertThat(acceptance.mayAnswer(ChallengeAckLimiter.PERIOD_NANOS)).isTrue();
  }

  @Test
  void withoutAnAcknowledgmentItIsDroppedUnanswered() {
    assertThat(check(0, 1, 10)).isEqualTo(DROP);
    assertThat(counters.missingAck()).isEqualTo(1);
    assertThat(receiver.ack().isDue()).isFalse();
  }

  @Test
  void onlyAResetAtTheExactNumberCounts() {
    assertThat(check(TcpSegment.RST, 2, 0)).isEqualTo(DROP);
    assertThat(counters.challengeAcks()).isEqualTo(1);
    assertThat(check(TcpSegment.RST, 0, 0)).isEqualTo(DROP);
    assertThat(check(TcpSegment.RST, edge + 1, 0)).isEqualTo(DROP);
    assertThat(counters.outOfWindow()).isEqualTo(2);
    assertThat(check(TcpSegment.RST, 1, 0)).isEqualTo(RESET);
    assertThat(counters.resetsReceived()).isEqualTo(1);
  }

  @Test
  void inTimeWaitOtherResetsAreNotChallenged() {
    var reset = Outbox.segment(TcpSegment.RST, 2, 0);
    assertThat(acceptance.check(reset, 2, 0, true, 0)).isEqualTo(DROP);
    assertThat(counters.challengeAcks()).isZero();
    assertThat(acceptance.check(reset, 1, 0, true, 0)).isEqualTo(RESET);
  }

  @Test
  void anOldTimestampIsAnsweredUnlessItWasOvertaken() {
    timestamps.enable(100, 0);
    var old =
        Outbox.segment(new TcpHeader(new TcpOptions().timestamps(99, 0)).flags(TcpSegment.ACK), 0);
    assertThat(acceptance.check(old, 1, 0, false, 0)).isEqualTo(DROP);
    assertThat(counters.overtakenAcks()).isEqualTo(1);
    assertThat(receiver.ack().isDue()).isFalse();
    assertThat(acceptance.check(old, 1, 10, false, 0)).isEqualTo(DROP);
    assertThat(counters.pawsRejected()).isEqualTo(1);
    assertThat(receiver.ack().isDue()).isTrue();
  }

  /** 1000 bytes from sequence number 5000 are under way. */
  @Test
  void anAcknowledgmentOfWhatWasNeverSentOrIsTooOldIsChallenged() {
    var queue = new SendQueue(5000, 0, PayloadAccount.UNLIMITED);
    queue.append(Unpooled.wrappedBuffer(new byte[1000]));
    var timeout = new RetransmissionTimeout(TcpConfig.defaults());
    var flight =
        new Flight(
            queue,
            new TransmissionLog(5000),
            new RoundTripMeter(timeout, timestamps, 0),
            (end, sentNanos, resent) -> {});
    flight.sent(1000, false, 0);
    assertThat(acceptance.acceptsAcknowledgment(6000, flight, 300, 0)).isTrue();
    assertThat(acceptance.acceptsAcknowledgment(4700, flight, 300, 0)).isTrue();
    assertThat(counters.badAcknowledgments()).isZero();
    assertThat(acceptance.acceptsAcknowledgment(6001, flight, 300, 0)).isFalse();
    assertThat(acceptance.acceptsAcknowledgment(4699, flight, 300, 0)).isFalse();
    assertThat(counters.badAcknowledgments()).isEqualTo(2);
    assertThat(counters.challengeAcks()).isEqualTo(2);
    queue.clear();
  }
}
