/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.OptionalDouble;

/** The tables, as Markdown. */
final class Report {
  private final Figures figures;
  private final Computer computer;
  private final String command;
  private final Plan plan;

  Report(Figures figures, Computer computer, String command, Plan plan) {
    this.figures = figures;
    this.computer = computer;
    this.command = command;
    this.plan = plan;
  }

  /** Writes it into a folder, and returns the Markdown's file. */
  Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    return Files.writeString(folder.resolve("performance.md"), markdown());
  }

  String markdown() {
    var text = new StringBuilder();
    text.append(
        """
        `%s` on %s: %s, %d cores, Linux %s, %s. Medians of %d rounds of %.1f s.

        """
            .formatted(
                command,
                LocalDate.now(java.time.ZoneOffset.UTC),
                computer.processor(),
                computer.cores(),
                computer.kernel(),
                computer.jdk(),
                plan.rounds(),
                plan.millis() / 1000.0));
    var sides =
        Arrays.stream(Side.values())
            .filter(side ->
                figures.figures().stream().anyMatch(figure -> !figures.of(figure, side).isEmpty()))
            .toList();
    text.append("| figure | unit |");
    sides.forEach(side -> text.append(" %s |".formatted(side.title())));
    text.append(" TorVTL : direct | TorVTL : redsocks |\n|---|---|");
    text.repeat("---:|", sides.size() + 2).append('\n');
    for (var figure : figures.figures()) {
      text.append("| %s | %s |".formatted(figure.title(), figure.unit()));
      sides.forEach(
          side -> text.append(" %s |".formatted(text(figure, figures.median(figure, side)))));
      text.append(" %s |".formatted(ratio(figure, Side.DIRECT)));
      text.append(" %s |\n".formatted(ratio(figure, Side.REDSOCKS)));
    }
    return text.toString();
  }

  private static String text(Figure figure, OptionalDouble value) {
    return value.isPresent() ? figure.text(value.getAsDouble()) : "";
  }

  private String ratio(Figure figure, Side to) {
    var ratio = figures.ratio(figure, Side.GATEWAY, to);
    return ratio.isPresent() ? "%.2f".formatted(ratio.getAsDouble()) : "";
  }
}
