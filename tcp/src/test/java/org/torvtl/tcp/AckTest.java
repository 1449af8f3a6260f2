/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** When we acknowledge: at once where somebody waits for it, later where it can save a packet. */
class AckTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void atTheStartEverySegmentIsAcknowledgedAtOnce() {
    guest.established();
    for (int i = 0; i < DelayedAck.QUICK; i++) {
      guest.sends(data(10 * i, 10)).expect(ack(10 * i + 10));
    }
    guest.sends(data(160, 10)).at(millis(40)).expect(ack(170));
  }

  /** The rest of a request that Nagle's algorithm holds back in the guest comes without a wait. */
  @Test
  void aRequestOfAFullSegmentAndSomeMoreDoesNotWaitForUs() {
    guest.established().sends(data(0, 1460)).expect(ack(1460)).sends(data(1460, 100));
    guest.expect(ack(1560));
  }

  @Test
  void anAnswerFromInsideTheEventTakesItAlongEvenAtTheStart() {
    guest.established().on("data 10", () -> guest.weSend(20)).sends(data(0, 10));
    guest.expect(data(0, 20).ackOf(10)).sends(ack(20));
  }

  @Test
  void whereAnswersComeTheAcknowledgmentWaitsForThem() {
    guest.interactive().sends(data(0, 10)).expectNothingFor(millis(30)).weSend(5);
    guest.expect(data(0, 5).ackOf(10)).sends(ack(5)).expectNothingFor(seconds(1));
  }

  @Test
  void whereOneHasWaitedInVainTheNextAreQuick() {
    guest.interactive().sends(data(0, 10)).at(millis(40)).expect(ack(10));
    for (int i = 1; i <= DelayedAck.QUICK; i++) {
      guest.sends(data(10 * i, 10)).expect(ack(10 * i + 10));
    }
    guest.sends(data(170, 10)).at(millis(40)).expect(ack(180));
  }

  @Test
  void outOfOrderIsAcknowledgedAtOnce() {
    guest.interactive().sends(data(10, 10)).expect(ack(0)).sends(data(30, 10)).expect(ack(0));
    guest.sends(data(0, 10)).expect(ack(20)).sends(data(20, 10)).expect(ack(40));
    guest.sends(data(40, 10)).at(millis(40)).expect(ack(50));
  }

  @Test
  void fillingPartOfAHoleIsAcknowledgedAtOnce() {
    guest.interactive().sends(data(100, 10)).expect(ack(0)).sends(data(0, 10)).expect(ack(10));
    guest.sends(data(10, 90)).expect(ack(110));
  }

  @Test
  void everySecondFullSegmentHoweverSmallTheyAre() {
    guest.interactive().sends(data(0, 536)).sends(data(536, 536)).expect(ack(1072));
    guest.sends(data(1072, 1460)).sends(data(2532, 1460)).expect(ack(3992));
    guest.sends(data(3992, 536)).expectNothing().sends(data(4528, 536)).expectNothing();
    guest.at(millis(40)).expect(ack(5064));
  }

  @Test
  void aBatchIsAcknowledgedAtOnce() {
    guest.interactive().sends(data(0, 2920)).expect(ack(2920)).sends(data(2920, 60_000));
    guest.expect(ack(62_920));
  }

  @Test
  void aGuestThatWaitsForALittleWindowDoesNotWaitForTheTimer() {
    guest.config(guest.config().withCapacity(1000, 1000)).established();
    for (int i = 0; i < 40; i++) {
      guest.sends(data(500 * i, 500)).expect(ack(500 * i + 500));
    }
  }

  @Test
  void aRepeatedSegmentIsAnsweredAtOnce() {
    guest.interactive().sends(data(0, 10)).at(millis(40)).expect(ack(10)).sends(data(0, 10));
    guest.expect(ack(10)).sends(data(5, 10)).expect(ack(15));
  }

  @Test
  void aBareAcknowledgmentIsNotAnswered() {
    guest.established().sends(ack(0)).sends(ack(0)).sends(ack(0).win(100)).expectNothing();
    guest.expectNothingFor(seconds(10));
  }

  @Test
  void oneAcknowledgmentIsOwedHoweverManySegmentsWait() {
    guest.interactive();
    for (int i = 0; i < 100; i++) {
      guest.sends(data(i, 1)).after(100_000);
    }
    guest.after(millis(30)).expect(ack(100));
  }

  @Test
  void dataThatIsLateInTheSameCallStillTravelsWithTheAcknowledgment() {
    guest.interactive().weSend(100).expect(data(0, 100)).sends(data(0, 10).ackOf(100));
    guest.weSend(1).expect(data(100, 1).ackOf(10)).sends(ack(101)).expectNothingFor(seconds(1));
  }

  @Test
  void repeatedDataIsReportedBySackWhereTheGuestCanReadIt() {
    guest.sackPermitted().interactive().sends(data(0, 1000)).sends(data(1000, 1000)).skip();
    guest.sends(data(500, 1000)).expect(ack(2000).sack(500, 1500));
    guest.sends(data(2000, 10)).at(millis(40)).expect(ack(2010).sack());
  }

  @Test
  void aDuplicateOfWhatIsOutOfOrderLiesInsideTheSecondBlock() {
    guest.sackPermitted().established().sends(data(1000, 1000)).expect(ack(0).sack(1000, 2000));
    guest.sends(data(1200, 100)).expect(ack(0).sack(1200, 1300, 1000, 2000));
    guest.sends(data(3000, 10)).expect(ack(0).sack(3000, 3010, 1000, 2000));
  }

  @Test
  void theRepeatedPartOfAnOverlapIsReported() {
    guest.sackPermitted().interactive().sends(data(0, 1000)).at(millis(40)).expect(ack(1000));
    guest.sends(data(400, 1000)).expect(ack(1400).sack(400, 1000));
  }
}
