/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PacketLogTest {
  @TempDir
  @SuppressWarnings("NullAway.Init") // JUnit
  private Path directory;

  @Test
  void whatALogSaidBeforeItGrewTooLargeIsKept() throws Exception {
    var path = directory.resolve("proxy.log");
    var line = "x".repeat(1000);
    long lines = PacketLog.MAX_BYTES / 1000 + 500;
    try (var log = PacketLog.open(path, "proxy")) {
      log.write("the first");
      for (long i = 0; i < lines; i++) {
        log.write(line);
      }
      log.write("the last");
    }
    var older = Files.readAllLines(directory.resolve("proxy.log.1"));
    var newer = Files.readAllLines(path);
    assertThat(older.getFirst()).endsWith("proxy: the first");
    assertThat(newer.getLast()).endsWith("proxy: the last");
    assertThat((long) older.size() + newer.size()).as("none is lost").isEqualTo(lines + 2);
    assertThat(Files.size(path)).isLessThan(PacketLog.MAX_BYTES);
  }
}
