/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.List;
import java.util.OptionalDouble;
import org.torvtl.bench.load.Workload;

/**
 * What TorVTL sets out to reach. A target that is missed fails nothing; it is shown.
 *
 * @param title what it is about
 * @param bound that it must keep
 * @param atLeast whether the bound is the least; otherwise the most
 * @param unit of bound and value
 * @param value that was measured, if it was
 */
record Target(String title, double bound, boolean atLeast, String unit, OptionalDouble value) {
  /** All of them, by what was measured. */
  static List<Target> of(Figures figures, int held) {
    var up = Figure.rate(Workload.Direction.UP, 1);
    var down = Figure.rate(Workload.Direction.DOWN, 1);
    return List.of(
        ratio("1 stream up, against direct SOCKS", 0.7, figures, up, Side.DIRECT),
        ratio("1 stream down, against direct SOCKS", 0.7, figures, down, Side.DIRECT),
        ratio("1 stream up, against redsocks", 1.5, figures, up, Side.REDSOCKS),
        ratio("1 stream down, against redsocks", 1.5, figures, down, Side.REDSOCKS),
        ratio(
            "exchanges, 32 in flight, against direct SOCKS",
            0.5,
            figures,
            Figure.exchanges(32),
            Side.DIRECT),
        new Target(
            "exchange, 1 in flight, p50 beyond direct SOCKS",
            150,
            false,
            "µs",
            figures.difference(Figure.latency(1, 50), Side.GATEWAY, Side.DIRECT)),
        atLeast(
            "connections held that answer, of %,d".formatted(held),
            held,
            "",
            figures.median(Figure.answered(held), Side.GATEWAY)),
        atMost(
            "memory of each of them beyond idle",
            8,
            "KiB",
            figures.median(Figure.each(held), Side.GATEWAY)),
        ratio(
            "download through private Tor, against curl speaking SOCKS",
            0.97,
            figures,
            Figure.TOR_RATE,
            Side.DIRECT),
        atMost(
            "time to first byte through private Tor, beyond curl's",
            2,
            "ms",
            figures.difference(Figure.TOR_FIRST_BYTE, Side.GATEWAY, Side.DIRECT)),
        atMost("`torvtl run` to ready", 500, "ms", figures.median(Figure.STARTUP, Side.GATEWAY)),
        atMost("resident memory, idle", 90, "MiB", figures.median(Figure.IDLE, Side.GATEWAY)));
  }

  private static Target ratio(
      String title, double bound, Figures figures, Figure figure, Side against) {
    return atLeast(title, bound, "", figures.ratio(figure, Side.GATEWAY, against));
  }

  private static Target atLeast(String title, double bound, String unit, OptionalDouble value) {
    return new Target(title, bound, true, unit, value);
  }

  private static Target atMost(String title, double bound, String unit, OptionalDouble value) {
    return new Target(title, bound, false, unit, value);
  }

  /** Whether it was measured and is kept. */
  boolean isReached() {
    return value.isPresent()
        && (atLeast ? value.getAsDouble() >= bound : value.getAsDouble() <= bound);
  }

  /** A row of a table: what, the bound, the value, and how that compares. */
  String row() {
    return "| %s | %s %s | %s | %s |"
        .formatted(
            title,
            atLeast ? "at least" : "at most",
            text(bound),
            value.isPresent() ? text(value.getAsDouble()) : "",
            value.isEmpty() ? "not measured" : isReached() ? "reached" : "**missed**");
  }

  private String text(double number) {
    var digits = number == Math.rint(number) ? "%,.0f" : "%,.2f";
    return (digits.formatted(number) + " " + unit).strip();
  }
}
