/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** As root, which makes things of other users. */
class PrivateDirectoryTest {
  private static final FileOwner OTHER = new FileOwner(61_234, 61_235);

  private final Path folder;

  PrivateDirectoryTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private static Path withMode(Path path, int mode) throws IOException {
    Files.setAttribute(path, "unix:mode", mode);
    return path;
  }

  private static Path ofOther(Path path) throws IOException {
    Files.setAttribute(path, "unix:uid", OTHER.uid(), LinkOption.NOFOLLOW_LINKS);
    return path;
  }

  private static void assertRefused(Path path, String reason) {
    assertThatThrownBy(() -> PrivateDirectory.make(path))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot use ")
        .hasMessageContaining(reason);
    assertThatThrownBy(() -> PrivateDirectory.check(path)).hasMessageContaining(reason);
  }

  @Test
  void isMadeWithItsParents() throws IOException {
    var path = folder.resolve("a/b/c");
    PrivateDirectory.check(path);
    assertThat(folder.resolve("a")).doesNotExist();
    PrivateDirectory.make(path);
    for (var each : List.of("a", "a/b", "a/b/c")) {
      assertThat(mode(folder.resolve(each))).isEqualTo("rwx------");
    }
    PrivateDirectory.make(path);
    PrivateDirectory.check(path);
  }

  @Test
  void othersMayPassThroughRootsOwn() throws IOException {
    PrivateDirectory.make(withMode(Files.createDirectory(folder.resolve("a")), 0711));
  }

  @ParameterizedTest
  @ValueSource(ints = {0755, 0750, 0701 | 0040, 0777, 01777, 0722})
  void aModeThatLetsOthersInIsRefused(int mode) throws IOException {
    var path = withMode(Files.createDirectory(folder.resolve("a")), mode);
    assertThatThrownBy(() -> PrivateDirectory.make(path)).hasMessageContaining("mode");
    assertThat((int) Files.getAttribute(path, "unix:mode") & 07777).isEqualTo(mode);
  }

  @Test
  void anothersIsRefused() throws IOException {
    assertRefused(ofOther(Files.createDirectory(folder.resolve("a"))), "user 61234");
    assertRefused(folder.resolve("a/b"), "user 61234");
  }

  @Test
  void aLinkIsRefusedWhosever() throws IOException {
    Files.createDirectory(folder.resolve("target"));
    withMode(folder.resolve("target"), 0700);
    var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("target"));
    assertRefused(link, "a symbolic link");
    assertRefused(ofOther(link), "user 61234");
    assertRefused(link.resolve("below"), "user 61234");
    assertThat(folder.resolve("target")).isEmptyDirectory();
  }

  @Test
  void anothersLinkToNowhereIsNotFollowed() throws IOException {
    var link = ofOther(Files.createSymbolicLink(folder.resolve("a"), folder.resolve("nowhere")));
    assertRefused(link, "user 61234");
    assertThat(folder.resolve("nowhere")).doesNotExist();
  }

  /** As where /var/run is one, or a home. */
  @Test
  void aLinkOfOursOnTheWayIsFollowed() throws IOException {
    Files.createDirectories(folder.resolve("real/deep"));
    Files.createSymbolicLink(folder.resolve("way"), Path.of("real/../real/./deep"));
    PrivateDirectory.make(folder.resolve("way/a"));
    assertThat(folder.resolve("real/deep/a")).isDirectory();
  }

  @Test
  void aCircleOfLinksEnds() throws IOException {
    Files.createSymbolicLink(folder.resolve("a"), Path.of("b"));
    Files.createSymbolicLink(folder.resolve("b"), Path.of("a"));
    assertRefused(folder.resolve("a/c"), "too many symbolic links");
  }

  @Test
  void aFileIsRefused() throws IOException {
    assertRefused(Files.createFile(folder.resolve("a")), "not a directory");
  }

  /** There another user could put a directory in the place of the one that was checked. */
  @Test
  void aParentThatOthersCanWriteToIsRefused() throws IOException {
    var open = withMode(Files.createDirectory(folder.resolve("open")), 0777);
    assertRefused(open.resolve("a"), "others can write there");
    var group = withMode(Files.createDirectory(folder.resolve("group")), 0770);
    Files.setAttribute(group, "unix:gid", OTHER.gid());
    assertRefused(group.resolve("a"), "others can write there");
    PrivateDirectory.make(withMode(open, 01777).resolve("a"));
  }
}
