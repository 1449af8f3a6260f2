/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class FiguresTest {
  private static final Figure FIGURE = Figure.exchanges(32);

  private final Figures figures = new Figures();

  private void add(Side side, double... values) {
    for (double value : values) {
      figures.add(FIGURE, side, value);
    }
  }

  @Test
  void theMedianOfAnOddNumberIsTheOneInTheMiddle() {
    assertThat(Figures.median(List.of(9.0, 1.0, 4.0))).hasValue(4);
  }

  @Test
  void theMedianOfAnEvenNumberIsTheMeanOfTheTwoInTheMiddle() {
    assertThat(Figures.median(List.of(9.0, 1.0, 4.0, 5.0))).hasValue(4.5);
  }

  @Test
  void nothingHasNoMedian() {
    assertThat(Figures.median(List.of())).isEmpty();
    assertThat(figures.median(FIGURE, Side.DIRECT)).isEmpty();
  }

  /** The second round was slow for both sides: that moves the ratio of the medians, not this. */
  @Test
  void ratiosAreOfOneRoundEach() {
    add(Side.GATEWAY, 50, 5, 60);
    add(Side.DIRECT, 100, 10, 100);
    assertThat(figures.ratio(FIGURE, Side.GATEWAY, Side.DIRECT)).hasValue(0.5);
    assertThat(figures.difference(FIGURE, Side.DIRECT, Side.GATEWAY)).hasValue(40);
  }

  @Test
  void aSideThatWasNotMeasuredHasNoRatio() {
    add(Side.GATEWAY, 50);
    assertThat(figures.ratio(FIGURE, Side.GATEWAY, Side.REDSOCKS)).isEmpty();
  }
}
