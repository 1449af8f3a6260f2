/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A queue that is read, in virtual time. */
class BacklogShedderTest {
  private static final long MILLI = 1_000_000;

  private final BacklogShedder shedder = new BacklogShedder();
  private long now = -50 * MILLI;

  @BeforeEach
  void empty() {
    shedder.drained();
  }

  /** Reads so many frames; how many of them were shed. */
  private int reads(int frames, long nanosEach, boolean connected) {
    int shed = 0;
    for (int i = 0; i < frames; i++) {
      shedder.frame(now);
      if (!connected) {
        shedder.isUnconnected();
        shed += shedder.sheds() ? 1 : 0;
      }
      now += connected || !shedder.sheds() ? nanosEach : 1_000;
    }
    return shed;
  }

  /** 90 messages a second of 44 fragments, which took 800 ms each. */
  @Test
  void aBacklogOfWhatTakesLongIsShed() {
    int queued = 4_000;
    long start = now;
    int shed = reads(queued, 18 * MILLI, false);
    assertThat(shed).isGreaterThan(queued - 2 * BacklogShedder.LEAST_FRAMES);
    assertThat(now - start).isLessThan(5_000 * MILLI);
    shedder.drained();
    assertThat(reads(10, 18 * MILLI, false)).isZero();
  }

  @Test
  void aFloodThatIsReadAsFastAsItComesIsNone() {
    assertThat(reads(1_000_000, 5_000, false)).isZero();
  }

  @Test
  void aSlowQueueOfConnectionsIsNone() {
    assertThat(reads(10_000, MILLI, true)).isZero();
    for (int i = 0; i < 5_000; i++) {
      assertThat(reads(1, MILLI, true) + reads(1, MILLI / 10, false)).isZero();
    }
  }

  /** A last fragment is asked about, and then what it makes whole. */
  @Test
  void aFrameThatIsAskedAboutTwiceCountsOnce() {
    for (int i = 0; i < 10_000; i++) {
      shedder.frame(now);
      if (i % 3 == 0) {
        shedder.isUnconnected();
        shedder.isUnconnected();
      }
      assertThat(shedder.sheds()).as("after %d frames", i).isFalse();
      now += MILLI;
    }
  }

  @Test
  void slowFramesThatDoNotQueueAreNone() {
    for (int i = 0; i < 10_000; i++) {
      assertThat(reads(1, 2 * MILLI, false)).isZero();
      shedder.drained();
    }
  }

  /** A turn's worth of frames, after which the device is not asked whether it has more. */
  @Test
  void aQueueNotSeenEmptyIsNotTakenForABacklog() {
    assertThat(reads(64, 1_000, false)).isZero();
    now += 10_000 * MILLI;
    assertThat(reads(63, 1_000, false)).isZero();
  }

  @Test
  void shedsNoMoreThanAQueueHolds() {
    int frames = BacklogShedder.QUEUE_FRAMES + BacklogShedder.LEAST_FRAMES;
    assertThat(reads(frames, 2 * MILLI, false)).isLessThanOrEqualTo(BacklogShedder.QUEUE_FRAMES);
    assertThat(shedder.sheds()).isFalse();
    assertThat(reads(BacklogShedder.LEAST_FRAMES - 1, 2 * MILLI, false)).isZero();
  }

  @Test
  void withoutWordOfAnEmptyQueueNothingIsShed() {
    var unarmed = new BacklogShedder();
    for (int i = 0; i < 1_000; i++) {
      unarmed.frame(now);
      unarmed.isUnconnected();
      assertThat(unarmed.sheds()).isFalse();
      now += 10 * MILLI;
    }
  }
}
