/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Needs root. The ids are such as no system gives to a user. */
class FileOwnerTest {
  private static final FileOwner OLD = new FileOwner(61_234, 61_235);
  private static final FileOwner NEW = new FileOwner(61_236, 61_237);

  private Path outside = Path.of("unset");
  private Path directory = Path.of("unset");

  @BeforeEach
  void stateOfAnotherUser(@TempDir Path folder) throws IOException {
    outside = Files.writeString(folder.resolve("outside"), "x");
    directory = Files.createDirectory(folder.resolve("state"));
    Files.writeString(Files.createDirectory(directory.resolve("keys")).resolve("key"), "k");
    Files.writeString(directory.resolve("state"), "guards");
    OLD.give(directory);
  }

  private static void assertBelongsTo(FileOwner owner, Path path) throws IOException {
    assertThat(Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS))
        .as("owner of %s", path)
        .isEqualTo(owner.uid());
    assertThat(Files.getAttribute(path, "unix:gid", LinkOption.NOFOLLOW_LINKS))
        .as("group of %s", path)
        .isEqualTo(owner.gid());
  }

  @Test
  void givesAllThatIsInThere() throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    NEW.give(directory);
    for (var name : new String[] {"", "keys", "keys/key", "state"}) {
      assertBelongsTo(NEW, directory.resolve(name));
    }
    assertThat(directory.resolve("state")).hasContent("guards");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
  }

  /** The old owner's own doing: names in there that lead to files of others. */
  @Test
  void givesNothingThatIsElsewhere() throws IOException {
    Files.createSymbolicLink(directory.resolve("link"), outside);
    Files.createSymbolicLink(directory.resolve("keys").resolve("up"), outside.getParent());
    Files.createLink(directory.resolve("hard"), outside);
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(directory.resolve("socket")));
      NEW.give(directory);
    }
    assertBelongsTo(new FileOwner(0, 0), outside);
    assertThat(outside).hasContent("x");
    for (var name : new String[] {"link", "keys/up", "hard", "socket"}) {
      assertThat(Files.exists(directory.resolve(name), LinkOption.NOFOLLOW_LINKS))
          .as(name)
          .isFalse();
    }
    assertBelongsTo(NEW, directory.resolve("keys").resolve("key"));
  }

  @Test
  void touchesNothingThatIsTheUsersAlready() throws IOException {
    var link = Files.createSymbolicLink(directory.resolve("link"), outside);
    OLD.give(directory);
    assertThat(Files.isSymbolicLink(link)).isTrue();
  }

  @Test
  void rootTakesWhatAUserHad() throws IOException {
    FileOwner.ROOT.give(directory);
    assertBelongsTo(FileOwner.ROOT, directory.resolve("keys").resolve("key"));
  }

  @Test
  void aLinkIsNoDirectory() throws IOException {
    var link = Files.createSymbolicLink(outside.resolveSibling("link"), directory);
    assertThatThrownBy(() -> NEW.give(link)).hasMessageContaining("not a directory");
    assertBelongsTo(OLD, directory);
  }
}
