/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.util.Arrays;
import java.util.List;

/** Figures side by side as bars, one panel for each unit; an SVG document. */
final class BarChart {
  private static final int WIDTH = 900, LEFT = 60, RIGHT = 20, TOP = 50;
  private static final int PANEL = 260, BARS = 190, GAP = 24;
  private static final String[] COLORS = {"#8c8c8c", "#d98c3f", "#6b3fa0", "#b79ad6"};

  /** Figures of one unit. */
  private record Panel(String title, List<Figure> figures) {}

  private final Figures figures;
  private final List<Side> sides;
  private final StringBuilder svg = new StringBuilder();

  private BarChart(Figures figures, List<Side> sides) {
    this.figures = figures;
    this.sides = sides;
  }

  /** Draws streams and exchanges, as far as they were measured. */
  static String draw(Figures figures, List<Side> sides) {
    return new BarChart(figures, sides).draw();
  }

  private String draw() {
    var panels =
        List.of(
            new Panel("Gbit/s", with("Gbit/s")), new Panel("exchanges per second", with("1/s")));
    add(
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
        <rect width="100%%" height="100%%" fill="white"/>
        """
            .formatted(WIDTH, TOP + panels.size() * PANEL));
    for (int i = 0; i < sides.size(); i++) {
      int x = LEFT + i * 200;
      add(
          "<rect x=\"%d\" y=\"16\" width=\"14\" height=\"14\" fill=\"%s\"/>%n"
              .formatted(x, color(i)));
      add("<text x=\"%d\" y=\"28\">%s</text>%n".formatted(x + 20, sides.get(i).title()));
    }
    for (int i = 0; i < panels.size(); i++) {
      panel(panels.get(i), TOP + i * PANEL);
    }
    return svg.append("</svg>\n").toString();
  }

  private List<Figure> with(String unit) {
    return figures.figures().stream().filter(figure -> figure.unit().equals(unit)).toList();
  }

  private void panel(Panel panel, int top) {
    double highest =
        panel.figures().stream()
            .flatMapToDouble(figure -> sides.stream().mapToDouble(side -> value(figure, side)))
            .max()
            .orElse(1);
    int base = top + GAP + BARS;
    add(
        "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>%n"
            .formatted(LEFT, top + 14, panel.title()));
    add(
        "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%2$d\" stroke=\"black\"/>%n"
            .formatted(LEFT, base, WIDTH - RIGHT));
    double group = (double) (WIDTH - LEFT - RIGHT) / Math.max(1, panel.figures().size());
    double bar = group * 0.8 / sides.size();
    for (int i = 0; i < panel.figures().size(); i++) {
      var figure = panel.figures().get(i);
      double left = LEFT + i * group + group * 0.1;
      for (int j = 0; j < sides.size(); j++) {
        bar(figure, j, left + j * bar, bar, base, highest);
      }
      add(
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>%n"
              .formatted(left + group * 0.4, base + 18, figure.title()));
    }
  }

  private void bar(Figure figure, int side, double x, double width, int base, double highest) {
    double value = value(figure, sides.get(side));
    double height = (BARS - 16) * value / highest;
    add(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>%n"
            .formatted(x, base - height, width * 0.9, height, color(side)));
    add(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">%s</text>%n"
            .formatted(x + width * 0.45, base - height - 4, figure.text(value)));
  }

  private double value(Figure figure, Side side) {
    return figures.median(figure, side).orElse(0);
  }

  private String color(int side) {
    return COLORS[Arrays.asList(Side.values()).indexOf(sides.get(side))];
  }

  private void add(String element) {
    svg.append(element);
  }
}
