/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Script.seconds;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.fin;
import static org.torvtl.tcp.Seg.rst;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Segments with an old timestamp: RFC 7323, section 5. */
class PawsTest {
  private final Script guest = script().timestamps().established();

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void anAcknowledgmentThatWasOvertakenAsksForNoAnswer() {
    guest.weSend(2920).skip().sends(ack(2920).ts(2000, 0)).expectEvents("acknowledged 2920");
    guest.sends(ack(1460).ts(1999, 0)).sends(ack(0).ts(1000, 0)).expectNothing();
    assertThat(guest.counters.overtakenAcks()).isEqualTo(2);
    assertThat(guest.counters.pawsRejected()).isZero();
  }

  /** A path that reorders may make many of them; nobody must go short of an answer for that. */
  @Test
  void thoseThatWereOvertakenLeaveRoomForChallenges() {
    guest.sends(ack(0).ts(2000, 0));
    for (int i = 0; i < 100; i++) {
      guest.sends(ack(0).ts(1000 + i, 0));
    }
    guest.expectNothing().sends(rst(100)).expect(ack(0));
    assertThat(guest.counters.challengeAcks()).isEqualTo(1);
  }

  @Test
  void oneThatWasOvertakenDoesNotOpenTheWindowAgain() {
    guest.sends(ack(0).ts(2000, 0).win(0)).sends(ack(0).ts(1999, 0).win(65_535));
    guest.weSend(100).expectNothing().sends(ack(0).ts(2001, 0).win(100)).expect(data(0, 100));
    guest.sends(ack(100).ts(2002, 0));
  }

  @Test
  void oneThatCannotHaveBeenOvertakenIsAnswered() {
    guest.sends(ack(0).ts(2000, 0)).sends(ack(0).seq(1).ts(1999, 0)).expect(ack(0));
    assertThat(guest.counters.pawsRejected()).isEqualTo(1);
  }

  /** Its sender repeats it until it is answered. */
  @Test
  void anOldSegmentThatTakesSequenceNumbersIsAnswered() {
    guest.sends(data(0, 100).ts(2000, 0)).skip().expectEvents("data 100");
    guest.sends(data(0, 100).ts(1999, 0)).expect(ack(100).ts(0, 2000));
    guest.sends(fin(100).ts(1999, 0)).expect(ack(100)).expectEvents();
    guest.sends(fin(100).ts(2000, 0)).expect(ack(101)).expectEvents("end of stream");
  }

  /** RFC 7323, section 5.2: who resets may have forgotten its clock. */
  @Test
  void aResetIsTakenWhateverItsTimestamp() {
    guest.sends(ack(0).ts(2000, 0)).sends(rst(0).ts(1, 0)).expectEvents("closed RESET_BY_PEER");
  }

  @Test
  void timestampsWrapAround() {
    guest.sends(data(0, 1).ts(0x7000_0000, 0)).sends(data(1, 1).ts(0xE000_0000, 0));
    guest.sends(data(2, 1).ts(0xFFFF_FFFF, 0)).sends(data(3, 1).ts(0, 0)).skip();
    guest.expectEvents("data 1", "data 1", "data 1", "data 1");
    guest.sends(data(4, 1).ts(0xFFFF_FFFF, 0)).expect(ack(4).ts(0, 0)).expectEvents();
  }

  /** Section 5.5: after 24 days the peer's clock may have come around. */
  @Test
  void anOldClockIsNoSign() {
    guest.sends(ack(0).ts(2000, 0)).after(seconds(24 * 24 * 3600) - millis(1));
    guest.sends(data(0, 1).ts(1999, 0)).skip().expectEvents().after(millis(1));
    guest.sends(data(0, 1).ts(1999, 0)).skip().expectEvents("data 1");
  }
}
