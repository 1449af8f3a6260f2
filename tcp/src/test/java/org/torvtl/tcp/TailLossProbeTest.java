/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.fin;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The end of a flight is lost: RFC 8985, section 7. The guest is 100 ms away: RTO 300 ms. */
class TailLossProbeTest {
  private final Script guest = script().mss(1000).sackPermitted();

  @AfterEach
  void end() {
    guest.end();
  }

  private Script open() {
    return guest.establishedAfter(millis(100));
  }

  @Test
  void theLastSegmentIsRepeatedAfterTwoRoundTrips() {
    open().weSend(3000).skip().at(millis(200)).expect(data(2000, 1000));
    // It draws a report, and that shows what is lost.
    guest.after(millis(100)).sends(ack(0).sack(2000, 3000));
    guest.expect(data(0, 1000), data(1000, 1000)).sends(ack(3000)).expectNothingFor(millis(1000));
    assertThat(guest.counters.timeouts()).isZero();
    assertThat(guest.counters.tailProbes()).isEqualTo(1);
  }

  @Test
  void aLoneSegmentMayHaveItsAcknowledgmentDelayed() {
    open().weSend(500).expect(data(0, 500)).at(millis(300)).expect(data(0, 500));
    assertThat(guest.counters.tailProbes()).isEqualTo(1);
    guest.at(millis(300)).expect(data(0, 500)).sends(ack(500));
    assertThat(guest.counters.timeouts()).isEqualTo(1);
  }

  @Test
  void newDataProbesBetterThanOld() {
    open().weSend(12_000);
    assertThat(guest.drain()).hasSize(10);
    guest.at(millis(200)).expect(data(10_000, 1000)).sends(ack(11_000)).expect(data(11_000, 1000));
    guest.sends(ack(12_000));
    assertThat(guest.counters.retransmits()).isZero();
  }

  @Test
  void thereIsOneProbeAndThenTheTimer() {
    open().weSend(2000).skip().at(millis(200)).expect(data(1000, 1000));
    guest.at(millis(300)).expect(data(0, 1000)).sends(ack(2000));
    assertThat(guest.counters.tailProbes()).isEqualTo(1);
    assertThat(guest.counters.timeouts()).isEqualTo(1);
  }

  @Test
  void theWindowShrinksWhereTheProbeHasMendedALoss() {
    open().weSend(2000).skip().at(millis(200)).expect(data(1000, 1000)).after(millis(100));
    guest.sends(ack(2000)).weSend(1000).expect(data(2000, 1000)).sends(ack(3000));
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
    guest.weSend(50_000);
    assertThat(guest.drain()).hasSize(2);
    guest.sends(ack(5000)).skip();
  }

  @Test
  void theWindowStaysWhereTheProbeWasNotNeeded() {
    open().weSend(2000).skip().at(millis(200)).expect(data(1000, 1000)).after(millis(100));
    guest.sends(ack(2000)).sends(ack(2000).sack(1000, 2000)).weSend(1000);
    guest.expect(data(2000, 1000)).sends(ack(3000));
    assertThat(guest.counters.fastRecoveries()).isZero();
    guest.weSend(50_000);
    assertThat(guest.drain()).hasSize(10);
  }

  @Test
  void aDuplicateAcknowledgmentAlsoTellsThatTheProbeWasNotNeeded() {
    open().weSend(2000).skip().at(millis(200)).expect(data(1000, 1000)).after(millis(100));
    guest.sends(ack(2000)).weSend(1000).expect(data(2000, 1000)).sends(ack(2000)).sends(ack(3000));
    assertThat(guest.counters.fastRecoveries()).isZero();
  }

  @Test
  void aProbeOfNewDataSaysNothingOfLoss() {
    open().weSend(11_000);
    assertThat(guest.drain()).hasSize(10);
    guest.at(millis(200)).expect(data(10_000, 1000)).sends(ack(11_000)).weSend(1000);
    guest.expect(data(11_000, 1000)).sends(ack(12_000));
    assertThat(guest.counters.fastRecoveries()).isZero();
  }

  @Test
  void withoutSackThereIsNone() {
    var plain = script().mss(1000).establishedAfter(millis(100)).weSend(3000).skip();
    plain.at(millis(300)).expect(data(0, 1000)).sends(ack(3000));
    assertThat(plain.counters.tailProbes()).isZero();
    plain.end();
  }

  @Test
  void whereSomethingIsReportedTheProbeHasNothingToFind() {
    open().weSend(3000).skip().after(millis(150)).sends(ack(0).sack(2000, 3000));
    guest.at(millis(25)).expect(data(0, 1000), data(1000, 1000));
    guest.expectNothingFor(millis(200)).sends(ack(3000));
    assertThat(guest.counters.tailProbes()).isZero();
  }

  @Test
  void aFinIsProbedForToo() {
    open().weSend(1500).weShutDown().expect(data(0, 1000), data(1000, 500), fin(1500));
    guest.at(millis(200)).expect(Seg.dataFin(501, 999)).sends(ack(1501));
    guest.expectState(TcpState.FIN_WAIT_2);
  }

  @Test
  void onALinkWithoutDelayThereIsALeastTime() {
    guest.establishedAfter(50_000).weSend(3000).skip().at(millis(10)).expect(data(2000, 1000));
    guest.sends(ack(3000)).expectNothingFor(millis(1000));
  }

  @Test
  void everyAcknowledgmentStartsTheTimeAgain() {
    open().weSend(5000).skip().after(millis(150)).sends(ack(1000)).after(millis(200));
    guest.expectNothing().after(millis(50)).expect(data(4000, 1000)).sends(ack(5000));
  }
}
