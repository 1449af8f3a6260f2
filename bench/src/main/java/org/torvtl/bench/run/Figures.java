/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.IntStream;

/** What was measured: for each figure and each side, one value of every round. */
public final class Figures {
  private final Map<Figure, Map<Side, List<Double>>> values = new LinkedHashMap<>();

  /** Notes the next round's value. */
  public void add(Figure figure, Side side, double value) {
    values
        .computeIfAbsent(figure, key -> new LinkedHashMap<>())
        .computeIfAbsent(side, key -> new ArrayList<>())
        .add(value);
  }

  public Set<Figure> figures() {
    return values.keySet();
  }

  /** The values of a side in the order of the rounds; none if it was not measured there. */
  public List<Double> of(Figure figure, Side side) {
    return values.getOrDefault(figure, Map.of()).getOrDefault(side, List.of());
  }

  /** The median of the rounds, if there was one. */
  public OptionalDouble median(Figure figure, Side side) {
    return median(of(figure, side));
  }

  /** The median of the ratios of two sides, each within one round. */
  public OptionalDouble ratio(Figure figure, Side of, Side to) {
    return paired(figure, of, to, (a, b) -> a / b);
  }

  /** The median of the differences of two sides, each within one round. */
  public OptionalDouble difference(Figure figure, Side of, Side to) {
    return paired(figure, of, to, (a, b) -> a - b);
  }

  private OptionalDouble paired(Figure figure, Side of, Side to, DoubleBinaryOperator operator) {
    var first = of(figure, of);
    var second = of(figure, to);
    return median(
        IntStream.range(0, Math.min(first.size(), second.size()))
            .mapToObj(i -> operator.applyAsDouble(first.get(i), second.get(i)))
            .toList());
  }

  /** The value in the middle, or the mean of the two there. */
  static OptionalDouble median(List<Double> of) {
    if (of.isEmpty()) {
      return OptionalDouble.empty();
    }
    var sorted = of.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return OptionalDouble.of(
        sorted.size() % 2 == 1
            ? sorted.get(middle)
            : (sorted.get(middle - 1) + sorted.get(middle)) / 2);
  }
}
