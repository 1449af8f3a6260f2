/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A packet was too large for the path: RFC 1191, RFC 5927. */
class PathMtuTest {
  private final Script guest = script().mss(1460);

  @AfterEach
  void end() {
    guest.end();
  }

  @Test
  void whatIsUnderWayGoesOutAgainInSmallerPackets() {
    guest.established().weSend(2920).expect(data(0, 1460), data(1460, 1460));
    assertThat(guest.tooLarge(0, 1000)).isTrue();
    guest.expect(data(0, 1000), data(1000, 1000), data(2000, 920)).sends(ack(2920));
    guest.weSend(1500).expect(data(2920, 1000), data(3920, 500)).sends(ack(4420));
    assertThat(guest.counters.packetsTooLarge()).isEqualTo(1);
  }

  @Test
  void nothingWasCongested() {
    guest.established().weSend(10_000).skip();
    assertThat(guest.tooLarge(1460, 1000)).isTrue();
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(10_000)).weSend(100_000);
    assertThat(guest.drain()).hasSizeGreaterThanOrEqualTo(10);
    assertThat(guest.counters.fastRecoveries()).isZero();
    assertThat(guest.counters.timeouts()).isZero();
  }

  /** However long ago it was that something got lost. */
  @Test
  void theCongestionWindowIsWhatItWas() {
    guest.sackPermitted().establishedAfter(millis(100)).weSend(3_000_000);
    assertThat(guest.drain()).hasSize(10);
    guest.after(millis(100)).sends(ack(0).sack(1460, 14_600)).after(millis(100));
    int acknowledged = 0;
    int window = 0;
    for (int round = 0; round < 60; round++) {
      var flight = guest.drain();
      window = flight.stream().mapToInt(segment -> segment.length).sum();
      acknowledged += round == 0 ? 14_600 : window;
      guest.sends(ack(acknowledged)).after(millis(100));
    }
    assertThat(window).as("grown beyond where it was lost").isGreaterThan(20 * 1460);
    guest.skip();
    assertThat(guest.tooLarge(acknowledged, 1000)).isTrue();
    int again = guest.drain().stream().mapToInt(segment -> segment.length).sum();
    assertThat(again).isGreaterThanOrEqualTo(window);
    guest.after(millis(100)).sends(ack(acknowledged + again));
    int next = guest.drain().stream().mapToInt(segment -> segment.length).sum();
    assertThat(next).isGreaterThanOrEqualTo(window - 1460);
    guest.sends(ack(acknowledged + again + next)).skip();
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
  }

  @Test
  void whatIsNotUnderWayIsNotBelieved() {
    guest.established().weSend(2920).skip().sends(ack(1460));
    assertThat(guest.tooLarge(0, 1000)).isFalse();
    assertThat(guest.tooLarge(1459, 1000)).isFalse();
    assertThat(guest.tooLarge(2920, 1000)).isFalse();
    assertThat(guest.tooLarge(1 << 30, 1000)).isFalse();
    guest.expectNothing().weSend(1460).expect(data(2920, 1460));
    assertThat(guest.tooLarge(1460, 1000)).isTrue();
    guest.skip().sends(ack(4380));
  }

  @Test
  void aLargerSizeIsNoNews() {
    guest.established().weSend(1460).skip();
    assertThat(guest.tooLarge(0, 1460)).isFalse();
    assertThat(guest.tooLarge(0, 9000)).isFalse();
    guest.expectNothing().sends(ack(1460));
  }

  @Test
  void anAbsurdSizeIsNotBelieved() {
    guest.established().weSend(1460).skip();
    assertThat(guest.tooLarge(0, 1)).isTrue();
    guest.expect(data(0, 536), data(536, 536), data(1072, 388)).sends(ack(1460));
    assertThat(guest.tooLarge(0, -5)).isFalse();
  }

  @Test
  void aGuestThatTakesLessThanThatKeepsItsSize() {
    guest.mss(300).established().weSend(300).skip();
    assertThat(guest.tooLarge(0, 100)).isFalse();
    guest.expectNothing().sends(ack(300));
  }

  @Test
  void optionsTakeTheirRoomFromTheSmallerPacketToo() {
    guest.timestamps().established().weSend(1448).expect(data(0, 1448));
    assertThat(guest.tooLarge(0, 1000)).isTrue();
    guest.expect(data(0, 988), data(988, 460)).sends(ack(1448));
  }

  @Test
  void whatWasReportedIsNotRepeated() {
    guest.sackPermitted().establishedAfter(millis(100)).weSend(4380).skip().after(millis(50));
    guest.sends(ack(0).sack(1460, 2920));
    assertThat(guest.tooLarge(0, 1000)).isTrue();
    guest.expect(data(0, 1000), data(1000, 460), data(2920, 1000), data(3920, 460));
    guest.sends(ack(4380)).expectNothingFor(millis(1000));
  }

  @Test
  void superSegmentsAreCutFiner() {
    guest.config(guest.config().withMaxTransmitBytes(60_000)).established().weSend(5840);
    guest.expect(data(0, 5840));
    assertThat(guest.tooLarge(0, 1000)).isTrue();
    assertThat(guest.drain().stream().mapToInt(s -> s.length).sum()).isEqualTo(5840);
    guest.sends(ack(5840));
  }

  @Test
  void beforeTheHandshakeAndAfterTheEndItMeansNothing() {
    guest.held();
    assertThat(guest.tooLarge(0, 1000)).isFalse();
    guest.weAccept().skip().sends(ack(0)).weSend(10).skip().weAbort().skip();
    assertThat(guest.tooLarge(0, 1000)).isFalse();
  }
}
