/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the process may do, and giving it away. credentials(7). */
public final class Privileges {
  static final String NET_ADMIN_MEND = "run as root, or grant CAP_NET_ADMIN";
  static final String NET_RAW_MEND = "run as root, or grant CAP_NET_RAW";

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String EFFECTIVE = "CapEff:";

  /** Something a process may be allowed to do. capabilities(7). */
  public enum Capability {
    /** Make and change interfaces. */
    NET_ADMIN(12),
    /** Open packet sockets. */
    NET_RAW(13);

    private final int bit;

    Capability(int bit) {
      this.bit = bit;
    }
  }

  private Privileges() {}

  /** Whether the process is allowed to. */
  public static boolean has(Capability capability) throws IOException {
    return Files.readAllLines(STATUS).stream()
        .filter(line -> line.startsWith(EFFECTIVE))
        .mapToLong(line -> Long.parseUnsignedLong(line.substring(EFFECTIVE.length()).strip(), 16))
        .anyMatch(set -> (set >>> capability.bit & 1) != 0);
  }

  /** Whether the process runs with the effective user id of root. */
  public static boolean isRoot() {
    return Libc.geteuid() == 0;
  }

  /**
   * Becomes another user for good, with every thread of the process: supplementary groups, group
   * and user ids. What was opened before stays open.
   *
   * @throws SystemCallException if the process was not allowed to
   * @throws IllegalStateException if root could be had back; the process must end then
   */
  public static void become(int uid, int gid) throws SystemCallException {
    check(Libc.dropGroups(), "cannot leave the groups of root");
    check(Libc.setresgid(gid), "cannot become group " + gid);
    check(Libc.setresuid(uid), "cannot become user " + uid);
    if (Libc.setresuid(0) == 0) {
      throw new IllegalStateException("privileges were dropped, yet root could be had back");
    }
  }

  private static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(what, -result, "");
    }
  }
}
