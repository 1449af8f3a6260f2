/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;
import static org.torvtl.tcp.Seg.fin;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.wire.TcpOptions;

/** Windows at the ends of what can be said: 0, 1, 2^16, 2^30; and sequence numbers that wrap. */
class WindowEdgeTest {
  private final Script guest = script();

  @AfterEach
  void end() {
    guest.end();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 0",
    "65535, 0, 0",
    "65536, 1, 65535",
    "65537, 1, 65535",
    "131070, 1, 65535",
    "131072, 2, 65535",
    "1048576, 5, 65535",
    "1073741824, 14, 65535"
  })
  void theScaleIsTheLeastThatExpressesTheCapacity(int capacity, int scale, int field) {
    guest.config(guest.config().withCapacity(capacity, 1000)).wscale(0).held().weAccept();
    guest.expect(Seg.synAck().wscale(scale).win(field == 0 ? capacity : field));
  }

  @Test
  void aWindowOfOneIsUsedInTheEnd() {
    guest.guestWindow(1).established().weSend(3).expect(data(0, 1)).sends(ack(1));
    guest.expect(data(1, 1)).sends(ack(2)).expect(data(2, 1)).sends(ack(3));
  }

  @Test
  void aWindowOfOneOfOursIsFilledByteByByte() {
    guest.config(guest.config().withCapacity(1, 1000)).established();
    for (int i = 0; i < 10; i++) {
      guest.sends(data(i, 1)).expect(ack(i + 1).win(1)).expectEvents("data 1");
    }
    guest.sends(data(10, 5)).expect(ack(11).win(1)).expectEvents("data 1");
  }

  @Test
  void fromZeroToOneAndBack() {
    guest.guestWindow(0).established().weSend(2).expectNothing().guestWindow(1).sends(ack(0));
    guest.expect(data(0, 1)).sends(ack(1).win(0)).expectNothing().at(millis(200));
    guest.expect(data(1, 1)).sends(ack(2).win(0)).expectNothingFor(millis(1000));
  }

  @ParameterizedTest
  @ValueSource(ints = {14, 15, 100, 255})
  void aScaleAboveFourteenCountsAsFourteen(int scale) {
    guest.wscale(scale).guestWindow(1).established().sends(ack(0)).weSend(40_000);
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(14_600));
    // 1 << 14 is 11 segments and a bit that is not worth one.
    assertThat(guest.drain()).hasSize(11);
  }

  @Test
  void theLargestWindowThereIs() {
    guest.wscale(14).guestWindow(65_535).established().sends(ack(0)).weSend(14_600);
    assertThat(guest.drain()).hasSize(10);
    guest.sends(ack(14_600).win(65_535)).weSend(1460).expect(data(14_600, 1460));
    guest.sends(ack(16_060)).expectNothingFor(millis(1000));
  }

  @Test
  void theWindowOfASynIsNotScaled() {
    guest.wscale(7).guestWindow(10).held().weAccept().expect(Seg.synAck()).weSend(3000);
    guest.sends(ack(0)).expect(data(0, 640), data(640, 640));
    guest.sends(ack(1280)).skip().sends(ack(2560)).skip().sends(ack(3000));
  }

  @Test
  void theWindowOfASynAckIsNotScaledEither() {
    guest.wscale(7).guestWindow(10).opening().weSend(3000).expect(Seg.syn());
    guest.sends(Seg.synAck().ackOf(0).mss(1460).wscale(7).win(1000));
    guest.expect(data(0, 500), data(500, 500)).guestWindow(100).sends(ack(1000));
    guest.expect(data(1000, 1460), data(2460, 540)).sends(ack(3000));
  }

  @Test
  void withoutTheOptionNothingIsScaled() {
    guest.wscale(TcpOptions.NO_WINDOW_SCALE).guestWindow(2000).established().weSend(3000);
    guest.expect(data(0, 1000), data(1000, 1000)).sends(ack(2000));
    guest.expect(data(2000, 1000)).sends(ack(3000));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 536, 1460, 65_535, 65_536, 100_000})
  void dataUpToTheAnnouncedEdgeIsTakenAndNoneBeyond(int capacity) {
    var config = guest.config().withCapacity(capacity, 1000).withInitialReceiveBytes(capacity);
    guest.config(config).wscale(7).readsLater().established();
    int announced = Math.min(capacity, 65_535);
    guest.sends(data(0, announced + 100)).expect(ack(announced));
    guest.expectEvents("data " + announced);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "-1, -1",
    "2147483647, 2147483647",
    "-2147483648, -2147483648",
    "-1000, 2147482647",
    "2147482647, -1000",
    "-2001, -2001",
    "-2000, -2000"
  })
  void everythingWorksAcrossTheEndOfTheNumbers(int ours, int guests) {
    guest.startsAt(ours, guests).sackPermitted().established().weSend(4000);
    guest.expect(data(0, 1460), data(1460, 1460), data(2920, 1080));
    guest.sends(ack(0).sack(1460, 2920)).sends(ack(0).sack(1460, 4000)).at(millis(1));
    guest.expect(data(0, 1460)).sends(ack(4000)).expectEvents("acknowledged 4000");
    guest.sends(data(1460, 1460)).expect(ack(0).sack(1460, 2920));
    guest.sends(data(0, 1460)).expect(ack(2920).sack()).expectEvents("data 1460", "data 1460");
    guest.sends(data(1460, 1460)).expect(ack(2920).sack(1460, 2920));
    guest.sends(fin(2920)).expect(ack(2921)).weShutDown().expect(fin(4000)).sends(ack(4001));
    guest.expectEvents("end of stream", "closed NORMAL");
  }

  /** All of a window of 2^30 bytes, but what the field cannot say, is in use: to its last byte. */
  @Test
  void theLastByteOfTheLargestWindow() {
    int capacity = 1 << 30;
    int edge = 1 + (0xFFFF << 14);
    var config = guest.config().withCapacity(capacity, 1000).withInitialReceiveBytes(capacity);
    guest.config(config).wscale(0).sackPermitted().established();
    guest.sends(data(0, 1)).expect(ack(1).win(0xFFFF)).expectEvents("data 1");
    guest.sends(data(edge + 1, 10)).expect(ack(1).sack());
    guest.sends(data(edge, 10)).expect(ack(1).sack());
    guest.sends(data(edge - 10, 20)).expect(ack(1).sack(edge - 10, edge));
    assertThat(guest.counters.outOfWindow()).isEqualTo(1);
  }

  /** And the same of a guest's: the oldest acknowledgment that can be its own is as old. */
  @Test
  void anAcknowledgmentAsOldAsTheLargestWindow() {
    int window = 0xFFFF << 14;
    guest.wscale(14).guestWindow(65_535).established().sends(ack(0));
    guest.sends(ack(-window)).expectNothing().sends(ack(-window - 1)).expect(ack(0));
    assertThat(guest.counters.badAcknowledgments()).isEqualTo(1);
  }
}
