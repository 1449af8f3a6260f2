/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

/** What the process may do, and giving it away. credentials(7). */
public final class Privileges {
  static final String NET_ADMIN_MEND = "run as root, or grant CAP_NET_ADMIN";
  static final String NET_RAW_MEND = "run as root, or grant CAP_NET_RAW";

  private Privileges() {}

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
