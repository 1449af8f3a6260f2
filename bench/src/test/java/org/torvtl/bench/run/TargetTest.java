/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.bench.load.Workload;

class TargetTest {
  private final Figures figures = new Figures();

  private Target target(String title) {
    return Target.of(figures, 10_000).stream()
        .filter(each -> each.title().startsWith(title))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatWasNotMeasuredIsNotReached() {
    assertThat(Target.of(figures, 10_000))
        .hasSize(12)
        .noneMatch(Target::isReached)
        .allMatch(target -> target.row().endsWith("| not measured |"));
  }

  @Test
  void aRatioMustBeAtLeastItsBound() {
    var figure = Figure.rate(Workload.Direction.UP, 1);
    figures.add(figure, Side.DIRECT, 10);
    figures.add(figure, Side.GATEWAY, 6.9);
    var target = target("1 stream up, against direct");
    assertThat(target.isReached()).isFalse();
    assertThat(target.row())
        .isEqualTo("| 1 stream up, against direct SOCKS | at least 0.70 | 0.69 | **missed** |");
    figures.add(figure, Side.DIRECT, 10);
    figures.add(figure, Side.GATEWAY, 7.3);
    assertThat(target("1 stream up, against direct").isReached()).isTrue();
  }

  @Test
  void memoryMustBeAtMostItsBound() {
    figures.add(Figure.IDLE, Side.GATEWAY, 90.1);
    assertThat(target("resident memory, idle").isReached()).isFalse();
    figures.add(Figure.IDLE, Side.GATEWAY, 80);
    assertThat(target("resident memory, idle").row())
        .isEqualTo("| resident memory, idle | at most 90 MiB | 85.05 MiB | reached |");
  }

  @Test
  void everyConnectionHeldMustAnswer() {
    figures.add(Figure.answered(10_000), Side.GATEWAY, 9_999);
    assertThat(target("connections held").isReached()).isFalse();
    assertThat(List.of(target("connections held").row()))
        .containsExactly(
            "| connections held that answer, of 10,000 | at least 10,000 | 9,999 | **missed** |");
  }
}
