/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  @Test
  void isPrivateAndRemovedAtTheEnd(@TempDir Path base) throws IOException {
    var run = RunDirectory.create(base, "tap0", null);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(run.path())))
        .isEqualTo("rwx------");
    Files.writeString(Files.createDirectory(run.path().resolve("sub")).resolve("file"), "x");
    run.close();
    assertThat(base).isEmptyDirectory();
  }

  @Test
  void isNotSharedWhileItsOwnerLives(@TempDir Path base) throws IOException {
    try (var run = RunDirectory.create(base, "tap0", null)) {
      assertThatThrownBy(() -> RunDirectory.create(base, "tap0", null))
          .hasMessageContaining("in use by process " + ProcessHandle.current().pid());
      assertThat(run.path()).exists();
    }
  }

  @Test
  void takesThePlaceOfADeadOwnersAndSweepsOthers(@TempDir Path base) throws IOException {
    var me = ProcessIdentity.current();
    for (var name : new String[] {"tap0", "tap1"}) {
      var left = Files.createDirectory(base.resolve(name));
      // The same id, but another process: the start time differs.
      Files.writeString(
          left.resolve("owner"), new ProcessIdentity(me.pid(), me.startTicks() - 1).toString());
      Files.writeString(left.resolve("control"), "old");
    }
    var foreign = Files.createDirectory(base.resolve("lab-x"));
    try (var run = RunDirectory.create(base, "tap0", null)) {
      assertThat(run.path().resolve("control")).doesNotExist();
      assertThat(base.resolve("tap1")).doesNotExist();
      assertThat(foreign).exists();
    }
  }

  @Test
  void removesLinksButNotWhatTheyPointTo(@TempDir Path base) throws IOException {
    var precious =
        Files.writeString(Files.createDirectory(base.resolve("elsewhere")).resolve("file"), "x");
    var run = RunDirectory.create(base.resolve("run"), "tap0", null);
    Files.createSymbolicLink(run.path().resolve("link"), precious.getParent());
    run.close();
    assertThat(precious).exists();
    assertThat(run.path()).doesNotExist();
  }
}
