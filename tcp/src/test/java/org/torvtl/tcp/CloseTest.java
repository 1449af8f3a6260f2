/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.dataFin;
import static org.torvtl.tcp.Seg.fin;
import static org.torvtl.tcp.Seg.rst;
import static org.torvtl.tcp.Seg.rstAck;
import static org.torvtl.tcp.Seg.syn;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Closing, from either side and in every order: RFC 9293, section 3.6. */
class CloseTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void weCloseFirst() {
    guest.established().weShutDown().expect(fin(0)).expectState(TcpState.FIN_WAIT_1);
    guest.sends(ack(1)).expectState(TcpState.FIN_WAIT_2).expectEvents();
    guest.sends(fin(0)).expect(ack(1).seq(1)).expectState(TcpState.TIME_WAIT);
    guest.expectEvents("end of stream", "closed NORMAL").expectNothingFor(millis(59_999));
    guest.expectState(TcpState.TIME_WAIT).after(millis(1)).expectState(TcpState.CLOSED);
    guest.expectEvents();
  }

  @Test
  void theGuestClosesFirst() {
    guest.established().sends(fin(0)).expect(ack(1)).expectState(TcpState.CLOSE_WAIT);
    guest.weSend(100).expect(data(0, 100)).sends(ack(100)).weShutDown().expect(fin(100));
    guest.expectState(TcpState.LAST_ACK).sends(ack(101)).expectState(TcpState.CLOSED);
    guest.expectEvents("end of stream", "acknowledged 100", "closed NORMAL").expectNothing();
  }

  @Test
  void bothCloseAtOnce() {
    guest.established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(0)).expect(ack(1).seq(1));
    guest.expectState(TcpState.CLOSING).expectEvents("end of stream");
    guest.sends(ack(1)).expectState(TcpState.TIME_WAIT).expectEvents("closed NORMAL");
  }

  @Test
  void oneSegmentAnswersAndCloses() {
    guest.established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1)).expect(ack(1));
    guest.expectState(TcpState.TIME_WAIT).expectEvents("end of stream", "closed NORMAL");
  }

  @Test
  void aFinFollowsAllData() {
    guest.guestWindow(3000).established().weSend(5000).weShutDown();
    guest
        .expect(data(0, 1460), data(1460, 1460))
        .sends(ack(2920))
        .expect(data(2920, 1460), dataFin(4380, 620));
    guest.sends(ack(5000)).expectState(TcpState.FIN_WAIT_1).sends(ack(5001));
    guest.expectState(TcpState.FIN_WAIT_2);
    guest.expectEvents("acknowledged 2920", "acknowledged 2080");
  }

  @Test
  void afterOurFinTheGuestMaySendForHours() {
    guest.established().weShutDown().expect(fin(0)).sends(ack(1));
    for (int i = 0; i < 10; i++) {
      guest
          .after(seconds(3600))
          .sends(data(100 * i, 100))
          .after(millis(40))
          .expect(ack(100 * i + 100));
    }
    guest.sends(fin(1000)).expect(ack(1001)).expectState(TcpState.TIME_WAIT);
  }

  @Test
  void dataAndFinArriveTogetherWithTheAnswerToOurs() {
    guest.established().weSend(10).weShutDown().expect(data(0, 10), fin(10));
    guest.sends(dataFin(0, 50)).expect(ack(51));
    guest.expectEvents("acknowledged 10", "data 50", "end of stream", "closed NORMAL");
  }

  @Test
  void shuttingDownFromInsideTheEventAnswersInOneSegment() {
    guest.established().on("end of stream", guest::weShutDown).sends(fin(0));
    guest.expect(fin(0).ackOf(1)).expectState(TcpState.LAST_ACK).sends(ack(1));
    guest.expectEvents("end of stream", "closed NORMAL");
  }

  @Test
  void aRepeatedFinInTimeWaitIsAnsweredAndProlongsIt() {
    guest.established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1)).expect(ack(1));
    guest.after(seconds(50)).sends(fin(0).seq(0)).expect(ack(1)).after(seconds(50));
    guest.expectState(TcpState.TIME_WAIT).after(seconds(10)).expectState(TcpState.CLOSED);
  }

  @Test
  void inTimeWaitOnlyAResetAtTheVeryNumberCounts() {
    guest.established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1)).expect(ack(1));
    guest.sends(rst(0)).expectState(TcpState.TIME_WAIT);
    guest.sends(rst(2)).expectState(TcpState.TIME_WAIT);
    guest.sends(rst(1)).expectState(TcpState.CLOSED).expectEvents("end of stream", "closed NORMAL");
  }

  /** As lwIP and uIP do in each process: the same port, and the same first number. */
  @Test
  void aPeerThatBeginsAnewAtTheSameNumberGetsThrough() {
    guest.established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1)).expect(ack(1));
    assertThat(guest.yieldsTo(syn())).isFalse();
    guest.sends(syn()).expect(ack(1).seq(1));
    guest.sends(rst(1)).expectState(TcpState.CLOSED);
  }

  @Test
  void timeWaitYieldsToALaterSynOnly() {
    guest.interactive().sends(data(0, 100)).weShutDown().expect(fin(0).ackOf(100));
    guest.sends(fin(100).ackOf(1)).expect(ack(101)).expectState(TcpState.TIME_WAIT);
    assertThat(guest.yieldsTo(syn().seq(100))).isFalse();
    assertThat(guest.yieldsTo(syn().seq(101))).isTrue();
    assertThat(guest.yieldsTo(syn().seq(1_000_000))).isTrue();
    assertThat(guest.yieldsTo(ack(1).seq(1_000_000))).isFalse();
  }

  @Test
  void timeWaitYieldsToALaterTimestamp() {
    guest.timestamps().established().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1).ts(7000, 0));
    guest.expect(ack(1));
    assertThat(guest.yieldsTo(syn().seq(-70_000).ts(7001, 0))).isTrue();
    assertThat(guest.yieldsTo(syn().seq(70_000).ts(6999, 0))).isFalse();
  }

  @Test
  void anOpenConnectionYieldsToNobody() {
    guest.established();
    assertThat(guest.yieldsTo(syn().seq(1_000_000))).isFalse();
  }

  @Test
  void aLostLastAcknowledgmentIsGivenAgain() {
    guest.established().sends(fin(0)).expect(ack(1)).weShutDown().expect(fin(0));
    guest.at(millis(200)).expect(fin(0)).sends(ack(1)).expectState(TcpState.CLOSED);
  }

  @Test
  void sendingAfterShutdownIsAnError() {
    guest.established().weShutDown().expect(fin(0));
    assertThatThrownBy(() -> guest.weSend(1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void afterCloseDataIsReset() {
    guest.established().weClose().expect(fin(0)).sends(ack(1)).sends(data(0, 10));
    guest.expect(rstAck(1).ackOf(0)).expectEvents("closed ABORTED").expectState(TcpState.CLOSED);
    assertThat(guest.counters.dataAfterClose()).isEqualTo(1);
  }

  @Test
  void afterCloseAnAcknowledgmentAheadOfLostDataDoesNotReset() {
    guest.established().weClose().expect(fin(0)).sends(ack(1).seq(100));
    guest.expectNothing().expectState(TcpState.FIN_WAIT_2);
  }

  @Test
  void afterCloseTheWaitForTheGuestIsBounded() {
    guest.established().weClose().expect(fin(0)).after(millis(100)).sends(ack(1));
    guest.expectNothingFor(millis(59_999)).expectEvents().after(millis(1));
    guest.expectEvents("closed TIMED_OUT").expectState(TcpState.CLOSED);
  }

  @Test
  void closeInHalfCloseStartsTheWaitToo() {
    guest.established().weShutDown().expect(fin(0)).sends(ack(1)).after(seconds(600)).weClose();
    guest.expectNothingFor(seconds(60)).expectEvents("closed TIMED_OUT");
  }

  @Test
  void afterCloseAFinEndsNormally() {
    guest.established().weSend(10).weClose().expect(data(0, 10), fin(10)).sends(fin(0).ackOf(11));
    guest.expect(ack(1)).expectEvents("acknowledged 10", "closed NORMAL");
  }

  @Test
  void closingFromInsideADataEventResetsWhatFollows() {
    guest.established().on("data 100", guest::weClose).sends(data(100, 100)).expect(ack(0));
    guest
        .sends(data(0, 100))
        .expect(rstAck(0).ackOf(200))
        .expectEvents("data 100", "closed ABORTED");
  }

  @Test
  void aGuestThatVanishesWhileWeCloseIsGivenUp() {
    guest.established().weClose().expect(fin(0)).after(seconds(180)).skip();
    guest.expectEvents("closed TIMED_OUT");
  }
}
