/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  /** Nobody's, as ids that no system gives to a user. Giving files away takes root. */
  private static final FileOwner USER = new FileOwner(61_234, 61_235);

  @Test
  void isPrivateAndRemovedAtTheEnd(@TempDir Path base) throws IOException {
    var run = RunDirectory.create(base, "tap0", null);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(run.path())))
        .isEqualTo("rwx------");
    Files.writeString(Files.createDirectory(run.path().resolve("sub")).resolve("file"), "x");
    run.close();
    assertThat(base).doesNotExist();
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

  /** Root makes it for another; it is that one who empties it, and rmdir is left to the reaper. */
  @Test
  void isTheUsersAndRemovedByAReaperThatStaysRoot(@TempDir Path folder) throws IOException {
    var base = folder.resolve("run");
    var run = RunDirectory.create(base, "tap0", USER);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(base)))
        .isEqualTo("rwx--x--x");
    assertThat(Files.getAttribute(base, "unix:uid")).isEqualTo(0);
    for (var path : List.of(run.path(), run.path().resolve("owner"))) {
      assertThat(Files.getAttribute(path, "unix:uid")).isEqualTo(USER.uid());
      assertThat(Files.getAttribute(path, "unix:gid")).isEqualTo(USER.gid());
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(run.path())))
        .isEqualTo("rwx------");
    var second = RunDirectory.create(base, "tap1", USER);
    run.close();
    assertThat(run.path()).doesNotExist();
    assertThat(second.path()).exists();
    second.close();
    assertThat(base).doesNotExist();
  }

  @Test
  void sweepsWhatAUserLeftAndFollowsNoTrap(@TempDir Path folder) throws IOException {
    var precious = Files.createDirectory(folder.resolve("precious"));
    Files.writeString(precious.resolve("file"), "x");
    var base = folder.resolve("run");
    PrivateDirectory.make(base);
    var left = Files.createDirectory(base.resolve("tap9"));
    var me = ProcessIdentity.current();
    Files.writeString(
        left.resolve("owner"), new ProcessIdentity(me.pid(), me.startTicks() - 1).toString());
    Files.createSymbolicLink(left.resolve("trap"), precious);
    Files.createSymbolicLink(left.resolve("dangling"), folder.resolve("nowhere"));
    USER.give(left);
    Files.createSymbolicLink(left.resolve("trap"), precious);
    try (var run = RunDirectory.create(base, "tap0", USER)) {
      assertThat(left).doesNotExist();
      assertThat(run.path()).exists();
    }
    assertThat(precious.resolve("file")).hasContent("x");
  }

  /** Another user made it first, with a torrc that has tor run a program. */
  @Test
  void isNotMadeInADirectoryOfAnother(@TempDir Path folder) throws IOException {
    var base = Files.createDirectory(folder.resolve("run"));
    var left = Files.createDirectory(base.resolve("tap0"));
    Files.writeString(left.resolve("torrc"), "ClientTransportPlugin x exec /bin/sh\n");
    USER.give(base);
    assertThatThrownBy(() -> RunDirectory.create(base, "tap1", null))
        .hasMessageContaining("cannot use " + base)
        .hasMessageContaining("user " + USER.uid());
    assertThat(base.resolve("tap1")).doesNotExist();
    assertThat(left.resolve("torrc")).exists();
  }
}
