/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorrcTest {
  @Test
  void keepsOrderAndRepeatedOptions() {
    var torrc =
        new Torrc()
            .add("SocksPort", 0)
            .add("DirAuthority", "a")
            .addVerbatim("# mine\nDirAuthority b")
            .add("Nickname", "n");
    assertThat(torrc)
        .hasToString("SocksPort 0\nDirAuthority a\n# mine\nDirAuthority b\nNickname n\n");
  }

  @Test
  void quotesOnlyWhatTorWouldReadOtherwise() {
    assertThat(Torrc.quoted("127.0.0.1:9050 IsolateDestAddr"))
        .isEqualTo("127.0.0.1:9050 IsolateDestAddr");
    assertThat(Torrc.quoted("/a dir/x")).isEqualTo("/a dir/x");
    assertThat(Torrc.quoted("/a#b")).isEqualTo("\"/a#b\"");
    assertThat(Torrc.quoted(" x")).isEqualTo("\" x\"");
    assertThat(Torrc.quoted("x\\")).isEqualTo("\"x\\\\\"");
    assertThat(Torrc.quoted("\"x\"")).isEqualTo("\"\\\"x\\\"\"");
    assertThat(Torrc.quoted("a\nb")).isEqualTo("\"a\\nb\"");
    assertThatThrownBy(() -> Torrc.quoted("a\u0000b")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesAKeyThatWouldBeMoreThanOne() {
    assertThatThrownBy(() -> new Torrc().add("Log debug\nSocksPort", "1"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void torUsesTheVeryPath(@TempDir Path directory) throws IOException, InterruptedException {
    var odd = directory.resolve("a #1 \"quoted\" back\\slash");
    var file = directory.resolve("torrc");
    new Torrc()
        .add("DataDirectory", odd)
        .add("SocksPort", 0)
        .add("Nickname", "odd")
        .add("Address", "127.0.0.1")
        .add("ORPort", "127.0.0.1:1")
        .write(file);
    // Makes the keys in the data directory, and opens nothing.
    var tor =
        new ProcessBuilder(
                "tor",
                "-f",
                file.toString(),
                "--defaults-torrc",
                "/dev/null",
                "--list-fingerprint",
                "--quiet")
            .redirectErrorStream(true)
            .start();
    String said;
    try (var reader = tor.inputReader()) {
      said = String.join("\n", reader.lines().toList());
    }
    assertThat(tor.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(odd.resolve("fingerprint")).as(said).exists();
  }

  @Test
  void isForItsOwnerOnly(@TempDir Path directory) throws IOException {
    var file = directory.resolve("torrc");
    Files.writeString(file, "old");
    new Torrc().add("Nickname", "n").write(file);
    assertThat(file).hasContent("Nickname n\n");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(directory)
        .isDirectoryContaining(p -> p.equals(file))
        .isDirectoryNotContaining("glob:**.new-*");
  }

  @Test
  void quotesTheSocketsPathsAsTorReadsThem() {
    assertThat(new Torrc().addSocket("SocksPort", Path.of("/run/a b/socks"), "IsolateSOCKSAuth"))
        .hasToString("SocksPort unix:\"/run/a b/socks\" IsolateSOCKSAuth\n");
    assertThat(new Torrc().addSocket("ControlPort", Path.of("/run/a#\"b"), ""))
        .hasToString("ControlPort \"unix:\\\"/run/a#\\\\\\\"b\\\"\"\n");
  }
}
