/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** What was measured, for people: tables in Markdown, and a plot. */
final class Report {
  private static final String BEGIN = "<!-- begin of what make bench wrote -->";
  private static final String END = "<!-- end of what make bench wrote -->";
  private static final String PLOT = "performance.svg";

  private final Figures figures;
  private final List<Parts.Score> parts;
  private final Computer computer;
  private final String command;
  private final Plan plan;
  private final List<Side> sides;

  Report(Figures figures, List<Parts.Score> parts, Computer computer, String command, Plan plan) {
    this.figures = figures;
    this.parts = parts;
    this.computer = computer;
    this.command = command;
    this.plan = plan;
    sides =
        Arrays.stream(Side.values())
            .filter(side ->
                figures.figures().stream().anyMatch(figure -> !figures.of(figure, side).isEmpty()))
            .toList();
  }

  /** Writes tables and plot into a folder, and returns the Markdown's file. */
  Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve(PLOT), BarChart.draw(figures, sides));
    return Files.writeString(folder.resolve("performance.md"), markdown());
  }

  /** Puts the tables into a document between its two marks, and the plot beside it. */
  void refresh(Path document) throws IOException {
    var text = Files.readString(document);
    int begin = text.indexOf(BEGIN);
    int end = text.indexOf(END);
    if (begin < 0 || end < begin) {
      throw new IOException(
          "cannot refresh %s: it lacks the lines '%s' and '%s' (put them where the tables belong)"
              .formatted(document, BEGIN, END));
    }
    Files.writeString(document.resolveSibling(PLOT), BarChart.draw(figures, sides));
    Files.writeString(
        document, text.substring(0, begin) + BEGIN + "\n" + markdown() + text.substring(end));
  }

  String markdown() {
    var text = new StringBuilder();
    text.append(
        """

        On %s: %s, %d cores, Linux %s, %s.
        Command: `%s`. Medians of %d rounds, %s s for each figure on each side in a round.

        | target | | measured | |
        |---|---|---|---|
        """
            .formatted(
                LocalDate.now(ZoneOffset.UTC),
                computer.processor(),
                computer.cores(),
                computer.kernel(),
                computer.jdk(),
                command,
                plan.rounds(),
                plan.millis() / 1000.0));
    Target.of(figures, plan.held()).forEach(target -> text.append(target.row()).append('\n'));
    text.append("\n![Streams and exchanges, side by side](%s)\n\n".formatted(PLOT));
    if (!figures.figures().isEmpty()) {
      table(text);
    }
    if (!parts.isEmpty()) {
      text.append("\nThe parts, by JMH:\n\n| benchmark | | unit |\n|---|---:|---|\n");
      for (var part : parts) {
        text.append("| %s | %,.1f | %s |%n".formatted(part.title(), part.value(), part.unit()));
      }
    }
    return text.append('\n').toString();
  }

  private void table(StringBuilder text) {
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
  }

  private static String text(Figure figure, OptionalDouble value) {
    return value.isPresent() ? figure.text(value.getAsDouble()) : "";
  }

  private String ratio(Figure figure, Side to) {
    var ratio = figures.ratio(figure, Side.GATEWAY, to);
    return ratio.isPresent() ? "%.2f".formatted(ratio.getAsDouble()) : "";
  }
}
