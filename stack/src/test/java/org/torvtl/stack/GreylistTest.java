/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GreylistTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** Any time; the clock wraps within the test. */
  private long now = Long.MAX_VALUE - SECOND;

  private final Greylist list = new Greylist(4711, now);
  private final SplittableRandom random = new SplittableRandom(4711);

  @Test
  void oneThatGoesOnRepeatsItselfAfterItsProbation() {
    assertThat(list.heard(1, now)).isFalse();
    for (int i = 0; i < 6; i++) {
      assertThat(list.heard(1, now)).as("after %d ms", 10 * i).isFalse();
      now += 10_000_000;
    }
    now += Greylist.PROBATION_NANOS;
    assertThat(list.heard(1, now)).isTrue();
    assertThat(list.heard(2, now)).isFalse();
  }

  /** Guests that ask again after a second, among so many that do not. */
  @ParameterizedTest
  @ValueSource(ints = {500, 50_000, 200_000, 500_000})
  void manyThatAreHeardOnceDisplaceFewThatAskAgain(int perSecond) {
    // The list grows meanwhile.
    strangers(2 * perSecond, perSecond);
    int guests = 200;
    for (int guest = 0; guest < guests; guest++) {
      list.heard(guest, now);
    }
    assertThat(strangers(perSecond, perSecond)).as("taken for another").isLessThan(3);
    int recognized = 0;
    for (int guest = 0; guest < guests; guest++) {
      recognized += list.heard(guest, now) ? 1 : 0;
    }
    assertThat(recognized).isGreaterThan(guests * 3 / 4);
  }

  private int strangers(int count, int perSecond) {
    int repeaters = 0;
    for (int i = 0; i < count; i++) {
      repeaters += list.heard(random.nextLong(1_000, 1L << 48), now) ? 1 : 0;
      now += SECOND / perSecond;
    }
    return repeaters;
  }
}
