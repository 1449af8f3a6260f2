/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
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

  @Test
  void isNotWrittenThroughALinkNorIntoAFileThatOthersMayRead() throws Exception {
    var precious = Files.writeString(directory.resolve("precious"), "as it was");
    var path = Files.createSymbolicLink(directory.resolve("proxy.log"), precious);
    Files.writeString(directory.resolve("proxy.log.1"), "open to all");
    PacketLog.open(path, "proxy").close();
    assertThat(precious).hasContent("as it was");
    for (var name : List.of("proxy.log", "proxy.log.1")) {
      var file = directory.resolve(name);
      assertThat(file).isEmptyFile().matches(log -> !Files.isSymbolicLink(log));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void aDirectoryThatOthersCanWriteToIsRefused() throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> PacketLog.open(directory.resolve("proxy.log"), "proxy"))
        .hasMessageContaining(directory.toString())
        .hasMessageContaining("others can write there");
  }

  @Test
  void aDirectoryOfAnotherUserAndALinkAreRefused() throws Exception {
    var other = Files.createDirectory(directory.resolve("other"));
    Files.setAttribute(other, "unix:uid", 61_234);
    assertThatThrownBy(() -> PacketLog.open(other.resolve("proxy.log"), "proxy"))
        .hasMessageContaining("another user, 61234");
    var mine = Files.createDirectory(directory.resolve("mine"));
    var link = Files.createSymbolicLink(directory.resolve("link"), mine);
    assertThatThrownBy(() -> PacketLog.open(link.resolve("proxy.log"), "proxy"))
        .hasMessageContaining("symbolic link");
    assertThat(mine).isEmptyDirectory();
  }

  @Test
  void whyThereIsNoLogIsSaid() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "");
    assertThatThrownBy(() -> PacketLog.open(file.resolve("proxy.log"), "proxy"))
        .hasMessageStartingWith("cannot write " + file.resolve("proxy.log") + ": ")
        .hasMessageEndingWith("(choose another directory)");
  }
}
