/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Losses found by time: RFC 8985, section 6. The guest is 100 ms away, its segments 1000 bytes. */
class RackTest {
  private final Script guest = script().mss(1000).sackPermitted();

  @AfterEach
  void end() {
    guest.end();
  }

  /** Ten segments were sent, and a round trip has passed. */
  private Script tenSegments() {
    guest.establishedAfter(millis(100)).weSend(10_000);
    assertThat(guest.drain()).hasSize(10);
    return guest.after(millis(100));
  }

  @Test
  void whatIsOnlyLateIsNotRepeated() {
    tenSegments().sends(ack(0).sack(1000, 2000)).expectNothingFor(millis(24));
    guest.sends(ack(2000)).expectNothingFor(millis(100));
    assertThat(guest.counters.retransmits()).isZero();
  }

  @Test
  void whatIsLateByAQuarterOfARoundTripIsLost() {
    tenSegments().sends(ack(0).sack(1000, 2000)).at(millis(25)).expect(data(0, 1000));
    guest.sends(ack(10_000)).expectNothingFor(millis(1000));
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
    assertThat(guest.counters.timeouts()).isZero();
  }

  @Test
  void threeReportedSegmentsNeedNoTime() {
    tenSegments().sends(ack(0).sack(1000, 2000)).sends(ack(0).sack(1000, 3000)).expectNothing();
    guest.sends(ack(0).sack(1000, 4000)).expect(data(0, 1000)).sends(ack(10_000));
  }

  @Test
  void threeSeparateRunsNeedNoTime() {
    tenSegments().sends(ack(0).sack(1000, 1100, 3000, 3100)).expectNothing();
    guest.sends(ack(0).sack(5000, 5100, 3000, 3100, 1000, 1100));
    guest.expect(data(0, 1000), data(1100, 1000)).sends(ack(10_000));
  }

  @Test
  void whereThePathReordersThreeReportedSegmentsNeedTimeToo() {
    tenSegments().sends(ack(0).sack(1000, 2000)).sends(ack(2000));
    guest.sends(ack(2000).sack(3000, 8000)).expectNothingFor(millis(24)).after(millis(1));
    guest.expect(data(2000, 1000)).sends(ack(10_000));
  }

  /** A single acknowledgment that reports several runs does not show reordering. */
  @Test
  void theOrderOfReportsInASegmentMeansNothing() {
    tenSegments().sends(ack(0).sack(8000, 9000, 5000, 6000, 2000, 3000));
    guest.expect(
        data(0, 1000),
        data(1000, 1000),
        data(3000, 1000),
        data(4000, 1000),
        data(6000, 1000),
        data(7000, 1000));
    guest.sends(ack(10_000));
  }

  @Test
  void aLostRepetitionIsFoundByWhatWasSentAfterIt() {
    tenSegments().sends(ack(0).sack(1000, 4000)).expect(data(0, 1000)).weSend(10_000);
    guest.expectNothing().after(millis(100)).sends(ack(0).sack(1000, 10_000));
    assertThat(guest.drain()).hasSize(6);
    guest.after(millis(100)).sends(ack(0).sack(1000, 11_000));
    assertThat(guest.drain().stream().filter(data(0, 1000)::matches)).hasSize(1);
    assertThat(guest.counters.timeouts()).isZero();
    guest.sends(ack(16_000)).skip().sends(ack(20_000));
  }

  @Test
  void theRepetitionItselfDoesNotShowThatWhatCameAfterItIsLost() {
    tenSegments().sends(ack(0).sack(1000, 4000)).expect(data(0, 1000)).after(millis(5));
    // The original has arrived after all; nothing is known of 4000 and up.
    guest.sends(ack(4000)).expectNothingFor(millis(90)).sends(ack(10_000));
    assertThat(guest.counters.retransmits()).isEqualTo(1);
  }

  @Test
  void aReportedDuplicateDoublesThePatience() {
    tenSegments().sends(ack(0).sack(1000, 2000)).at(millis(25)).expect(data(0, 1000));
    guest.sends(ack(2000)).sends(ack(2000).sack(0, 1000)).expectNothing();
    assertThat(guest.counters.duplicatesReported()).isEqualTo(1);
    guest.sends(ack(2000).sack(3000, 4000)).at(millis(50)).expect(data(2000, 1000));
    guest.sends(ack(10_000));
  }

