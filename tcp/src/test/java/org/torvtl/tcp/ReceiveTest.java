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

/**
 * What arrives: order, windows, acknowledgments. RFC 9293, section 3.10.7.4; RFC 2018; RFC 7323.
 */
class ReceiveTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void oneSegmentIsAcknowledgedAfterAWhile() {
    guest.interactive().sends(data(0, 1460)).expectEvents("data 1460");
    guest.at(millis(40)).expect(ack(1460)).expectNothingFor(seconds(1));
  }

  @Test
  void everySecondFullSegmentIsAcknowledgedAtOnce() {
    guest.interactive().sends(data(0, 1460)).expectNothing().sends(data(1460, 1460));
    guest.expect(ack(2920)).sends(data(2920, 1460)).expectNothing();
    guest.sends(data(4380, 1460)).expect(ack(5840)).expectNothingFor(seconds(1));
  }

  @Test
  void smallSegmentsShareOneAcknowledgment() {
    guest.interactive().sends(data(0, 1460)).sends(data(1460, 1460)).expect(ack(2920));
    guest.sends(data(2920, 10)).after(millis(30)).sends(data(2930, 10)).sends(data(2940, 10));
    guest.at(millis(10)).expect(ack(2950));
  }

  /** Super-segments that overlap but for little: the little is kept, not the packets. */
  @Test
  void overlapsDoNotKeepPacketsAlive() {
    guest.established().sends(data(100, 60_000));
    long first = guest.allocatedBytes();
    guest.sends(data(1600, 60_000)).sends(data(3100, 60_000));
    assertThat(guest.allocatedBytes() - first).isBetween(3000L, 6000L);
    guest.expect(ack(0), ack(0), ack(0));
    guest.sends(data(0, 100)).expectEvents("data 100", "data 60000", "data 1500", "data 1500");
    guest.expect(ack(63_100));
  }

  /** A changed window would make a duplicate acknowledgment none in the peer's eyes: RFC 5681. */
  @Test
  void withoutScalingTheWindowStaysWhileTheBufferHasRoom() {
    guest.config(TcpConfig.defaults().withInitialReceiveBytes(1 << 20)).readsLater().established();
    guest.sends(data(0, 1460)).expect(ack(1460).win(65_535));
    guest.sends(data(2920, 1460)).expect(ack(1460).win(65_535)).sends(data(1460, 1460));
    guest.expect(ack(4380).win(65_535)).expectEvents("data 1460", "data 1460", "data 1460");
  }

  @Test
  void anAcknowledgmentTravelsWithData() {
    guest.interactive().sends(data(0, 100)).weSend(10).expect(data(0, 10).ackOf(100));
    guest.sends(ack(10)).expectNothingFor(seconds(1));
  }

  @Test
  void anAnswerFromInsideTheEventTakesTheAcknowledgmentAlong() {
    guest.established().on("data 100", () -> guest.weSend(10)).sends(data(0, 100));
    guest.expect(data(0, 10).ackOf(100)).sends(ack(10)).expectNothingFor(seconds(1));
  }

  @Test
  void outOfOrderIsReportedAtOnceAndDeliveredInOrder() {
    guest.sackPermitted().established().sends(data(1000, 500)).expect(ack(0).sack(1000, 1500));
    guest.expectEvents().sends(data(0, 1000)).expect(ack(1500).sack());
    guest.expectEvents("data 1000", "data 500");
  }

  @Test
  void withoutSackTheAcknowledgmentIsJustRepeated() {
    guest.established().sends(data(1000, 500)).sends(data(1500, 500));
    guest.expect(ack(0).sack(), ack(0).sack()).sends(data(0, 1000)).expect(ack(2000));
    guest.expectEvents("data 1000", "data 500", "data 500");
  }

  @Test
  void theLatestSackBlockComesFirst() {
    guest.sackPermitted().established();
    guest.sends(data(100, 10)).expect(ack(0).sack(100, 110));
    guest.sends(data(300, 10)).expect(ack(0).sack(300, 310, 100, 110));
    guest.sends(data(200, 10)).expect(ack(0).sack(200, 210, 300, 310, 100, 110));
    guest.sends(data(110, 10)).expect(ack(0).sack(100, 120, 200, 210, 300, 310));
    guest.sends(data(120, 80)).expect(ack(0).sack(100, 210, 300, 310));
    guest.sends(data(400, 1)).sends(data(500, 1)).sends(data(600, 1)).skip();
    guest.sends(data(0, 100)).expect(ack(210).sack(600, 601, 500, 501, 400, 401));
  }

  @Test
  void timestampsLeaveRoomForThreeSackBlocks() {
    guest.sackPermitted().timestamps().established();
    for (int start = 100; start <= 400; start += 100) {
      guest.sends(data(start, 10));
    }
    var last = guest.drain().getLast();
    assertThat(last.sack).containsExactly(400, 410, 300, 310, 200, 210);
  }

  @Test
  void whatArrivesTwiceIsReportedOnce() {
    guest.sackPermitted().interactive().sends(data(0, 1460)).sends(data(1460, 1460));
    guest.expect(ack(2920)).sends(data(1460, 1460)).expect(ack(2920).sack(1460, 2920));
    guest.sends(data(2920, 100)).at(millis(40)).expect(ack(3020).sack());
    guest.expectEvents("data 1460", "data 1460", "data 100");
  }

  @Test
  void onlyTheNewPartOfAnOverlapIsDelivered() {
    guest.established().sends(data(0, 1000)).sends(data(500, 1000)).skip();
    guest.expectEvents("data 1000", "data 500");
  }

  @Test
  void overlapsInTheQueueFillWhatIsMissing() {
    guest.established().sends(data(200, 100)).sends(data(400, 100)).sends(data(100, 500));
    guest.expect(ack(0), ack(0), ack(0)).sends(data(0, 150)).expect(ack(600));
    guest.expectEvents("data 150", "data 50", "data 100", "data 100", "data 100", "data 100");
  }

  @Test
  void whatLiesBeyondTheWindowIsCutOff() {
    guest.config(guest.config().withCapacity(1000, 1000)).readsLater().established();
    guest.sends(data(0, 1500)).expect(ack(1000).win(0)).expectEvents("data 1000");
  }

  @Test
  void whatLiesWhollyBeyondTheWindowIsAnsweredOnly() {
    guest.config(guest.config().withCapacity(1000, 1000)).established();
    guest.sends(data(1001, 10)).expect(ack(0).win(1000)).expectEvents();
    assertThat(guest.counters.outOfWindow()).isEqualTo(1);
  }

  @Test
  void theWindowClosesAndReopensInGoodSteps() {
    guest.config(guest.config().withCapacity(4000, 1000)).readsLater().established();
    guest.sends(data(0, 2000)).expect(ack(2000).win(2000));
    guest.sends(data(2000, 2000)).expect(ack(4000).win(0)).expectEvents("data 2000", "data 2000");
    guest.weConsume(1459).expectNothing();
    guest.weConsume(1).expect(ack(4000).win(1460));
    guest.weConsume(1459).expectNothing();
    guest.weConsume(1).expect(ack(4000).win(2920)).weConsume(1080).expectNothing();
  }

  @Test
  void theRightEdgeStaysWhereItIsButForRounding() {
    guest.wscale(7).config(guest.config().withInitialReceiveBytes(1 << 20)).readsLater();
    guest.interactive();
    int start = 0;
    for (int i = 1; i < 300; i++) {
      guest.sends(data(start, 7 * i));
      start += 7 * i;
      guest.after(millis(40));
      var last = guest.drain().getLast();
      assertThat(last.acknowledgment).isEqualTo(start);
      int window = last.window == null ? -1 : last.window << 5;
      assertThat(start + window).isBetween((1 << 20) - 1, (1 << 20) + 30);
    }
  }

  @Test
  void aProbeIntoAClosedWindowIsAnsweredAndNotTaken() {
    guest.config(guest.config().withCapacity(1000, 1000)).readsLater().established();
    guest.sends(data(0, 1000)).expect(ack(1000).win(0));
    guest.sends(data(1000, 1)).expect(ack(1000).win(0)).expectEvents("data 1000");
    guest.weConsume(1000).expect(ack(1000).win(1000)).sends(data(1000, 1)).expectEvents("data 1");
    guest.expect(ack(1001));
  }

  @Test
  void aFinNeedsNoWindow() {
    guest.config(guest.config().withCapacity(1000, 1000)).readsLater().established();
    guest.sends(dataFin(0, 1000)).expect(ack(1001).win(0));
    guest.expectEvents("data 1000", "end of stream").sends(ack(0)).weShutDown().expect(fin(0));
    guest.sends(ack(1)).expectEvents("closed NORMAL");
  }

  @Test
  void aFinWaitsForWhatComesBeforeIt() {
    guest.established().sends(fin(100)).expect(ack(0)).expectState(TcpState.ESTABLISHED);
    guest.sends(data(0, 100)).expect(ack(101)).expectEvents("data 100", "end of stream");
  }

  @Test
  void dataBehindAFinIsIgnored() {
    guest.established().sends(fin(100)).sends(data(50, 100)).sends(data(0, 50)).skip();
    guest.expectEvents("data 50", "data 50", "end of stream");
    guest.sends(data(101, 100)).expect(ack(101)).expectEvents();
  }

  @Test
  void aFinBelowWhatCameBeforeIsIgnored() {
    guest.interactive().sends(data(50, 100)).sends(fin(60)).sends(data(0, 50)).skip();
    guest.expectEvents("data 50", "data 100").expectState(TcpState.ESTABLISHED);
    guest.sends(data(150, 10)).expectEvents("data 10").sends(fin(160)).expect(ack(161));
  }

  @Test
  void aSuperSegmentIsOneEvent() {
    guest.established().sends(data(0, 64_000)).expect(ack(64_000)).expectEvents("data 64000");
  }

  @Test
  void piecesAreBoundedAndWhatIsReportedIsKept() {
    guest.config(guest.config().withCapacity(4000, 1000)).sackPermitted().established();
    for (int start = 2; start < 200; start += 2) {
      guest.sends(data(start, 1));
    }
    guest.skip();
    assertThat(guest.counters.droppedByBound()).isEqualTo(99 - 64);
    guest.sends(data(0, 129)).skip();
    guest.expectEvents("data 129").sends(data(129, 71)).skip().expectEvents("data 71");
  }

  @Test
  void unreadPiecesAreBounded() {
    guest.config(guest.config().withCapacity(4000, 1000)).readsLater().established();
    for (int start = 0; start < 100; start++) {
      guest.sends(data(start, 1));
    }
    assertThat(guest.events).hasSize(64);
    guest.skip().weConsume(64).sends(data(64, 1)).expect(ack(100));
  }

  @Test
  void keepAliveIsAnswered() {
    guest.established().sends(data(0, 100)).after(millis(40)).expect(ack(100));
    guest.sends(ack(0).seq(99)).expect(ack(100)).sends(data(99, 1)).expect(ack(100));
    guest.expectEvents("data 100");
  }

  @Test
  void anOldTimestampMarksAnOldSegment() {
    guest.timestamps().interactive().sends(data(0, 100).ts(5000, 0)).after(millis(40));
    guest.expect(ack(100).ts(40, 5000)).sends(data(100, 100).ts(4999, 0)).expect(ack(100));
    guest.expectEvents("data 100");
    assertThat(guest.counters.pawsRejected()).isEqualTo(1);
    guest.sends(data(100, 100).ts(5000, 0)).expectEvents("data 100").skip();
  }

  @Test
  void theTimestampOfTheLastSegmentInOrderIsEchoed() {
    guest.timestamps().established().sends(data(100, 100).ts(2000, 0)).expect(ack(0).ts(0, 1000));
    guest.sends(data(0, 100).ts(1500, 0)).expect(ack(200).ts(0, 1500));
  }

  @Test
  void aSegmentWithoutTimestampIsTaken() {
    guest.sackPermitted().timestamps().established();
    var plain = data(0, 100);
    plain.ts(0, 0);
    plain.timestamp = 1000;
    plain.echo = null;
    guest.sends(plain).expectEvents("data 100").skip();
  }
}
