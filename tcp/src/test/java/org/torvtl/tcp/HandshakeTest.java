/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.dataFin;
import static org.torvtl.tcp.Seg.rst;
import static org.torvtl.tcp.Seg.rstAck;
import static org.torvtl.tcp.Seg.syn;
import static org.torvtl.tcp.Seg.synAck;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpOptions;

/** Opening, either way: RFC 9293, section 3.5; and what is between a SYN and our answer. */
class HandshakeTest {
  /** The sequence number 0, in the script's way of counting. */
  private static final int ZERO = -Script.OUR_ISS - 1;

  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void aHeldConnectionSaysNothing() {
    guest.held().expectNothingFor(seconds(1)).sends(syn()).expectNothingFor(seconds(100));
    guest.expectEvents().expectState(TcpState.HELD);
    assertThat(guest.counters.heldIgnored()).isEqualTo(1);
  }

  @Test
  void acceptAnswersWithAllThatWasOffered() {
    guest.mss(1400).sackPermitted().wscale(7).timestamps().held().weAccept();
    guest.expect(synAck().ackOf(0).win(65_535).mss(1460).sackOk(true).wscale(5).ts(0, 1000));
  }

  @Test
  void acceptOffersOnlyWhatWasOffered() {
    guest.held().weAccept();
    guest.expect(synAck().ackOf(0).mss(1460).sackOk(false).wscale(TcpOptions.NO_WINDOW_SCALE));
    guest.sends(ack(0)).expectEvents("established").expectState(TcpState.ESTABLISHED);
  }

  @Test
  void refuseAnswersWithReset() {
    guest.held().weRefuse().expect(rstAck(ZERO).ackOf(0)).expectEvents("closed REFUSED");
  }

  @Test
  void abortOfAHeldConnectionAnswersWithReset() {
    guest.held().weAbort().expect(rstAck(ZERO).ackOf(0)).expectEvents("closed ABORTED");
  }

  @Test
  void dropIsSilent() {
    guest.held().weDrop().expectNothing().expectEvents("closed DROPPED");
    guest.weAccept().weRefuse().sends(syn()).expectNothing().expectEvents();
  }

  @Test
  void aResetEndsAHeldConnection() {
    guest.held().sends(rst(0)).expectEvents("closed RESET_BY_PEER").weAccept().expectNothing();
  }

  @Test
  void aResetOfSomethingElseDoesNotEndAHeldConnection() {
    guest.held().sends(rst(77)).expectEvents().weAccept().expect(synAck());
  }

  @Test
  void anotherSynReplacesTheHeldOne() {
    guest.held().sends(syn().seq(5000).mss(500)).expectNothing();
    guest.weAccept().expect(synAck().ackOf(5001)).sends(ack(0).seq(5001));
    guest.expectEvents("established").weSend(600).expect(data(0, 500), data(500, 100));
  }

  @Test
  void repeatsItsSynAckAndGivesUp() {
    guest.held().weAccept().expect(synAck());
    for (long pause : new long[] {1, 2, 4, 8, 16}) {
      guest.at(seconds(pause)).expect(synAck().ackOf(0));
    }
    guest.expectNothingFor(seconds(32)).expectEvents("closed TIMED_OUT");
    assertThat(guest.counters.gaveUp()).isEqualTo(1);
  }

  @Test
  void aRepeatedSynIsAnsweredAtOnceAndTheTimerRunsOn() {
    guest.held().weAccept().expect(synAck()).after(millis(400));
    guest.sends(syn()).expect(synAck()).at(millis(600)).expect(synAck());
  }

  @Test
  void anAckOfWhatWeNeverSentIsReset() {
    guest.held().weAccept().expect(synAck()).sends(ack(17)).expect(rst(17));
    guest.expectState(TcpState.SYN_RECEIVED).expectEvents();
  }

  @Test
  void aResetEndsTheHandshake() {
    guest.held().weAccept().expect(synAck()).sends(rst(0)).expectEvents("closed RESET_BY_PEER");
  }

  @Test
  void dataCompletesTheHandshakeAndIsDelivered() {
    guest.held().weAccept().expect(synAck()).sends(data(0, 100));
    guest.expect(ack(100)).expectEvents("established", "data 100");
  }

