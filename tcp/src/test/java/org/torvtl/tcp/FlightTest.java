/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpSegment;

/** The first byte is 100. */
class FlightTest {
  private static final TcpSegment ACK = Outbox.segment(TcpSegment.ACK, 0, 0);

  private final SendQueue queue = new SendQueue(100, 0, PayloadAccount.UNLIMITED);
  private final TransmissionLog log = new TransmissionLog(100);
  private final RetransmissionTimeout timeout = new RetransmissionTimeout(TcpConfig.defaults());
  private final List<Long> delivered = new ArrayList<>();
  private final Flight flight =
      new Flight(
          queue,
          log,
          new RoundTripMeter(timeout, new Timestamps(0), 0),
          (end, sentNanos, resent) -> delivered.add(end));

  private void queue(int bytes) {
    queue.append(Unpooled.wrappedBuffer(new byte[bytes]));
  }

  @Test
  void whatIsSentIsUnderWayUntilAcknowledged() {
    queue(50);
    assertThat(flight.unsentBytes()).isEqualTo(50);
    assertThat(flight.isEmpty()).isTrue();
    assertThat(flight.isBusy()).isTrue();
    flight.sent(30, false, 0);
    assertThat(flight.size()).isEqualTo(30);
    assertThat(flight.unsentBytes()).isEqualTo(20);
    assertThat(flight.acknowledge(ACK, 130, 5_000_000)).isEqualTo(30);
    assertThat(flight.isEmpty()).isTrue();
    assertThat(flight.unacknowledged()).isEqualTo(130);
    assertThat(queue.bytes()).isEqualTo(20);
    assertThat(timeout.smoothedNanos()).isEqualTo(5_000_000);
    assertThat(delivered).containsExactly(130L);
  }

  @Test
  void theFinTakesANumberAndNoByte() {
    queue(10);
    flight.queueFin();
    flight.sent(10, false, 0);
    assertThat(flight.finIsUnsent()).isTrue();
    assertThat(flight.isWaiting()).isTrue();
    flight.sent(0, true, 0);
    assertThat(flight.next()).isEqualTo(111);
    assertThat(flight.finIsUnsent()).isFalse();
    assertThat(flight.isWaiting()).isFalse();
    assertThat(flight.acknowledge(ACK, 110, 1)).isEqualTo(10);
    assertThat(flight.finIsAcknowledged()).isFalse();
    assertThat(flight.acknowledge(ACK, 111, 1)).isZero();
    assertThat(flight.finIsAcknowledged()).isTrue();
    assertThat(flight.isBusy()).isFalse();
  }

  @Test
  void aWindowProbeIsUnderWayOnlyOnceItIsTaken() {
    queue(10);
    flight.windowProbeSent();
    assertThat(flight.highestSent()).isEqualTo(101);
    assertThat(flight.isEmpty()).isTrue();
    assertThat(flight.unsentBytes()).isEqualTo(10);
    flight.windowProbeTaken(101, 1);
    assertThat(flight.size()).isEqualTo(1);
    assertThat(flight.acknowledge(ACK, 101, 7_000_000)).isEqualTo(1);
    assertThat(timeout.smoothedNanos()).isZero();
  }

  @Test
  void whatWasSentAgainIsNotTimed() {
    queue(10);
    flight.sent(10, false, 0);
    flight.resent(100, 110, 1);
    flight.acknowledge(ACK, 110, 5_000_000);
    assertThat(timeout.smoothedNanos()).isZero();
  }
}
