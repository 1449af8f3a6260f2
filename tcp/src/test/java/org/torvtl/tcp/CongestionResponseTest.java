/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** A peer without SACK, to whom five segments of 100 bytes are under way. */
class CongestionResponseTest {
  private static final TcpOptions NO_OPTIONS = new TcpOptions();

  private final TcpCounters counters = new TcpCounters();
  private final Calls calls = new Calls();
  private final TransmissionLog log = new TransmissionLog(0);
  private final RetransmissionTimeout timeout = new RetransmissionTimeout(TcpConfig.defaults());
  private final Timestamps timestamps = new Timestamps(0);
  private final Flight flight;
  private final CongestionResponse response;

  CongestionResponseTest() {
    var queue = new SendQueue(0, 0, PayloadAccount.UNLIMITED);
    queue.append(Unpooled.wrappedBuffer(new byte[1000]));
    var roundTrip = new RoundTripMeter(timeout, timestamps, 0);
    flight = new Flight(queue, log, roundTrip, (end, sentNanos, resent) -> {});
    var recovery = new LossRecovery(log, null, 100, 0);
    response = new CongestionResponse(counters, calls, recovery, flight, timestamps, timeout);
    for (int i = 0; i < 5; i++) {
      flight.sent(100, false, i);
    }
  }

  private void acknowledge(long number) {
    long bytes = number - flight.unacknowledged();
    flight.acknowledge(Outbox.segment(TcpSegment.ACK, 0, 0), number, 10);
    response.acknowledged(NO_OPTIONS, bytes, true, 10);
  }

  private void threeDuplicates() {
    for (int i = 0; i < 3; i++) {
      assertThat(response.detectLosses(10)).isFalse();
      response.duplicateAcknowledgment();
    }
    assertThat(response.detectLosses(10)).isTrue();
  }

  @Test
  void acknowledgedBytesGrowTheWindow() {
    acknowledge(200);
    assertThat(calls.take()).containsExactly("acknowledged 200 limited");
    assertThat(response.headIsDue()).isFalse();
  }

  @Test
  void aLossIsAnsweredOnceAndTheRecoveryEnds() {
    threeDuplicates();
    assertThat(calls.take()).containsExactly("loss 500");
    assertThat(response.headIsDue()).isTrue();
    assertThat(response.isOpen()).isFalse();
    response.clearHead();
    acknowledge(100);
    // A partial acknowledgment shows the next loss, and grows nothing.
    assertThat(response.headIsDue()).isTrue();
    assertThat(calls.take()).isEmpty();
    acknowledge(500);
    assertThat(calls.take()).containsExactly("recovered 0");
    assertThat(response.isOpen()).isTrue();
    assertThat(response.headIsDue()).isFalse();
    assertThat(counters.fastRecoveries()).isEqualTo(1);
  }

  @Test
  void aTimeoutSendsTheFirstSegmentAgain() {
    response.timedOut(false, 10);
    response.timedOut(true, 20);
    assertThat(calls.take()).containsExactly("timeout 500", "timeout 500 again");
    assertThat(response.headIsDue()).isTrue();
    assertThat(counters.timeouts()).isEqualTo(2);
  }

  @Test
  void whatWasOnlyLateIsUndone() {
    timestamps.enable(1, 0);
    threeDuplicates();
    calls.take();
    response.resent(0, 100, 50_000_000);
    var echo = Outbox.options(new TcpOptions().timestamps(2, timestamps.value(49_000_000)));
    flight.acknowledge(Outbox.segment(TcpSegment.ACK, 0, 0), 100, 60_000_000);
    response.acknowledged(echo, 100, false, 60_000_000);
    assertThat(calls.take()).containsExactly("spurious", "acknowledged 100");
    assertThat(response.isOpen()).isTrue();
    assertThat(counters.spuriousRecoveries()).isEqualTo(1);
  }

  @Test
  void duplicatesOfAllThatWasSentAgainUndoToo() {
    threeDuplicates();
    response.resent(0, 200, 10);
    response.duplicateReported(0, 100, 20);
    assertThat(counters.spuriousRecoveries()).isZero();
    response.duplicateReported(100, 200, 20);
    assertThat(counters.spuriousRecoveries()).isEqualTo(1);
  }

  @Test
  void smallerSegmentsSendEverythingAgainAndReduceNothing() {
    response.resized(80);
    assertThat(calls.take()).containsExactly("segment 80");
    assertThat(log.lostBytes()).isEqualTo(500);
    assertThat(response.isOpen()).isFalse();
  }

  @Test
  void aTailProbeThatRepairedALossReducesTheWindow() {
    response.tailProbeRepairedLoss(10);
    assertThat(calls.take()).containsExactly("loss 500", "recovered 500");
    assertThat(counters.fastRecoveries()).isEqualTo(1);
  }

  private static final class Calls implements CongestionControl {
    private final List<String> calls = new ArrayList<>();

    List<String> take() {
      var all = List.copyOf(calls);
      calls.clear();
      return all;
    }

    @Override
    public int windowBytes() {
      return 1000;
    }

    @Override
    public void onAcknowledged(
        int bytes, boolean windowLimited, boolean afterTimeout, long roundTrip, long nowNanos) {
      calls.add("acknowledged " + bytes + (windowLimited ? " limited" : ""));
    }

    @Override
    public void onLoss(int flightBytes, long nowNanos) {
      calls.add("loss " + flightBytes);
    }

    @Override
    public void onRecovered(int flightBytes, long nowNanos) {
      calls.add("recovered " + flightBytes);
    }

    @Override
    public void onTimeout(int flightBytes, boolean again, long nowNanos) {
      calls.add("timeout " + flightBytes + (again ? " again" : ""));
    }

    @Override
    public void onSpurious(long nowNanos) {
      calls.add("spurious");
    }

    @Override
    public void onIdle(long nowNanos) {
      calls.add("idle");
    }

    @Override
    public void onSegmentSize(int bytes) {
      calls.add("segment " + bytes);
    }
  }
}
