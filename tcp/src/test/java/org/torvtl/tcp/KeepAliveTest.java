/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.fin;
import static org.torvtl.tcp.Seg.rst;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An idle guest is asked if it is still there: RFC 9293, section 3.8.4. */
class KeepAliveTest {
  private static final KeepAlive HOW = new KeepAlive(seconds(60), seconds(10), 3);

  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  private Script open() {
    return guest.config(guest.config().withKeepAlive(HOW)).established();
  }

  @Test
  void isOffUnlessAskedFor() {
    guest.established().expectNothingFor(seconds(100 * 3600)).expectEvents();
  }

  @Test
  void asksWithASequenceNumberTheGuestHasAcknowledged() {
    open().at(seconds(60)).expect(ack(0).seq(-1)).sends(ack(0)).at(seconds(60));
    guest.expect(ack(0).seq(-1)).sends(ack(0));
    assertThat(guest.counters.keepAlives()).isEqualTo(2);
  }

  @Test
  void aVanishedGuestIsGivenUp() {
    open().at(seconds(60)).expect(ack(0).seq(-1)).at(seconds(10)).expect(ack(0).seq(-1));
    guest.at(seconds(10)).expect(ack(0).seq(-1)).expectNothingFor(seconds(10) - 1).expectEvents();
    guest.after(1).expectEvents("closed TIMED_OUT").expectState(TcpState.CLOSED);
    assertThat(guest.counters.gaveUp()).isEqualTo(1);
  }

  @Test
  void anAnswerInBetweenStartsAgain() {
    open().at(seconds(60)).skip().at(seconds(10)).skip().sends(ack(0));
    guest.at(seconds(60)).expect(ack(0).seq(-1)).at(seconds(10)).skip().at(seconds(10)).skip();
    guest.sends(ack(0)).expectEvents();
  }

  @Test
  void whateverTheGuestSendsShowsThatItIsThere() {
    open().after(seconds(59)).sends(data(0, 10)).skip().at(seconds(60)).expect(ack(10).seq(-1));
    guest.sends(ack(0));
  }

  @Test
  void whatIsForgedDoesNot() {
    open().after(seconds(59)).sends(data(500_000, 10)).skip().sends(rst(100_000)).skip();
    guest.at(seconds(1)).expect(ack(0).seq(-1));
  }

  @Test
  void aGuestThatHasForgottenResets() {
    open()
        .at(seconds(60))
        .expect(ack(0).seq(-1))
        .sends(rst(0))
        .expectEvents("closed RESET_BY_PEER");
  }

  @Test
  void whileDataWaitsTheOtherTimersAsk() {
    open().after(seconds(59)).weSend(10).expect(data(0, 10)).after(seconds(30));
    assertThat(guest.drain()).allMatch(data(0, 10)::matches);
    guest.sends(ack(10));
    assertThat(guest.counters.keepAlives()).isZero();
    guest.at(seconds(60)).expect(ack(0).seq(9));
  }

  @Test
  void inHalfCloseToo() {
    open().weShutDown().expect(fin(0)).sends(ack(1)).at(seconds(60)).expect(ack(0).seq(0));
    guest.at(seconds(10)).skip().at(seconds(10)).skip().after(seconds(10));
    guest.expectEvents("closed TIMED_OUT");
  }

  @Test
  void afterTheGuestHasShutDownToo() {
    open().sends(fin(0)).expect(ack(1)).at(seconds(60)).expect(ack(1).seq(-1));
    guest.sends(ack(0)).weShutDown().expect(fin(0)).sends(ack(1));
    guest.expectNothingFor(seconds(600));
  }

  /** With a byte or without: RFC 9293, section 3.8.4. */
  @Test
  void aGuestThatAsksIsAnswered() {
    open().sends(data(0, 10)).skip().sends(ack(0).seq(9)).expect(ack(10));
    guest.sends(data(9, 1)).expect(ack(10)).expectEvents("data 10");
  }

  @Test
  void notInTimeWait() {
    open().weShutDown().expect(fin(0)).sends(fin(0).ackOf(1)).expect(ack(1));
    guest.expectNothingFor(seconds(600)).expectState(TcpState.CLOSED);
  }

  @Test
  void nonsenseIsRefused() {
    assertThatThrownBy(() -> new KeepAlive(0, millis(1), 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new KeepAlive(1, millis(1), 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
