/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** {@link Handshake} alone; our SYN has the sequence number 1000, the peer's 2000. */
class HandshakeStepsTest {
  private static final long SECOND = 1_000_000_000;
  private static final int SYN_ACK = TcpSegment.SYN | TcpSegment.ACK;

  private final TcpCounters counters = new TcpCounters();
  private final Outbox sent = new Outbox();

  private Handshake handshake(boolean active) {
    return new Handshake(
        TcpConfig.defaults(),
        counters,
        new InitialNumbers(1000, 0),
        new SegmentWriter(sent, counters),
        PayloadAccount.UNLIMITED,
        active);
  }

  private static TcpSegment syn(TcpOptions options) {
    var header = new TcpHeader(options).flags(TcpSegment.SYN).sequence(2000).window(500);
    return Outbox.segment(header, 0);
  }

  @Test
  void theTimerRepeatsOurSynAndGivesUp() {
    var handshake = handshake(true);
    handshake.start(0);
    long now = 0;
    for (int i = 0; i < TcpConfig.defaults().synRetries(); i++) {
      long before = now;
      now = handshake.deadlineNanos();
      assertThat(now - before).isEqualTo(Math.min(SECOND << i, TcpConfig.defaults().maxRtoNanos()));
      assertThat(handshake.onDeadline(now)).isFalse();
    }
    assertThat(handshake.onDeadline(handshake.deadlineNanos())).isTrue();
    assertThat(sent.take())
        .hasSize(1 + TcpConfig.defaults().synRetries())
        .containsOnly("S seq 1000 ack 0 win 65535 len 0");
  }

  @Test
  void theAnswerTakesUpWhatThePeerOffers() {
    var handshake = handshake(false);
    var options = new TcpOptions().mss(1000).windowScale(3).sackPermitted(true).timestamps(9, 0);
    var receiver = handshake.readSyn(syn(options), 0);
    assertThat(receiver.next()).isEqualTo(2001);
    assertThat(handshake.packetSize()).isEqualTo(1000);
    assertThat(handshake.timestamps().enabled()).isTrue();
    assertThat(handshake.timestamps().echo()).isEqualTo(9);
    handshake.start(0);
    assertThat(sent.take()).containsExactly("SA seq 1000 ack 2001 win 65535 len 0");
    var peer = handshake.complete(7_000_000);
    assertThat(peer.options()).isEqualTo(new SynOptions(1000, true, 3, true));
    assertThat(peer.timeout().smoothedNanos()).isEqualTo(7_000_000);
    assertThat(peer.synRepeated()).isFalse();
    assertThat(handshake.windowBytes(Outbox.segment(TcpSegment.ACK, 0, 0))).isEqualTo(480_000);
    assertThat(handshake.windowBytes(Outbox.segment(SYN_ACK, 0, 0))).isEqualTo(60_000);
    assertThat(handshake.deadlineNanos()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void anAnswerGivenTwiceMeasuresNothing() {
    var handshake = handshake(false);
    handshake.readSyn(syn(new TcpOptions()), 0);
    handshake.start(0);
    long deadline = handshake.deadlineNanos();
    handshake.answerAgain(SECOND / 2);
    assertThat(handshake.deadlineNanos()).isEqualTo(deadline);
    assertThat(sent.take()).hasSize(2);
    assertThat(handshake.complete(SECOND).timeout().smoothedNanos()).isZero();
  }

  @Test
  void inSynSentOnlyWhatAnswersOurSynCounts() {
    var handshake = handshake(true);
    assertThat(handshake.checkInSynSent(Outbox.segment(SYN_ACK, 2000, 1000)))
        .isEqualTo(Handshake.Step.NONE);
    assertThat(sent.take()).containsExactly("R seq 1000 ack 0 win 0 len 0");
    assertThat(handshake.checkInSynSent(Outbox.segment(TcpSegment.RST, 2000, 0)))
        .isEqualTo(Handshake.Step.NONE);
    assertThat(handshake.checkInSynSent(Outbox.segment(TcpSegment.ACK, 2000, 1001)))
        .isEqualTo(Handshake.Step.NONE);
    assertThat(handshake.checkInSynSent(Outbox.segment(SYN_ACK, 2000, 1001)))
        .isEqualTo(Handshake.Step.READ_SYN);
    assertThat(handshake.checkInSynSent(Outbox.segment(TcpSegment.RST | TcpSegment.ACK, 0, 1001)))
        .isEqualTo(Handshake.Step.RESET);
    assertThat(sent.take()).isEmpty();
    assertThat(counters.badAcknowledgments()).isEqualTo(1);
  }

  @Test
  void aHeldPeerMayStartAnewOrGo() {
    var handshake = handshake(false);
    var held = handshake.readSyn(syn(new TcpOptions()), 0);
    assertThat(handshake.checkHeld(Outbox.segment(TcpSegment.SYN, 2000, 0), held))
        .isEqualTo(Handshake.Step.NONE);
    assertThat(handshake.checkHeld(Outbox.segment(TcpSegment.SYN, 3000, 0), held))
        .isEqualTo(Handshake.Step.READ_SYN);
    assertThat(handshake.checkHeld(Outbox.segment(TcpSegment.RST, 2002, 0), held))
        .isEqualTo(Handshake.Step.NONE);
    assertThat(handshake.checkHeld(Outbox.segment(TcpSegment.RST, 2001, 0), held))
        .isEqualTo(Handshake.Step.RESET);
    assertThat(counters.heldIgnored()).isEqualTo(2);
  }

  @Test
  void onlyAPlainSynOpens() {
    assertThat(Handshake.isOpening(Outbox.segment(TcpSegment.SYN, 0, 0))).isTrue();
    assertThat(Handshake.isOpening(Outbox.segment(TcpSegment.SYN | TcpSegment.PSH, 0, 0))).isTrue();
    assertThat(Handshake.isOpening(Outbox.segment(SYN_ACK, 0, 0))).isFalse();
    assertThat(Handshake.isOpening(Outbox.segment(TcpSegment.ACK, 0, 0))).isFalse();
  }

  @Test
  void completesOnlyWithThePeersSyn() {
    var handshake = handshake(true);
    assertThatThrownBy(() -> handshake.complete(0)).isInstanceOf(IllegalStateException.class);
  }
}
