/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpSegment;

/** Our SYN has the sequence number 1000, the peer's 0. */
class SegmentArrivalTest {
  private static final int SYN_ACK = TcpSegment.SYN | TcpSegment.ACK;

  private final TcpConfig config = TcpConfig.defaults();
  private final TcpCounters counters = new TcpCounters();
  private final Outbox sent = new Outbox();
  private final List<String> events = new ArrayList<>();
  private StateDiagram diagram = new StateDiagram(config, false);

  private SegmentArrival arrival(boolean active) {
    var writer = new SegmentWriter(sent, counters);
    var handshake =
        new Handshake(
            config,
            counters,
            new InitialNumbers(1000, 0),
            writer,
            PayloadAccount.UNLIMITED,
            active);
    diagram = new StateDiagram(config, active);
    var queue = new SendQueue(handshake.firstSequence(), 0, PayloadAccount.UNLIMITED);
    return new SegmentArrival(
        config, counters, new RecordedEvents(events), writer, queue, diagram, handshake);
  }

  private static @Nullable CloseReason receive(
      SegmentArrival arrival, int flags, int sequence, int acknowledgment) {
    return receive(arrival, flags, sequence, acknowledgment, 0);
  }

  private static @Nullable CloseReason receive(
      SegmentArrival arrival, int flags, int sequence, int acknowledgment, int text) {
    var payload = Unpooled.wrappedBuffer(new byte[text]);
    return arrival.receive(Outbox.segment(flags, sequence, acknowledgment), payload, 0);
  }

  /** A peer whose SYN we have answered. */
  private SegmentArrival answered() {
    var arrival = arrival(false);
    arrival.readSyn(Outbox.segment(TcpSegment.SYN, 0, 0), 0);
    diagram.synReceived();
    return arrival;
  }

  @Test
  void theAcknowledgmentOfOurSynOpensAndBringsItsText() {
    var arrival = answered();
    assertThat(arrival.open()).isNull();
    arrival.presentReceiver().window().synField(1);
    assertThat(receive(arrival, TcpSegment.ACK, 1, 1001, 10)).isNull();
    assertThat(arrival.open()).isNotNull();
    assertThat(diagram.state()).isEqualTo(TcpState.ESTABLISHED);
    assertThat(events).containsExactly("established", "data 10");
  }

  @Test
  void anotherAcknowledgmentIsAnsweredByAReset() {
    var arrival = answered();
    assertThat(receive(arrival, TcpSegment.ACK, 1, 1002)).isNull();
    assertThat(arrival.open()).isNull();
    assertThat(sent.take()).containsExactly("R seq 1002 ack 0 win 0 len 0");
  }

  @Test
  void aRepeatedSynIsAnsweredAndAnotherIsChallenged() {
    var arrival = answered();
    receive(arrival, TcpSegment.SYN, 0, 0);
    assertThat(sent.take()).containsExactly("SA seq 1000 ack 1 win 65535 len 0");
    receive(arrival, TcpSegment.SYN, 5, 0);
    assertThat(sent.take()).isEmpty();
    assertThat(counters.challengeAcks()).isEqualTo(1);
    assertThat(arrival.presentReceiver().ack().isDue()).isTrue();
  }

  @Test
  void aSynAckOpensAnActiveConnection() {
    var arrival = arrival(true);
    assertThat(arrival.receiver()).isNull();
    assertThat(receive(arrival, SYN_ACK, 0, 1001)).isNull();
    assertThat(diagram.state()).isEqualTo(TcpState.ESTABLISHED);
    assertThat(arrival.presentReceiver().ack().isDue()).isTrue();
    assertThat(events).containsExactly("established");
  }

  @Test
  void bothMayOpenAtOnce() {
    var arrival = arrival(true);
    receive(arrival, TcpSegment.SYN, 0, 0);
    assertThat(diagram.state()).isEqualTo(TcpState.SYN_RECEIVED);
    assertThat(sent.take()).containsExactly("SA seq 1000 ack 1 win 65535 len 0");
    assertThat(receive(arrival, SYN_ACK, 0, 1001)).isNull();
    assertThat(diagram.state()).isEqualTo(TcpState.ESTABLISHED);
  }

  @Test
  void aResetEndsItForAReasonOfItsState() {
    var held = arrival(false);
    held.readSyn(Outbox.segment(TcpSegment.SYN, 0, 0), 0);
    assertThat(receive(held, TcpSegment.RST, 1, 0)).isEqualTo(CloseReason.RESET_BY_PEER);
    assertThat(receive(arrival(true), TcpSegment.RST | TcpSegment.ACK, 0, 1001))
        .isEqualTo(CloseReason.REFUSED_BY_PEER);
    assertThat(receive(answered(), TcpSegment.RST, 1, 0)).isEqualTo(CloseReason.RESET_BY_PEER);
    var active = arrival(true);
    receive(active, TcpSegment.SYN, 0, 0);
    assertThat(receive(active, TcpSegment.RST, 1, 0)).isEqualTo(CloseReason.REFUSED_BY_PEER);
  }
}
