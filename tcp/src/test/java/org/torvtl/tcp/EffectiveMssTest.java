/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EffectiveMssTest {
  private final Timestamps timestamps = new Timestamps(0);
  private final SendWindow window = new SendWindow(0);
  private final TcpConfig config = TcpConfig.defaults().withMaxTransmitBytes(64_000);

  private EffectiveMss of(int mss) {
    return new EffectiveMss(config, mss, Outbox.receiver(new TcpCounters(), timestamps), window);
  }

  @Test
  void leavesRoomForTimestamps() {
    window.open(65_535, 0, 0);
    assertThat(of(1400).fullSegment()).isEqualTo(1400);
    timestamps.enable(1, 0);
    assertThat(of(1400).fullSegment()).isEqualTo(1388);
    assertThat(of(1400).segment()).isEqualTo(1388);
  }

  @Test
  void isNoLargerThanOursAndNoSmallerThanIsBelievable() {
    assertThat(of(9000).fullSegment()).isEqualTo(1460);
    assertThat(of(0).fullSegment()).isEqualTo(536);
    assertThat(of(1).fullSegment()).isEqualTo(64);
    assertThat(of(536).isSmall()).isFalse();
    assertThat(of(535).isSmall()).isTrue();
  }

  @Test
  void twoSegmentsFillASmallWindow() {
    window.open(1000, 0, 0);
    assertThat(of(1460).segment()).isEqualTo(500);
    assertThat(of(1460).fullSegment()).isEqualTo(1460);
  }

  @Test
  void aWindowOfADefaultSegmentIsNotDivided() {
    window.open(536, 0, 0);
    assertThat(of(1460).segment()).isEqualTo(536);
  }

  @Test
  void thePathMakesItSmallerButNotBelowTheDefault() {
    window.open(65_535, 0, 0);
    var mss = of(1460);
    assertThat(mss.reduce(1460)).isFalse();
    assertThat(mss.reduce(1200)).isTrue();
    assertThat(mss.segment()).isEqualTo(1200);
    assertThat(mss.reduce(1300)).isFalse();
    assertThat(mss.reduce(100)).isTrue();
    assertThat(mss.segment()).isEqualTo(536);
    assertThat(of(300).reduce(100)).isFalse();
  }

  @Test
  void aTransmissionIsWholeSegments() {
    assertThat(of(1460).transmission(1000)).isEqualTo(64_000);
    assertThat(of(1460).transmission(1460)).isEqualTo(43 * 1460);
    assertThat(of(1460).transmission(100)).isEqualTo(64 * 100);
    assertThat(EffectiveMss.wholeSegments(TcpConfig.defaults(), 100)).isEqualTo(100);
  }
}
