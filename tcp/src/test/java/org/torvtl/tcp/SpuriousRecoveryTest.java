/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Nothing was lost, only late: RFC 3522, 4015, 2883. */
class SpuriousRecoveryTest {
  private final Script guest = script().mss(1012).timestamps();

  @AfterEach
  void end() {
    guest.end();
  }

  /** Ten segments of 1000 bytes are sent at 0 ms, and the first again at 200 ms. */
  private Script timedOut() {
    guest.established().weSend(10_000);
    assertThat(guest.drain()).hasSize(10);
    return guest.at(millis(200)).expect(data(0, 1000).ts(200, 1000)).after(millis(10));
  }

  private int flight() {
    guest.weSend(100_000);
    return guest.drain().size();
  }

  @Test
  void theEchoOfTheFirstCopyUndoesATimeout() {
    timedOut().sends(ack(1000).ts(1210, 0)).expectNothing();
    assertThat(guest.counters.spuriousRecoveries()).isEqualTo(1);
    guest.sends(ack(10_000).ts(1210, 0));
    assertThat(flight()).isGreaterThanOrEqualTo(10);
    assertThat(guest.counters.retransmits()).isEqualTo(1);
  }

  @Test
  void theEchoOfTheRepetitionDoesNot() {
    timedOut().sends(ack(1000).ts(1210, 200)).expect(data(1000, 1000), data(2000, 1000));
    assertThat(guest.counters.spuriousRecoveries()).isZero();
    guest.sends(ack(10_000).ts(1210, 200));
    assertThat(flight()).isLessThan(5);
  }

  @Test
  void onlyTheFirstAcknowledgmentAfterItTells() {
    timedOut().sends(ack(1000).ts(1210, 200)).skip().sends(ack(2000).ts(1210, 0)).skip();
    assertThat(guest.counters.spuriousRecoveries()).isZero();
  }

  @Test
  void anAcknowledgmentOfLessThanTheRepetitionTellsNothing() {
    timedOut().sends(ack(500).ts(1210, 0)).skip();
    assertThat(guest.counters.spuriousRecoveries()).isZero();
    guest.sends(ack(1000).ts(1210, 0));
    assertThat(guest.counters.spuriousRecoveries()).isEqualTo(1);
    guest.skip();
  }

  @Test
  void afterTwoTimeoutsTheFirstRepetitionCounts() {
    timedOut().at(millis(390)).expect(data(0, 1000)).sends(ack(10_000).ts(1610, 0));
    assertThat(guest.counters.spuriousRecoveries()).isEqualTo(1);
    assertThat(flight()).isGreaterThanOrEqualTo(10);
  }

  @Test
  void afterTwoTimeoutsAnEchoInBetweenDoesNotUndo() {
    timedOut().at(millis(390)).expect(data(0, 1000)).sends(ack(10_000).ts(1610, 200));
    assertThat(guest.counters.spuriousRecoveries()).isZero();
  }

  @Test
  void aFastRecoveryIsUndoneByTheEcho() {
    guest.established().weSend(10_000).skip().after(millis(50));
    for (int i = 0; i < 3; i++) {
      guest.sends(ack(0).ts(1050, 0));
    }
    guest.expect(data(0, 1000)).sends(ack(10_000).ts(1050, 0));
    assertThat(guest.counters.spuriousRecoveries()).isEqualTo(1);
    assertThat(flight()).isGreaterThanOrEqualTo(10);
  }

  @Test
  void withoutTimestampsReportsOfDuplicatesTell() {
    var plain = script().mss(1000).sackPermitted().establishedAfter(millis(100)).weSend(10_000);
    plain.skip().after(millis(100)).sends(ack(0).sack(2000, 5000));
    plain.expect(data(0, 1000), data(1000, 1000)).sends(ack(5000)).sends(ack(5000).sack(0, 1000));
    assertThat(plain.counters.spuriousRecoveries()).isZero();
    plain.sends(ack(5000).sack(1000, 2000));
    assertThat(plain.counters.spuriousRecoveries()).isEqualTo(1);
    plain.sends(ack(10_000)).weSend(50_000);
    assertThat(plain.drain()).hasSizeGreaterThanOrEqualTo(10);
    plain.end();
  }

  @Test
  void aReportOfHalfOfItDoesNot() {
    var plain = script().mss(1000).sackPermitted().establishedAfter(millis(100)).weSend(10_000);
    plain.skip().after(millis(100)).sends(ack(0).sack(2000, 5000));
    plain.expect(data(0, 1000), data(1000, 1000)).sends(ack(5000)).sends(ack(5000).sack(0, 1000));
    plain.sends(ack(10_000)).weSend(50_000);
    assertThat(plain.drain()).hasSizeBetween(7, 8);
    assertThat(plain.counters.spuriousRecoveries()).isZero();
    plain.end();
  }

  /** A report that comes late must not be taken for one of the recovery that goes on by then. */
  @Test
  void aReportOfAnEarlierRecoveryDoesNotUndoTheNext() {
    var plain = script().mss(1000).sackPermitted().establishedAfter(millis(100)).weSend(10_000);
    plain.skip().after(millis(100)).sends(ack(0).sack(1000, 4000)).expect(data(0, 1000));
    plain.after(millis(10)).sends(ack(10_000)).weSend(7000).skip().after(millis(100));
    plain.sends(ack(10_000).sack(11_000, 14_000)).expect(data(10_000, 1000));
    plain.sends(ack(10_000).sack(0, 1000, 11_000, 14_000));
    assertThat(plain.counters.duplicatesReported()).isEqualTo(1);
    assertThat(plain.counters.spuriousRecoveries()).isZero();
    plain.sends(ack(17_000)).end();
  }

  @Test
  void withoutTimestampsAnEchoTellsNothing() {
    var plain = script().mss(1000).established().weSend(10_000).skip().at(millis(200));
    plain.expect(data(0, 1000)).sends(ack(1000).ts(5, 0));
    plain.expect(data(1000, 1000), data(2000, 1000)).sends(ack(10_000));
    assertThat(plain.counters.spuriousRecoveries()).isZero();
    plain.end();
  }
}
