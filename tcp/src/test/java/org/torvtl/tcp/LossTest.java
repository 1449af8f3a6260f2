/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.dataFin;
import static org.torvtl.tcp.Seg.fin;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.tcp.CongestionControl.Algorithm;

/** What is done about loss: RFC 5681, 6298, 6582 and 8985. */
class LossTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  private void sendFour() {
    guest.weSend(4 * 1460);
    guest.expect(data(0, 1460), data(1460, 1460), data(2920, 1460), data(4380, 1460));
  }

  @Test
  void retransmitsOnceWhenEnoughIsReportedAboveALoss() {
    guest.mss(1460).sackPermitted().established();
    sendFour();
    guest.sends(ack(1460).sack(2920, 4380)).expectNothing();
    guest.sends(ack(1460).sack(2920, 5840)).expectNothing();
    guest.weSend(1460).expect(data(5840, 1460)).sends(ack(1460).sack(2920, 7300));
    guest.expect(data(1460, 1460)).expectNothingFor(millis(199));
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
  }

  @Test
  void retransmitsAfterThreeDuplicatesWithoutSack() {
    guest.established().weSend(5 * 1460).skip().sends(ack(0)).sends(ack(0)).expectNothing();
    guest.sends(ack(0)).expect(data(0, 1460)).sends(ack(0)).expectNothing();
    guest.sends(ack(7300)).expectNothingFor(seconds(1));
    assertThat(guest.counters.timeouts()).isZero();
  }

  @Test
  void aDuplicateLetsANewSegmentOut() {
    guest.established().weSend(20 * 1460).skip().sends(ack(0)).expect(data(14_600, 1460));
    guest.sends(ack(0)).expect(data(16_060, 1460)).sends(ack(0)).expect(data(0, 1460));
  }

  @Test
  void anAcknowledgmentWithDataIsNoDuplicate() {
    guest.established().weSend(5 * 1460).skip();
    for (int i = 0; i < 5; i++) {
      guest.sends(data(10 * i, 10).ackOf(0)).expect(ack(10 * i + 10));
    }
    assertThat(guest.counters.fastRecoveries()).isZero();
    guest.sends(ack(7300));
  }

  @Test
  void anAcknowledgmentWithAnotherWindowIsNoDuplicate() {
    guest.established().weSend(5 * 1460).skip();
    for (int i = 0; i < 5; i++) {
      guest.sends(ack(0).win(60_000 + i));
    }
    guest.expectNothing();
    assertThat(guest.counters.fastRecoveries()).isZero();
    guest.sends(ack(7300));
  }

  @Test
  void aPartialAcknowledgmentShowsTheNextLoss() {
    guest.established().weSend(6 * 1460).skip();
    guest.sends(ack(0)).sends(ack(0)).sends(ack(0)).expect(data(0, 1460));
    guest.sends(ack(2920)).expect(data(2920, 1460)).sends(ack(4380)).expect(data(4380, 1460));
    guest.sends(ack(8760)).expectNothingFor(seconds(5));
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
  }

  @Test
  void duplicatesOfARepairDoNotStartAnother() {
    guest.established().weSend(6 * 1460).skip();
    guest.sends(ack(0)).sends(ack(0)).sends(ack(0)).expect(data(0, 1460)).sends(ack(8760));
    guest.weSend(2 * 1460).skip().sends(ack(8760)).sends(ack(8760)).sends(ack(8760));
    guest.expectNothing();
  }

  @Test
  void withSackOnlyTheHolesAreFilled() {
    guest.mss(1000).sackPermitted().established().weSend(10_000).skip().after(millis(10));
    guest.sends(ack(0).sack(1000, 2000)).sends(ack(0).sack(3000, 4000, 1000, 2000));
    guest.sends(ack(0).sack(5000, 10_000, 3000, 4000, 1000, 2000));
    guest.expect(data(0, 1000), data(2000, 1000), data(4000, 1000)).after(millis(10));
    guest.sends(ack(2000).sack(3000, 4000, 5000, 10_000)).expectNothing();
    guest.sends(ack(10_000)).expectNothingFor(seconds(5));
  }

  @Test
  void withNewRenoALossHalvesTheWindow() {
    guest.config(guest.config().withCongestionControl(Algorithm.NEW_RENO));
    guest.mss(1000).sackPermitted().established().weSend(30_000);
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(0).sack(1000, 10_000));
    guest.expect(
        data(0, 1000),
        data(10_000, 1000),
        data(11_000, 1000),
        data(12_000, 1000),
        data(13_000, 1000));
    guest.sends(ack(10_000)).expect(data(14_000, 1000));
  }

  @Test
  void withCubicALossLeavesSevenTenthsOfTheWindow() {
    guest.mss(1000).sackPermitted().established().weSend(30_000);
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(0).sack(1000, 10_000));
    guest.expect(
        data(0, 1000),
        data(10_000, 1000),
        data(11_000, 1000),
        data(12_000, 1000),
        data(13_000, 1000),
        data(14_000, 1000),
        data(15_000, 1000));
    guest.sends(ack(10_000)).expect(data(16_000, 1000));
  }

  @Test
  void withoutAnAnswerTheTimerRepeatsEverLessOften() {
    guest.established().weSend(100).expect(data(0, 100));
    for (long pause :
        new long[] {200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000}) {
      guest.at(millis(pause)).expect(data(0, 100));
    }
    guest.expectNothingFor(millis(180_000 - 162_200)).expectEvents("closed TIMED_OUT");
    assertThat(guest.counters.gaveUp()).isEqualTo(1);
  }

  @Test
  void theTimerStartsAgainWithEveryAcknowledgment() {
    guest.established();
    sendFour();
    guest.after(millis(150)).sends(ack(1460)).at(millis(200)).expect(data(1460, 1460));
  }

  @Test
  void theTimeoutFollowsTheRoundTrip() {
    guest.established().weSend(100).skip().after(millis(199)).sends(ack(100)).weSend(100).skip();
    // First sample 0 of the handshake, then 199 ms: 24.875 ms + 4 * 49.75 ms.
    guest.at(24_875_000L + 4 * 49_750_000L).expect(data(100, 100));
  }

  @Test
  void afterATimeoutItStartsWithOneSegment() {
    guest.established();
    sendFour();
    guest.at(millis(200)).expect(data(0, 1460));
    guest.sends(ack(1460)).expect(data(1460, 1460), data(2920, 1460));
    guest.sends(ack(5840)).expectNothingFor(seconds(5));
  }

  @Test
  void afterATimeoutWhatWasReportedIsNotRepeated() {
    guest.sackPermitted().established();
    sendFour();
    guest.sends(ack(0).sack(1460, 2920)).at(millis(1)).expect(data(0, 1460));
    guest.at(millis(200)).expect(data(0, 1460));
    guest.sends(ack(2920)).expect(data(2920, 1460), data(4380, 1460)).sends(ack(5840));
  }

  @Test
  void whatThePeerHasThrownAwayIsSentAgain() {
    guest.sackPermitted().established();
    sendFour();
    guest.sends(ack(0).sack(1460, 2920)).at(millis(1)).expect(data(0, 1460));
    guest.at(millis(200)).expect(data(0, 1460));
    guest.sends(ack(1460)).skip().after(millis(800)).skip();
    // The peer acknowledges up to what it had reported: it no longer has that.
    guest.sends(ack(1460)).after(seconds(60));
    assertThat(guest.drain().stream().filter(data(1460, 1460)::matches)).isNotEmpty();
  }

  @Test
  void aRepeatedSegmentSaysNothingOfTheRoundTrip() {
    guest.established().weSend(100).skip().at(millis(200)).expect(data(0, 100));
    guest.sends(ack(100)).weSend(100).expect(data(100, 100)).at(millis(400)).expect(data(100, 100));
    guest.sends(ack(200));
  }

  @Test
  void aTimestampTellsWhichCopyWasAnswered() {
    guest.timestamps().established().weSend(100).skip().at(millis(200)).expect(data(0, 100));
    guest.after(millis(10)).sends(ack(100)).weSend(100).skip().sends(ack(200)).weSend(100).skip();
    guest.at(millis(200)).expect(data(200, 100));
  }

  @Test
  void theEchoOfAnEarlierCopySaysNothing() {
    guest.timestamps().established().weSend(100).skip().at(millis(200)).expect(data(0, 100));
    guest.after(millis(10)).sends(ack(100).ts(1210, 0)).weSend(100).expect(data(100, 100));
    guest.at(millis(400)).expect(data(100, 100)).sends(ack(200));
  }

  @Test
  void aReportOfWhatWasNeverSentIsIgnored() {
    guest.mss(1460).sackPermitted().established();
    sendFour();
    guest.sends(ack(0).sack(5840, 100_000, 4000, 3000, -500, 700_000));
    guest.sends(ack(0).sack(-2000, -1000)).expectNothing();
    assertThat(guest.counters.badSackBlocks()).isEqualTo(3);
    assertThat(guest.counters.fastRecoveries()).isZero();
    guest.sends(ack(5840)).expectNothingFor(seconds(5));
  }

  @Test
  void aShrunkWindowDoesNotStopTheTimer() {
    guest.established();
    sendFour();
    guest.sends(ack(1460).win(0)).at(millis(200)).expect(data(1460, 1460));
    guest.sends(ack(2920).win(10_000)).skip().sends(ack(5840));
  }

  @Test
  void aLostFinIsRepeated() {
    guest.established().weSend(100).weShutDown().expect(data(0, 100), fin(100)).sends(ack(100));
    guest.at(millis(200)).expect(fin(100)).sends(ack(101)).expectState(TcpState.FIN_WAIT_2);
  }

  @Test
  void aFinIsRepeatedWithTheDataBeforeIt() {
    guest.established().weSend(100).weShutDown().expect(data(0, 100), fin(100));
    guest.at(millis(200)).expect(dataFin(0, 100)).sends(ack(101));
  }
}
