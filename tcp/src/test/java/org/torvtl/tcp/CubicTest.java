/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** The window against the formulas of RFC 9438. */
class CubicTest {
  private static final int SEGMENT = 1000;
  private static final long SECOND = 1_000_000_000;

  private final Cubic control = new Cubic(SEGMENT, false);
  private long now = -3 * SECOND;

  private double segments() {
    return (double) control.windowBytes() / SEGMENT;
  }

  /** A round trip in which the whole window is acknowledged, one segment after the other. */
  private void roundTrip(long nanos) {
    int count = control.windowBytes() / SEGMENT;
    for (int i = 0; i < count; i++) {
      now += nanos / count;
      control.onAcknowledged(SEGMENT, true, false, nanos, now);
    }
  }

  private void slowStartTo(int count) {
    while (control.windowBytes() < count * SEGMENT) {
      control.onAcknowledged(SEGMENT, true, false, SECOND, now);
    }
  }

  @Test
  void aLossLeavesSevenTenths() {
    slowStartTo(100);
    control.onLoss(100 * SEGMENT, now);
    assertThat(segments()).isEqualTo(70);
    control.onRecovered(10 * SEGMENT, now);
    assertThat(segments()).isEqualTo(70);
  }

  @Test
  void growsAlongTheCubicFunctionOfTime() {
    slowStartTo(1000);
    control.onLoss(1000 * SEGMENT, now);
    control.onRecovered(0, now);
    long start = now + SECOND / 10_000;
    double plateau = Math.cbrt(1000 * 0.3 / 0.4);
    assertThat(plateau).isCloseTo(9.086, within(0.001));
    for (int i = 0; i < 140; i++) {
      roundTrip(SECOND / 10);
      // The window aims at where the function is a round trip later, and lags behind a bit.
      double seconds = (now - start) / 1e9;
      double least = 0.4 * Math.pow(seconds - plateau, 3) + 1000;
      double most = 0.4 * Math.pow(seconds + 0.1 - plateau, 3) + 1000;
      assertThat(segments()).as("after %s s", seconds).isBetween(least - 2, most + 2);
    }
    assertThat(segments()).isGreaterThan(1040);
  }

  @Test
  void itsPaceIsThatOfTimeAndNotOfRoundTrips() {
    var fast = new CubicTest();
    var slow = new CubicTest();
    for (var one : new CubicTest[] {fast, slow}) {
      one.slowStartTo(1000);
      one.control.onLoss(1000 * SEGMENT, one.now);
    }
    for (int i = 0; i < 500; i++) {
      fast.roundTrip(SECOND / 100);
    }
    for (int i = 0; i < 50; i++) {
      slow.roundTrip(SECOND / 10);
    }
    assertThat(fast.segments()).isCloseTo(slow.segments(), within(10.0));
  }

  /** Where windows are small and round trips short, Reno would be faster: section 4.3. */
  @Test
  void isNoSlowerThanReno() {
    slowStartTo(20);
    control.onLoss(20 * SEGMENT, now);
    double before = segments();
    for (int i = 0; i < 10; i++) {
      roundTrip(SECOND / 1000);
    }
    double growth = 3 * 0.3 / 1.7;
    assertThat(segments() - before).isCloseTo(10 * growth, within(0.7));
  }

  @Test
  void asFastAsRenoOnceItsWindowIsBack() {
    slowStartTo(20);
    control.onLoss(20 * SEGMENT, now);
    for (int i = 0; i < 20; i++) {
      roundTrip(SECOND / 1000);
    }
    double before = segments();
    assertThat(before).isGreaterThan(20);
    for (int i = 0; i < 10; i++) {
      roundTrip(SECOND / 1000);
    }
    assertThat(segments() - before).isCloseTo(10, within(1.0));
  }

  @Test
  void aSmallerWindowAtTheNextLossMakesRoomForOthers() {
    slowStartTo(1000);
    control.onLoss(1000 * SEGMENT, now);
    control.onLoss(700 * SEGMENT, now);
    assertThat(segments()).isCloseTo(490, within(0.01));
    // W_max is 700 * 0.85 = 595 now, which it reaches after cbrt(105 / 0.4) s.
    double plateau = Math.cbrt(105 / 0.4);
    for (int i = 1; i < 10 * plateau; i++) {
      roundTrip(SECOND / 10);
    }
    assertThat(segments()).isCloseTo(595, within(2.0));
  }

  @Test
  void afterATimeoutItStartsWithOneSegmentAndThenFromThePlateau() {
    slowStartTo(100);
    control.onTimeout(100 * SEGMENT, false, now);
    assertThat(segments()).isEqualTo(1);
    slowStartTo(70);
    double before = segments();
    for (int i = 0; i < 20; i++) {
      roundTrip(SECOND / 10);
    }
    // W_max is where it began: 0.4 * 2^3 more after 2 s, unless Reno is faster.
    double reno = 20 * 3 * 0.3 / 1.7;
    assertThat(segments() - before).isCloseTo(reno, within(1.0));
  }

  @Test
  void timeInWhichTheWindowIsNotUsedDoesNotCount() {
    slowStartTo(1000);
    control.onLoss(1000 * SEGMENT, now);
    roundTrip(SECOND / 100);
    double before = segments();
    for (int i = 0; i < 100; i++) {
      now += SECOND;
      control.onAcknowledged(SEGMENT, false, false, SECOND / 100, now);
    }
    assertThat(segments()).isEqualTo(before);
    roundTrip(SECOND / 100);
    assertThat(segments() - before).isLessThan(2);
  }

  @Test
  void neverGrowsByMoreThanHalfInARoundTrip() {
    slowStartTo(10);
    control.onLoss(10 * SEGMENT, now);
    roundTrip(SECOND / 100);
    for (int i = 0; i < 10; i++) {
      double before = segments();
      roundTrip(100 * SECOND);
      // One at a time compounds: at most e^0.5.
      assertThat(segments()).isLessThanOrEqualTo(before * 1.65 + 1);
    }
  }

  @Test
  void aNeedlessReductionIsUndone() {
    slowStartTo(100);
    control.onLoss(100 * SEGMENT, now);
    control.onSpurious(now);
    assertThat(segments()).isEqualTo(100);
    control.onTimeout(100 * SEGMENT, false, now);
    control.onTimeout(SEGMENT, true, now);
    control.onSpurious(now);
    assertThat(segments()).isEqualTo(100);
    control.onAcknowledged(8 * SEGMENT, true, false, SECOND, now);
    assertThat(segments()).as("in slow start, as before").isEqualTo(108);
  }

  @Test
  void aSecondUndoDoesNothing() {
    slowStartTo(100);
    control.onLoss(100 * SEGMENT, now);
    control.onSpurious(now);
    control.onLoss(100 * SEGMENT, now);
    control.onRecovered(70 * SEGMENT, now);
    control.onSpurious(now);
    control.onLoss(100 * SEGMENT, now);
    assertThat(segments()).isEqualTo(70);
    control.onSpurious(now);
    control.onSpurious(now);
    assertThat(segments()).isEqualTo(100);
  }
}
