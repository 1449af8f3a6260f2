/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tcp.Script.millis;
import static org.torvtl.tcp.Script.script;
import static org.torvtl.tcp.Seg.ack;
import static org.torvtl.tcp.Seg.data;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every shape of loss in a flight of eight, and reports that make no sense: RFC 2018, RFC 6675. */
class SackShapeTest {
  private static final int COUNT = 8, SIZE = 1000;

  private final Script guest = script().mss(SIZE).sackPermitted();

  @AfterEach
  void end() {
    guest.end();
  }

  private void flight() {
    guest.establishedAfter(millis(100)).weSend(COUNT * SIZE);
    assertThat(guest.drain()).hasSize(COUNT);
    guest.after(millis(100));
  }

  /** The last four arrive, so that all losses show at once; each is repeated, and nothing else. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
  void exactlyWhatIsLostIsRepeated(int lost) {
    flight();
    var expected = new ArrayList<Seg>();
    int acknowledged = 0;
    var blocks = new ArrayList<Integer>();
    for (int i = 0; i < COUNT; i++) {
      if ((lost >> i & 1) != 0) {
        expected.add(data(i * SIZE, SIZE));
      } else if (expected.isEmpty()) {
        acknowledged = (i + 1) * SIZE;
      } else if (!blocks.isEmpty() && blocks.getLast() == i * SIZE) {
        blocks.set(blocks.size() - 1, (i + 1) * SIZE);
      } else {
        blocks.addAll(List.of(i * SIZE, (i + 1) * SIZE));
      }
    }
    var report = ack(acknowledged).sack(blocks.toArray(Integer[]::new));
    guest.sends(report).expect(expected.toArray(Seg[]::new)).after(millis(100));
    guest.sends(ack(COUNT * SIZE)).expectNothingFor(millis(2000));
    assertThat(guest.counters.fastRecoveries()).isEqualTo(1);
    assertThat(guest.counters.timeouts()).isZero();
  }

  @Test
  void aBlockThatGrowsIsOneRun() {
    flight();
    guest.sends(ack(0).sack(1000, 1500)).sends(ack(0).sack(1000, 2000)).expectNothing();
    guest.sends(ack(0).sack(1000, 2001)).sends(ack(0).sack(1000, 3001)).expect(data(0, 1000));
    guest.sends(ack(8000));
  }

  @Test
  void blocksThatOverlapCountTheirBytesOnce() {
    flight();
    guest.sends(ack(0).sack(1000, 2000)).sends(ack(0).sack(1000, 3000, 1000, 2000));
    guest.sends(ack(0).sack(1500, 2500, 1000, 3000)).sends(ack(0).sack(2000, 3000, 1000, 3000));
    guest.expectNothing().sends(ack(8000));
  }

  @Test
  void aReportThatShrinksIsNotUnlearned() {
    flight();
    guest.sends(ack(0).sack(1000, 5000)).expect(data(0, 1000)).sends(ack(0).sack(4000, 5000));
    guest.sends(ack(1000)).expectNothing().sends(ack(8000)).expectNothingFor(millis(1000));
    assertThat(guest.counters.retransmits()).isEqualTo(1);
  }

  @Test
  void aBlockAcrossTheLeftEdgeCountsFromThere() {
    flight();
    guest.sends(ack(2000)).sends(ack(2000).sack(3000, 4000, 1000, 2000)).expectNothing();
    guest.sends(ack(8000));
    assertThat(guest.counters.badSackBlocks()).isZero();
  }

  @Test
  void emptyReversedAndFutureBlocksAreIgnored() {
    flight();
    guest.sends(ack(0).sack(2000, 2000, 3000, 1000, 7000, 9000, 50_000, 60_000));
    assertThat(guest.counters.badSackBlocks()).isEqualTo(4);
    guest.expectNothing().sends(ack(8000));
  }

  @Test
  void everyByteReportedAndNoneAcknowledged() {
    flight();
    guest.sends(ack(0).sack(1, 8000)).expect(data(0, 1)).sends(ack(8000));
    guest.expectNothingFor(millis(1000));
  }

  @Test
  void reportsFromAPeerThatDidNotAgreeAreIgnored() {
    var plain = script().mss(SIZE).establishedAfter(millis(100)).weSend(8000).skip();
    plain.after(millis(100)).sends(ack(0).sack(1000, 8000)).expectNothingFor(millis(150));
    plain.sends(ack(8000)).end();
  }

  /** RFC 2883, section 4.2: the block behind a report of a duplicate is the one that holds it. */
  @Test
  void whatCameTwiceIsReportedBeforeTheRunItBelongsTo() {
    guest.established().sends(data(1000, 1000)).expect(ack(0).sack(1000, 2000));
    guest.sends(data(3000, 1000)).expect(ack(0).sack(3000, 4000, 1000, 2000));
    guest.sends(data(1000, 500)).expect(ack(0).sack(1000, 1500, 1000, 2000, 3000, 4000));
    guest.sends(data(5000, 1000)).expect(ack(0).sack(5000, 6000, 1000, 2000, 3000, 4000));
  }

  /** Of a run that was not reported for so long that there is no room for it any more, too. */
  @Test
  void aRunThatIsNotReportedAnyMoreIsReportedWithItsDuplicate() {
    guest.established();
    for (int i = 1; i <= 6; i++) {
      guest.sends(data(2000 * i, 1000));
    }
    guest.skip().sends(data(2000, 1000));
    guest.expect(ack(0).sack(2000, 3000, 2000, 3000, 12_000, 13_000, 10_000, 11_000));
  }
}
