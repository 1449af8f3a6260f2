/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.torvtl.bench.load.Workload;

class ReportTest {
  private static final Figure RATE = Figure.rate(Workload.Direction.DOWN, 8);

  @TempDir private Path folder = Path.of("");

  private final Figures figures = new Figures();

  private Report report() {
    figures.add(RATE, Side.DIRECT, 20);
    figures.add(RATE, Side.GATEWAY, 15);
    figures.add(Figure.exchanges(1), Side.GATEWAY, 4000);
    return new Report(
        figures,
        List.of(new Parts.Score("Benchmark.part", 12.34, "ns/op")),
        new Computer("a processor", 2, "6.0", "a JDK 25"),
        "make bench ROUNDS=1",
        new Plan(200, 1, 500, 10_000, 50, Set.of("stream")));
  }

  @Test
  void aFigureHasARowWithEverySideAndTheRatio() {
    assertThat(report().markdown())
        .contains("a processor, 2 cores, Linux 6.0, a JDK 25")
        .contains("`make bench ROUNDS=1`")
        .contains("| figure | unit | direct SOCKS | TorVTL | TorVTL : direct | TorVTL : redsocks |")
        .contains("| 8 streams down | Gbit/s | 20.00 | 15.00 | 0.75 |  |")
        .contains("| exchanges, 1 in flight | 1/s |  | 4,000 |  |  |")
        .contains("| Benchmark.part | 12.3 | ns/op |");
  }

  @Test
  void thePlotIsADocumentWithABarForEachValue() throws Exception {
    report().write(folder);
    var factory = DocumentBuilderFactory.newInstance();
    var svg = factory.newDocumentBuilder().parse(folder.resolve("performance.svg").toFile());
    var texts = svg.getElementsByTagName("text");
    var found = new java.util.ArrayList<String>();
    for (int i = 0; i < texts.getLength(); i++) {
      found.add(texts.item(i).getTextContent());
    }
    assertThat(found)
        .contains("8 streams down", "20.00", "15.00", "exchanges, 1 in flight", "4,000");
  }

  @Test
  void aDocumentIsRefreshedBetweenItsMarksOnly() throws Exception {
    var document = folder.resolve("document.md");
    Files.writeString(
        document,
        """
        before
        <!-- begin of what make bench wrote -->
        old
        <!-- end of what make bench wrote -->
        after
        """);
    report().refresh(document);
    assertThat(Files.readString(document))
        .startsWith("before\n<!-- begin of what make bench wrote -->\n")
        .contains("| 8 streams down |")
        .doesNotContain("old")
        .endsWith("<!-- end of what make bench wrote -->\nafter\n");
  }

  @Test
  void aDocumentWithoutMarksIsLeftAlone() throws Exception {
    var document = Files.writeString(folder.resolve("document.md"), "text\n");
    assertThatThrownBy(() -> report().refresh(document))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot refresh " + document);
    assertThat(document).hasContent("text\n");
  }
}