  @Test
  void oneRoundTripOfDuplicatesCountsOnce() {
    tenSegments().sends(ack(0).sack(1000, 2000)).at(millis(25)).expect(data(0, 1000));
    guest.sends(ack(2000)).sends(ack(2000).sack(0, 1000)).sends(ack(2000).sack(0, 1000));
    guest.sends(ack(2000).sack(3000, 4000)).at(millis(50)).expect(data(2000, 1000));
    guest.sends(ack(10_000));
  }

  @Test
  void aDuplicateInsideAnotherBlockIsADuplicateToo() {
    tenSegments().sends(ack(0).sack(1000, 2000)).sends(ack(0).sack(1000, 2000, 1000, 3000));
    assertThat(guest.counters.duplicatesReported()).isEqualTo(1);
    guest.expectNothing().sends(ack(10_000));
  }

  @Test
  void atATimeoutOnlyWhatIsOldEnoughIsLost() {
    guest.establishedAfter(millis(100)).weSend(2000).expect(data(0, 1000), data(1000, 1000));
    guest.at(millis(200)).expect(data(1000, 1000)).after(millis(280)).weSend(1000);
    guest.expect(data(2000, 1000)).at(millis(20)).expect(data(0, 1000));
    guest.after(millis(40)).sends(ack(1000)).expect(data(1000, 1000)).expectNothingFor(millis(10));
    guest.sends(ack(3000));
    assertThat(guest.counters.timeouts()).isEqualTo(1);
  }

  /** A window probe that is taken is acknowledged at once, as far as the books know. */
  @Test
  void aWindowProbeSaysNothingOfTheRoundTrip() {
    guest.guestWindow(0).establishedAfter(millis(100)).weSend(10_001).after(millis(300));
    guest.expect(data(0, 1)).after(millis(100)).guestWindow(60_000).sends(ack(1));
    assertThat(guest.drain()).hasSize(10);
    guest.after(millis(100)).sends(ack(1).sack(1001, 2001)).expectNothingFor(millis(24));
    guest.after(millis(1)).expect(data(1, 1000)).sends(ack(10_001));
  }

  @Test
  void withoutSackNoTimePasses() {
    var plain = script().mss(1000).establishedAfter(millis(100)).weSend(10_000).skip();
    plain.after(millis(100)).sends(ack(0)).sends(ack(0)).expectNothingFor(millis(150));
    plain.sends(ack(0)).expect(data(0, 1000)).sends(ack(10_000)).end();
  }

  @Test
  void everySecondSegmentLost() {
    tenSegments();
    guest.sends(ack(0).sack(1000, 2000)).sends(ack(0).sack(3000, 4000, 1000, 2000));
    guest.sends(ack(0).sack(5000, 6000, 3000, 4000, 1000, 2000));
    guest.expect(data(0, 1000), data(2000, 1000), data(4000, 1000));
    guest.sends(ack(0).sack(7000, 8000, 5000, 6000, 3000, 4000)).expect(data(6000, 1000));
    guest.sends(ack(0).sack(9000, 10_000, 7000, 8000)).expect(data(8000, 1000));
    guest.after(millis(100)).sends(ack(2000).sack(3000, 4000)).sends(ack(10_000));
    guest.expectNothingFor(millis(1000));
    assertThat(guest.counters.retransmits()).isEqualTo(5);
  }

  @Test
  void superSegmentsAreCutWhereTheyAreLost() {
    guest.config(guest.config().withMaxTransmitBytes(65_000)).establishedAfter(millis(100));
    guest.weSend(10_000).expect(data(0, 10_000)).after(millis(100));
    guest.sends(ack(2000).sack(4000, 10_000)).expect(data(2000, 1000), data(3000, 1000));
    guest.sends(ack(10_000));
  }

  /** Without them in both SYNs, timestamps of a segment mean nothing. */
  @Test
  void anEchoThatWasNotAgreedOnTellsNothing() {
    tenSegments().sends(ack(0).sack(2000, 10_000)).expect(data(0, 1000), data(1000, 1000));
    guest.after(millis(100)).sends(ack(0).sack(1000, 10_000).ts(1, -1_000_000));
    guest.expect(data(0, 1000)).sends(ack(10_000));
  }
}