  @Test
  void aFinCompletesTheHandshake() {
    guest.held().weAccept().expect(synAck()).sends(dataFin(0, 10)).expect(ack(11));
    guest.expectEvents("established", "data 10", "end of stream");
    guest.expectState(TcpState.CLOSE_WAIT);
  }

  @Test
  void whatWasQueuedBeforeGoesOutWhenEstablished() {
    guest.held().weSend(100).weShutDown().expectNothing().weAccept().expect(synAck());
    guest.sends(ack(0)).expect(dataFin(0, 100)).expectState(TcpState.FIN_WAIT_1);
  }

  @Test
  void opensWithAllItKnows() {
    guest.opening().expect(syn().win(65_535).mss(1460).sackOk(true).wscale(5).ts(0, 0));
    guest.sends(synAck().ackOf(0).mss(1460).wscale(3)).expect(ack(0));
    guest.expectEvents("established").expectState(TcpState.ESTABLISHED);
  }

  @Test
  void hearsThatItWasRefused() {
    guest.opening().expect(syn()).sends(rstAck(0).ackOf(0)).expectEvents("closed REFUSED_BY_PEER");
  }

  @Test
  void aResetThatAcknowledgesNothingDoesNotRefuse() {
    guest.opening().expect(syn()).sends(rst(0)).sends(rstAck(0).ackOf(5)).expectEvents();
    guest.expectState(TcpState.SYN_SENT);
  }

  @Test
  void resetsAnAnswerToAnotherSyn() {
    guest.opening().expect(syn()).sends(synAck().ackOf(99)).expect(rst(99)).expectEvents();
  }

  @Test
  void bothOpenAtOnce() {
    guest.opening().expect(syn()).sends(syn().mss(1460)).expect(synAck().ackOf(0));
    guest.expectState(TcpState.SYN_RECEIVED).sends(synAck().ackOf(0)).expect(ack(0));
    guest.expectEvents("established").expectState(TcpState.ESTABLISHED);
  }

  @Test
  void bothOpenAtOnceAndOneIsRefused() {
    guest.opening().expect(syn()).sends(syn().mss(1460)).expect(synAck()).sends(rst(0));
    guest.expectEvents("closed REFUSED_BY_PEER");
  }

  @Test
  void repeatsItsSynAndGivesUp() {
    guest.opening().expect(syn());
    for (long pause : new long[] {1, 2, 4, 8, 16, 32, 60}) {
      guest.at(seconds(pause)).expect(syn());
    }
    guest.expectNothingFor(seconds(60)).expectEvents("closed TIMED_OUT");
  }

  @Test
  void closeBeforeAnAnswerSaysNothing() {
    guest.opening().expect(syn()).weClose().expectNothing().expectEvents("closed ABORTED");
  }

  @Test
  void afterALostSynItIsCarefulWithTheFirstData() {
    guest.mss(1460).held().weAccept().expect(synAck()).at(seconds(1)).expect(synAck());
    guest.sends(ack(0)).weSend(5000).expect(data(0, 1460)).at(seconds(3)).expect(data(0, 1460));
  }

  /** Nobody can tell which of our answers was acknowledged: Karn's algorithm. */
  @Test
  void anAnswerGivenTwiceMeasuresNothing() {
    guest.held().weAccept().expect(synAck()).after(millis(900)).sends(syn()).expect(synAck());
    guest.after(millis(1)).sends(ack(0)).weSend(20_000);
    assertThat(guest.drain()).as("as if nothing was lost").hasSize(10);
    guest.at(seconds(1)).expect(data(0, 1460)).sends(ack(20_000)).skip();
  }

  @Test
  void anotherSynWithoutTimestampsIsAnsweredWithout() {
    var other = syn().seq(5000);
    other.timestamp = 0;
    guest.timestamps().held().sends(other).weAccept();
    var answer = guest.drain().getFirst();
    assertThat(answer.acknowledgment).isEqualTo(5001);
    assertThat(answer.timestamp).isNull();
  }

  @Test
  void repeatedSynsAreAnsweredSoOftenAndThenCounted() {
    guest.held().weAccept().expect(synAck());
    for (int i = 0; i < 30; i++) {
      guest.sends(syn());
    }
    assertThat(guest.drain()).hasSize(10);
    assertThat(guest.counters.challengeAcksSuppressed()).isEqualTo(20);
  }
}
