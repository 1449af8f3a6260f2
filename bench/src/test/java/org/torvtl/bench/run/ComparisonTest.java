/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.torvtl.bench.load.Workload;

/** The benchmark itself works: everything is measured once, in tiny sizes. */
@Tag("slow")
class ComparisonTest {
  private static final int HELD = 50;

  @Test
  void measuresEveryRow() throws Exception {
    var plan =
        new Plan(
            200, 1, 200, HELD, 1, Set.of("startup", "stream", "exchange", "memory", "held", "tor"));
    var figures = new Figures();
    var progress = new ArrayList<String>();
    try (var run = new Comparison(plan, figures, progress::add)) {
      run.run();
    }
    for (var figure : everywhere()) {
      assertThat(figures.median(figure, Side.DIRECT)).as(figure.title()).isPresent();
      assertThat(figures.median(figure, Side.GATEWAY)).as(figure.title()).isPresent();
    }
    for (var figure : List.of(Figure.STARTUP, Figure.IDLE, Figure.LOADED, Figure.each(HELD))) {
      assertThat(figures.median(figure, Side.GATEWAY)).as(figure.title()).isPresent();
    }
    assertThat(figures.median(Figure.answered(HELD), Side.GATEWAY)).hasValue(HELD);
    assertThat(Target.of(figures, HELD).stream().filter(target -> target.value().isEmpty()))
        .as("targets that were not measured, with what was said: %s", progress)
        .allMatch(target -> target.title().endsWith("redsocks"));
  }

  private static List<Figure> everywhere() {
    var streams =
        IntStream.of(1, 8)
            .boxed()
            .flatMap(count ->
                Stream.of(Workload.Direction.values())
                    .map(direction -> Figure.rate(direction, count)));
    var exchanges =
        IntStream.of(1, 32, 256)
            .boxed()
            .flatMap(count ->
                Stream.of(
                    Figure.exchanges(count),
                    Figure.latency(count, 50),
                    Figure.latency(count, 90),
                    Figure.latency(count, 99)));
    var others =
        Stream.of(
            Figure.opened(HELD), Figure.answered(HELD), Figure.TOR_RATE, Figure.TOR_FIRST_BYTE);
    return Stream.of(streams, exchanges, others).flatMap(each -> each).toList();
  }
}
