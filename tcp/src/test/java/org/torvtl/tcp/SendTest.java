/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.fin;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is sent while nothing gets lost: segments, windows, probes. RFC 9293, sections 3.7 and 3.8.
 */
class SendTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void segmentsAreNoLargerThanThePeerTakes() {
    guest.mss(500).established().weSend(1200);
    guest.expect(data(0, 500), data(500, 500), data(1000, 200));
  }

  @Test
  void segmentsAreNoLargerThanOurLinkTakes() {
    guest.config(guest.config().withMaxSegmentSize(700)).mss(9000).established().weSend(1000);
    guest.expect(data(0, 700), data(700, 300));
  }

  @Test
  void aPeerThatDoesNotSayTakes536() {
    guest.mss(0).established().weSend(600).expect(data(0, 536), data(536, 64));
  }

  @Test
  void anAbsurdSegmentSizeIsNotBelieved() {
    guest.mss(1).established().weSend(100).expect(data(0, 64), data(64, 36));
  }

  /** However long the payload may be that goes to the transmitter at once. */
  @Test
  void aTransmissionIsCutIntoABoundedNumberOfPackets() {
    guest.config(guest.config().withMaxTransmitBytes(60_000)).mss(88).established();
    acknowledgeAll(200_000);
    guest.weSend(200_000);
    for (var segment : guest.drain()) {
      assertThat(segment.length).isLessThanOrEqualTo(64 * 88);
    }
  }

  /** One acknowledgment makes us send no more small packets than that. */
  @Test
  void smallPacketsUnderWayAreBounded() {
    guest.wscale(7).mss(88).established();
    acknowledgeAll(2_000_000);
    guest.weSend(400_000);
    assertThat(guest.drain()).hasSize(512);
  }

  /** Sends so much, and acknowledges each flight as a whole. */
  private void acknowledgeAll(int bytes) {
    guest.weSend(bytes);
    int acknowledged = 0;
    while (acknowledged < bytes) {
      acknowledged += guest.drain().stream().mapToInt(segment -> segment.length).sum();
      guest.sends(ack(acknowledged));
    }
  }

  @Test
  void whatPacketsWeighBeyondWhatIsNewIsCounted() {
    guest.mss(112).established().weSend(1120).skip();
    assertThat(guest.connection().overheadBytes()).isEqualTo(10 * 400);
    guest.connection().clearOverhead();
    guest.after(millis(250)).expect(data(0, 112));
    assertThat(guest.connection().overheadBytes()).as("sent again").isEqualTo(512);
    guest.sends(ack(1120));
  }

  @Test
  void fullSegmentsWeighNothing() {
    guest.mss(536).timestamps().established().weSend(5240);
    assertThat(guest.drain()).hasSize(10);
    assertThat(guest.connection().overheadBytes()).isZero();
    guest.sends(ack(5240));
  }

  @Test
  void optionsTakeTheirRoomFromTheSegment() {
    guest.mss(1460).timestamps().sackPermitted().established().weSend(2000);
    guest.expect(data(0, 1448), data(1448, 552)).sends(ack(2000)).sends(data(100, 10));
    guest.expect(ack(0).sack(100, 110)).weSend(1460);
    guest.expect(data(2000, 1436).sack(100, 110), data(3436, 24)).sends(ack(3460));
  }

  /**
   * A peer that has room for less than two segments, delays its acknowledgments and sends no window
   * updates, as picoTCP does: what follows a full segment would wait for 200 ms each time.
   */
  @ParameterizedTest
  @ValueSource(ints = {1460, 1461, 1600, 2000, 2919})
  void twoSegmentsFillASmallWindow(int window) {
    int half = window / 2;
    guest.guestWindow(window).established().weSend(20 * half);
    guest.expect(data(0, half), data(half, half));
    for (int i = 1; i < 18; i++) {
      guest.sends(ack(i * half)).expect(data((i + 1) * half, half));
    }
  }

  @Test
  void aTinyWindowIsNotDivided() {
    guest.guestWindow(536).established().weSend(2000).expect(data(0, 536));
    guest.sends(ack(536)).expect(data(536, 536));
    guest.sends(ack(1072)).expect(data(1072, 536)).sends(ack(1608)).expect(data(1608, 392));
    guest.sends(ack(2000));
  }

  @Test
  void aWindowThatWasLargeOnceIsNotSmall() {
    guest.established().weSend(4380).expect(data(0, 1460), data(1460, 1460), data(2920, 1460));
    guest.sends(ack(4380).win(1460)).weSend(2920).expect(data(4380, 1460));
  }

  @Test
  void startsWithTenSegmentsAndDoubles() {
    guest.established().weSend(100 * 1460);
    assertThat(guest.drain()).hasSize(10);
    guest
        .sends(ack(2920))
        .expect(data(14_600, 1460), data(16_060, 1460), data(17_520, 1460), data(18_980, 1460));
    guest.sends(ack(14_600));
    assertThat(guest.drain()).hasSize(16);
  }

  @Test
  void anUnusedCongestionWindowDoesNotGrow() {
    guest.established();
    for (int i = 0; i < 50; i++) {
      guest.weSend(1000).expect(data(1000 * i, 1000)).sends(ack(1000 * (i + 1)));
    }
    guest.weSend(100 * 1460);
    assertThat(guest.drain()).hasSize(10);
  }

  @Test
  void offloadTakesManySegmentsAtOnce() {
    guest.config(guest.config().withMaxTransmitBytes(65_000)).established().weSend(20_000);
    guest.expect(data(0, 14_600)).sends(ack(14_600)).expect(data(14_600, 5400));
  }

  @Test
  void theWindowBounds() {
    guest.guestWindow(4000).established().weSend(10_000).expect(data(0, 1460), data(1460, 1460));
    guest.sends(ack(2920)).expect(data(2920, 1460), data(4380, 1460));
    guest.sends(ack(5840).win(0)).expectNothing();
  }

  @Test
  void halfOfALittleWindowIsWorthASegment() {
    guest.guestWindow(1000).established().weSend(3000).expect(data(0, 500), data(500, 500));
    guest.sends(ack(1000).win(499)).expectNothing();
    guest.sends(ack(1000).win(500)).expect(data(1000, 500));
  }

  @Test
  void theWindowIsScaled() {
    guest.wscale(7).established().sends(ack(0).win(23)).weSend(10_000);
    guest.expect(data(0, 1460), data(1460, 1460));
  }

  @Test
  void anOldSegmentDoesNotChangeTheWindow() {
    guest.interactive().sends(data(0, 10)).sends(data(10, 10).win(3000));
    guest.sends(data(0, 20).win(60_000)).expect(ack(20)).weSend(10_000);
    guest.expect(data(0, 1460), data(1460, 1460));
  }

  @Test
  void aClosedWindowIsProbedByOneByte() {
    guest.guestWindow(0).established().weSend(3000).expectNothing();
    guest.at(millis(200)).expect(data(0, 1)).sends(ack(0)).expectNothing();
    guest.at(millis(400)).expect(data(0, 1)).sends(ack(0)).at(millis(800)).expect(data(0, 1));
    guest.guestWindow(5000).sends(ack(0)).expect(data(0, 1460), data(1460, 1460), data(2920, 80));
    assertThat(guest.counters.windowProbes()).isEqualTo(3);
    guest.sends(ack(3000)).expectEvents("acknowledged 3000").expectNothingFor(seconds(60));
  }

  @Test
  void aProbeThatIsTakenCounts() {
    guest.guestWindow(0).established().weSend(3000).at(millis(200)).expect(data(0, 1));
    guest.sends(ack(1)).expectEvents("acknowledged 1").at(millis(200)).expect(data(1, 1));
    guest.guestWindow(5000).sends(ack(2)).expect(data(2, 1460), data(1462, 1460), data(2922, 78));
  }

  @Test
  void aWindowTooSmallForGoodSegmentsIsFilledInTheEnd() {
    guest.guestWindow(4000).established().sends(ack(0).win(100)).weSend(3000).expectNothing();
    guest.at(millis(200)).expect(data(0, 100));
  }

  @Test
  void aPeerThatAnswersProbesIsNeverGivenUp() {
    guest.guestWindow(0).established().weSend(3000);
    for (int i = 0; i < 100; i++) {
      guest.after(seconds(61));
      assertThat(guest.drain()).isNotEmpty();
      guest.sends(ack(0));
    }
    guest.skip().expectEvents().expectState(TcpState.ESTABLISHED);
  }

  @Test
  void aPeerThatDoesNotAnswerProbesIsGivenUp() {
    guest.guestWindow(0).established().weSend(3000).after(millis(179_999)).skip().expectEvents();
    guest.after(millis(1)).expectEvents("closed TIMED_OUT");
  }

  @Test
  void aFinIntoAClosedWindowIsProbedToo() {
    guest.guestWindow(0).established().weShutDown().expectNothing();
    guest.at(millis(200)).expect(fin(0)).sends(ack(1)).expectState(TcpState.FIN_WAIT_2);
    guest.expectNothingFor(seconds(60));
  }

  @Test
  void whatIsQueuedIsCountedUntilAcknowledged() {
    guest.config(guest.config().withCapacity(1000, 20_000)).established().weSend(19_999);
    var connection = guest.skip().connection();
    assertThat(connection.queuedBytes()).isEqualTo(19_999);
    assertThat(connection.unsentBytes()).isEqualTo(19_999 - 14_600);
    assertThat(connection.isWritable()).isTrue();
    guest.weSend(1);
    assertThat(connection.isWritable()).isFalse();
    guest.sends(ack(100)).skip().expectEvents("acknowledged 100");
    assertThat(connection.isWritable()).isTrue();
    assertThat(connection.queuedBytes()).isEqualTo(19_900);
  }

  @Test
  void whatIsAcknowledgedIsReleasedAtOnce() {
    guest.established().weSend(5000).weSend(10).weSend(2000).skip().sends(ack(1460));
    assertThat(guest.allocatedBytes()).isPositive();
    guest.sends(ack(7010));
    assertThat(guest.allocatedBytes()).isZero();
  }

  @Test
  void littlePiecesLeaveTogether() {
    guest.guestWindow(0).established().weSend(100).weSend(2000).weSend(3).weSend(7).weSend(600);
    guest.guestWindow(10_000).sends(ack(0)).expect(data(0, 1460), data(1460, 1250));
    guest.sends(ack(2000)).weSend(50).expect(data(2710, 50)).sends(ack(2760));
    guest.expectEvents("acknowledged 2000", "acknowledged 760");
  }

  @Test
  void moreCanBeSentFromInsideTheEvent() {
    guest.established().on("acknowledged 100", () -> guest.weSend(200)).weSend(100);
    guest.expect(data(0, 100)).sends(ack(100)).expect(data(100, 200));
  }

  @Test
  void sequenceNumbersWrap() {
    // OUR_ISS is 1024 below the end of the 32 bits.
    guest.established().weSend(4000).expect(data(0, 1460), data(1460, 1460), data(2920, 1080));
    guest.sends(ack(1460)).sends(ack(4000)).expectEvents("acknowledged 1460", "acknowledged 2540");
    guest.expectNothingFor(seconds(10));
  }

  @Test
  void afterAPauseItStartsSlowlyAgain() {
    guest.established().weSend(28 * 1460);
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(14_600));
    assertThat(guest.drain()).hasSize(18);
    guest.sends(ack(28 * 1460)).after(seconds(5)).weSend(100 * 1460);
    assertThat(guest.drain()).hasSize(10);
  }
}
