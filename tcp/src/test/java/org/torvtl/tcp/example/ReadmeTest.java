/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the README shows is what compiles, and does what the README says. */
class ReadmeTest {
  private static final Path SOURCE = Path.of("src/test/java/org/torvtl/tcp/example/Echo.java");

  @Test
  void theExampleIsTheOneThatCompiles() throws IOException {
    assertThat(block("java"))
        .isEqualTo(Files.readString(SOURCE).lines().skip(1).toList())
        .hasSizeGreaterThan(100);
  }

  @Test
  void theExampleDoesWhatTheReadmeSays() throws IOException {
    assertThat(Echo.run().lines().toList())
        .isEqualTo(block("text"))
        .contains("client: received hello");
  }

  private static List<String> block(String language) throws IOException {
    var lines = Files.readAllLines(Path.of("README.md"));
    int from = lines.indexOf("```" + language) + 1;
    assertThat(from).as("a block of " + language).isPositive();
    int to = from + lines.subList(from, lines.size()).indexOf("```");
    return lines.subList(from, to);
  }
}
