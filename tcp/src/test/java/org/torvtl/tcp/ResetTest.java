/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.dataFin;
import static org.torvtl.tcp.Seg.fin;
import static org.torvtl.tcp.Seg.flags;
import static org.torvtl.tcp.Seg.rst;
import static org.torvtl.tcp.Seg.rstAck;
import static org.torvtl.tcp.Seg.syn;
import static org.torvtl.tcp.Seg.synAck;

import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** Resets either way, and segments that may be forged: RFC 9293, section 3.5.3, and RFC 5961. */
class ResetTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  /** The states in which a connection is open, besides TIME-WAIT. */
  enum Open {
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    CLOSE_WAIT,
    CLOSING,
    LAST_ACK
  }

  /** Brings the connection there; the guest's next sequence number is the one of {@code ack}. */
  private int bring(Open state) {
    guest.established();
    switch (state) {
      case ESTABLISHED -> {}
      case FIN_WAIT_1 -> guest.weShutDown();
      case FIN_WAIT_2 -> guest.weShutDown().sends(ack(1));
      case CLOSE_WAIT -> guest.sends(fin(0));
      case CLOSING -> guest.weShutDown().sends(fin(0).ackOf(0));
      case LAST_ACK -> guest.sends(fin(0)).weShutDown();
    }
    guest.skip().expectState(TcpState.valueOf(state.name())).events.clear();
    return switch (state) {
      case ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 -> 0;
      case CLOSE_WAIT, CLOSING, LAST_ACK -> 1;
    };
  }

  @ParameterizedTest
  @EnumSource
  void theExactResetEndsTheConnection(Open state) {
    int next = bring(state);
    guest.sends(rst(next)).expectNothing().expectEvents("closed RESET_BY_PEER");
    guest.expectState(TcpState.CLOSED);
  }

  @ParameterizedTest
  @EnumSource
  void aResetInsideTheWindowIsChallenged(Open state) {
    int next = bring(state);
    guest.sends(rst(next + 1)).expect(ack(next)).sends(rst(next + 60_000)).expect(ack(next));
    guest.expectEvents().expectState(TcpState.valueOf(state.name()));
  }

  @ParameterizedTest
  @EnumSource
  void aResetOutsideTheWindowIsIgnored(Open state) {
    int next = bring(state);
    guest.sends(rst(next - 1)).sends(rst(next + 70_000)).sends(rst(next - 1_000_000));
    guest.expectNothing().expectEvents().expectState(TcpState.valueOf(state.name()));
  }

  @ParameterizedTest
  @EnumSource
  void aSynIsChallenged(Open state) {
    int next = bring(state);
    guest.sends(syn().seq(next)).expect(ack(next)).sends(syn()).expect(ack(next));
    guest.sends(synAck().seq(next + 500_000)).expect(ack(next)).expectEvents();
    guest.expectState(TcpState.valueOf(state.name()));
  }

  @ParameterizedTest
  @EnumSource
  void anAcknowledgmentOfWhatWasNotSentIsChallenged(Open state) {
    int next = bring(state);
    guest.sends(ack(2).seq(next)).expect(ack(next)).expectEvents();
    guest.expectState(TcpState.valueOf(state.name()));
    assertThat(guest.counters.badAcknowledgments()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource
  void abortEndsAtOnce(Open state) {
    bring(state);
    guest.weAbort().expectEvents("closed ABORTED").expectState(TcpState.CLOSED);
    boolean guestKnows = state == Open.CLOSING || state == Open.LAST_ACK;
    assertThat(guest.drain().stream().filter(s -> (s.flags & TcpSegment.RST) != 0))
        .hasSize(guestKnows ? 0 : 1);
  }

  @Test
  void abortTellsTheGuestWhereWeAre() {
    guest.established().sends(data(0, 100)).weSend(3000).skip().weAbort();
    guest.expect(rstAck(3000).ackOf(100));
  }

  @Test
  void abortWithDataUnderWayResetsInEveryState() {
    guest.established().weSend(10).sends(fin(0).ackOf(0)).weShutDown().skip().weAbort();
    guest.expect(rstAck(11).ackOf(1));
  }

  @Test
  void abortFromInsideAnEventIsTheLastWord() {
    guest.established().on("data 10", guest::weAbort).weSend(5000).skip();
    guest.sends(data(10, 10)).skip().sends(data(0, 10)).expect(rstAck(5000).ackOf(10));
  }

  @Test
  void abortFromInsideEveryEvent() {
    guest.held().on("established", guest::weAbort).weAccept().expect(synAck());
    guest.sends(dataFin(0, 10)).expect(rstAck(0).ackOf(0));
    guest.expectEvents("established", "closed ABORTED");
  }

  @Test
  void abortFromInsideAnAcknowledgment() {
    guest.established().on("acknowledged 10", guest::weAbort).weSend(20).skip();
    guest.sends(dataFin(0, 10).ackOf(10)).expect(rstAck(20).ackOf(0));
    guest.expectEvents("acknowledged 10", "closed ABORTED");
  }

  @Test
  void abortFromInsideTheEndOfStream() {
    guest
        .established()
        .weShutDown()
        .expect(fin(0))
        .sends(ack(1))
        .on("end of stream", guest::weAbort);
    guest.sends(fin(0)).expect(rstAck(1).ackOf(1)).expectEvents("end of stream", "closed ABORTED");
  }

  @Test
  void aResetWithDataStillWaitingReleasesIt() {
    guest.established().weSend(5000).skip().sends(data(500, 100).ackOf(0)).skip().sends(rst(0));
    guest.expectEvents("closed RESET_BY_PEER");
  }

  @Test
  void aVeryOldAcknowledgmentIsChallengedAndItsDataDropped() {
    guest.guestWindow(1000).established();
    for (int i = 0; i < 10; i++) {
      guest.weSend(500).expect(data(500 * i, 500)).sends(ack(500 * i + 500));
    }
    guest.events.clear();
    guest.sends(data(0, 10).ackOf(3999)).expect(ack(0)).expectEvents();
    guest.sends(data(0, 10).ackOf(4000)).expectEvents("data 10").skip();
  }

  @Test
  void aSegmentWithoutAckIsDropped() {
    guest.established().sends(flags(0, 0)).sends(flags(TcpSegment.FIN, 0)).expectNothing();
    guest.sends(flags(TcpSegment.FIN | TcpSegment.URG | TcpSegment.PSH, 0)).expectNothing();
    guest.expectEvents().expectState(TcpState.ESTABLISHED);
    assertThat(guest.counters.missingAck()).isEqualTo(3);
  }

  @Test
  void challengesAreBounded() {
    guest.established();
    for (int i = 0; i < 1000; i++) {
      guest.sends(rst(1 + i));
    }
    assertThat(guest.drain()).hasSize(10);
    assertThat(guest.counters.challengeAcksSuppressed()).isEqualTo(990);
    guest.after(seconds(5)).sends(rst(1)).expect(ack(0));
  }

  @Test
  void aSegmentOfNoConnectionIsReset() {
    var sent = new ArrayList<List<Integer>>();
    SegmentTransmitter out =
        (header, payload, size) ->
            sent.add(List.of(header.sequence(), header.acknowledgment(), header.flags()));
    var bytes = Unpooled.buffer(100);
    var segment = new TcpSegment();
    var header = new TcpHeader().sequence(1000);
    segment.compose(bytes, 0, 1, 2, header.acknowledgment(2000).flags(TcpSegment.ACK));
    assertThat(ResetSegment.answer(segment, out)).isTrue();
    segment.compose(bytes, 0, 1, 2, header.acknowledgment(0).flags(TcpSegment.SYN));
    assertThat(ResetSegment.answer(segment.wrap(bytes, 0, 25), out)).isTrue();
    segment.compose(bytes, 0, 1, 2, header.flags(TcpSegment.FIN));
    assertThat(ResetSegment.answer(segment, out)).isTrue();
    segment.compose(
        bytes, 0, 1, 2, header.acknowledgment(2000).flags(TcpSegment.RST | TcpSegment.ACK));
    assertThat(ResetSegment.answer(segment, out)).isFalse();
    assertThat(sent)
        .containsExactly(
            List.of(2000, 0, TcpSegment.RST),
            List.of(0, 1006, TcpSegment.RST | TcpSegment.ACK),
            List.of(0, 1001, TcpSegment.RST | TcpSegment.ACK));
  }
}
