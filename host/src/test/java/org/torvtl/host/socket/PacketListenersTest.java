/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a host made of files; on a real kernel e2e's LinkChoiceTest. */
class PacketListenersTest {
  private final Path proc;

  PacketListenersTest(@TempDir Path proc) {
    this.proc = proc;
  }

  private void process(int pid, String command, String name, int inode) throws IOException {
    var process = proc.resolve("" + pid);
    Files.createDirectories(process.resolve("fd"));
    Files.writeString(process.resolve("cmdline"), command);
    Files.writeString(process.resolve("comm"), name + "\n");
    Files.createSymbolicLink(process.resolve("fd/0"), Path.of("/dev/null"));
    Files.createSymbolicLink(process.resolve("fd/3"), Path.of("socket:[" + inode + "]"));
  }

  @Test
  void thoseThatHearTheInterfaceAreFound() throws IOException {
    Files.createDirectories(proc.resolve("self/net"));
    Files.writeString(
        proc.resolve("self/net/packet"),
        """
        sk               RefCnt Type Proto  Iface R Rmem   User   Inode
        0000000000000000 3      3    0003   7     1 0      0      100
        0000000000000000 3      3    0003   0     1 0      0      101
        0000000000000000 3      3    0003   8     1 0      0      102
        0000000000000000 3      2    0800   7     1 0      0      103
        0000000000000000 3      3    0003   7     1 0      0      104
        """);
    process(11, "dhcrelay\0-4\0", "dhcrelay", 100);
    process(12, "tcpdump\0-i\0any\0", "tcpdump", 101);
    process(13, "other\0", "other", 102);
    process(14, "networkd\0", "networkd", 103);
    process(15, "java\0-m\0org.torvtl.cli/x\0", "java", 104);
    Files.createDirectories(proc.resolve("16"));
    var listeners = new PacketListeners(proc);
    assertThat(listeners.find(Set.of(7)))
        .containsExactlyInAnyOrder("dhcrelay (11)", "tcpdump (12)");
    assertThat(listeners.find(Set.of(8))).containsExactlyInAnyOrder("other (13)", "tcpdump (12)");
    assertThat(listeners.find(Set.of())).containsExactly("tcpdump (12)");
  }
}
