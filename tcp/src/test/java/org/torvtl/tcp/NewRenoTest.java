/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NewRenoTest {
  private static final int SEGMENT = 1000;

  private final NewReno control = new NewReno(SEGMENT, false);

  private void acknowledge(int bytes, boolean limited, boolean afterTimeout) {
    control.onAcknowledged(bytes, limited, afterTimeout, 0, 0);
  }

  @Test
  void startsAsRfc6928Says() {
    assertThat(new NewReno(1460, false).windowBytes()).isEqualTo(14_600);
    assertThat(new NewReno(500, false).windowBytes()).isEqualTo(5000);
    assertThat(new NewReno(9000, false).windowBytes()).isEqualTo(18_000);
    assertThat(new NewReno(1460, true).windowBytes()).isEqualTo(1460);
  }

  @Test
  void growsByWhatIsAcknowledgedUpToALimit() {
    acknowledge(2 * SEGMENT, true, false);
    assertThat(control.windowBytes()).isEqualTo(12 * SEGMENT);
    acknowledge(60 * SEGMENT, true, false);
    assertThat(control.windowBytes()).isEqualTo(20 * SEGMENT);
    acknowledge(2 * SEGMENT, false, false);
    assertThat(control.windowBytes()).isEqualTo(20 * SEGMENT);
  }

  @Test
  void halvesAtALossAndThenGrowsByOneSegmentARoundTrip() {
    control.onLoss(10 * SEGMENT, 0);
    assertThat(control.windowBytes()).isEqualTo(5 * SEGMENT);
    control.onRecovered(5 * SEGMENT, 0);
    assertThat(control.windowBytes()).isEqualTo(5 * SEGMENT);
    for (int i = 0; i < 4; i++) {
      acknowledge(SEGMENT, true, false);
      assertThat(control.windowBytes()).isEqualTo(5 * SEGMENT);
    }
    acknowledge(SEGMENT, true, false);
    assertThat(control.windowBytes()).isEqualTo(6 * SEGMENT);
  }

  @Test
  void doesNotBurstWhereLittleIsUnderWayAfterALoss() {
    control.onLoss(10 * SEGMENT, 0);
    control.onRecovered(0, 0);
    assertThat(control.windowBytes()).isEqualTo(2 * SEGMENT);
  }

  /** A second timeout for the same data says nothing new of the path. RFC 5681, section 3.1. */
  @Test
  void aRepeatedTimeoutDoesNotHalveAgain() {
    control.onTimeout(10 * SEGMENT, false, 0);
    control.onTimeout(2 * SEGMENT, true, 0);
    assertThat(control.windowBytes()).isEqualTo(SEGMENT);
    for (int i = 0; i < 4; i++) {
      acknowledge(SEGMENT, true, true);
    }
    assertThat(control.windowBytes()).isEqualTo(5 * SEGMENT);
    acknowledge(SEGMENT, true, true);
    assertThat(control.windowBytes()).isEqualTo(5 * SEGMENT);
  }

  @Test
  void afterATimeoutOneSegmentAtATime() {
    control.onTimeout(40 * SEGMENT, false, 0);
    acknowledge(10 * SEGMENT, true, true);
    assertThat(control.windowBytes()).isEqualTo(2 * SEGMENT);
  }
}
