/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpSegment;

/**
 * The peer's next byte is 1 and its window announced; 1000 bytes of ours from 100 are under way.
 */
class ForwardClaimTest {
  private static final long WHOLE = TcpConnection.WHOLE;

  private final Receiver receiver = Outbox.receiver(new TcpCounters(), new Timestamps(0));
  private final int edge = 1 + receiver.window().synField(1);
  private final ByteBuf data = Unpooled.wrappedBuffer(new byte[1000]);
  private final SendQueue queue = new SendQueue(100, 0, PayloadAccount.UNLIMITED);
  private final Flight flight;

  ForwardClaimTest() {
    queue.append(data);
    var timeout = new RetransmissionTimeout(TcpConfig.defaults());
    flight =
        new Flight(
            queue,
            new TransmissionLog(100),
            new RoundTripMeter(timeout, new Timestamps(0), 0),
            (end, sentNanos, resent) -> {});
    flight.sent(1000, false, 0);
  }

  @AfterEach
  void release() {
    queue.clear();
  }

  private long claim(int flags, int sequence, int acknowledgment, int text) {
    return claim(flags, sequence, acknowledgment, text, flight);
  }

  private long claim(int flags, int sequence, int acknowledgment, int text, @Nullable Flight sent) {
    var segment = Outbox.segment(Outbox.header(flags, sequence, acknowledgment), text);
    return ForwardClaim.of(segment, receiver, 100, sent);
  }

  @Test
  void textCountsIfItIsNextAndHasRoom() {
    assertThat(claim(TcpSegment.ACK, 1, 100, 500)).isEqualTo(500);
    assertThat(claim(TcpSegment.ACK, -99, 100, 500)).isEqualTo(400);
    assertThat(claim(TcpSegment.ACK, 2, 100, 500)).isZero();
    assertThat(claim(TcpSegment.ACK, 1, 100, edge + 500)).isEqualTo(edge - 1);
  }

  @Test
  void whatIsAcknowledgedForTheFirstTimeCounts() {
    assertThat(claim(TcpSegment.ACK, 1, 100, 0)).isZero();
    assertThat(claim(TcpSegment.ACK, 1, 600, 0)).isEqualTo(500);
    assertThat(claim(TcpSegment.ACK, 1, 600, 30)).isEqualTo(530);
    assertThat(claim(TcpSegment.ACK, 1, 1101, 0)).isZero();
    assertThat(claim(0, 1, 600, 0)).isZero();
  }

  @Test
  void whatHappensOnceCountsWhole() {
    assertThat(claim(TcpSegment.FIN | TcpSegment.ACK, 1, 100, 0)).isEqualTo(WHOLE);
    assertThat(claim(TcpSegment.FIN | TcpSegment.ACK, 2, 100, 0)).isZero();
    assertThat(claim(TcpSegment.RST, 1, 0, 0)).isEqualTo(WHOLE);
    assertThat(claim(TcpSegment.RST, 2, 0, 0)).isZero();
    assertThat(claim(TcpSegment.SYN, 1, 0, 0)).isZero();
    assertThat(claim(TcpSegment.ACK, 1, 100, 0, null)).isEqualTo(WHOLE);
    assertThat(claim(TcpSegment.ACK, 1, 101, 0, null)).isZero();
  }
}
