/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.user;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.OptionalInt;
import java.util.random.RandomGenerator;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/** What the process may do, and giving it away. credentials(7). */
public final class Privileges {
  /** What to do about a capability that is missing. */
  public static final String NET_ADMIN_FIX = "run as root, or grant CAP_NET_ADMIN";

  /** As {@link #NET_ADMIN_FIX}. */
  public static final String NET_RAW_FIX = "run as root, or grant CAP_NET_RAW";

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path UID_MAP = Path.of("/proc/self/uid_map");
  private static final String EFFECTIVE = "CapEff:";

  /** User ids from the first to the last. */
  private record Range(int first, int last) {}

  private static final List<Range> NOBODYS =
      List.of(new Range(1_879_048_192, 2_147_483_646), new Range(60_578, 61_183));

  /** Something a process may be allowed to do. capabilities(7). */
  public enum Capability {
    /** Make and change interfaces. */
    NET_ADMIN(12),
    /** Open packet sockets. */
    NET_RAW(13),
    /** Enter other namespaces. */
    SYS_ADMIN(21);

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
   * Becomes another user for good, with every thread of the process: no supplementary groups, the
   * user's own group and id, no capabilities. What was opened before stays open.
   *
   * <p>Afterwards no other process of that user can trace this one or read its memory, and it
   * leaves no core dump: the user may well run other programs. The calling thread, and what it
   * starts from now on, threads and programs, cannot gain privileges by starting a program.
   *
   * @throws IOException if the process was not allowed to, or kept something: it must end then
   * @throws IllegalArgumentException if the user is root, for then nothing is given away
   */
  public static void become(User user) throws IOException {
    become(user, user.uid());
  }

  /**
   * As {@link #become}; and no other process of that user can send this one a signal, which takes
   * the same real or saved user id: this one has ids there that no user has. It can send them to
   * others of the user. Programs it starts have that real id too, and some (dash) become that user,
   * unless they are started by {@code setpriv --reuid} with the user's id.
   *
   * <p>In a user namespace that has no such ids it is as {@link #become}.
   */
  public static void becomeAlone(User user) throws IOException {
    become(user, nobodys(Files.readAllLines(UID_MAP), new SecureRandom()).orElse(user.uid()));
  }

  /**
   * A user id that no user has, as systemd lists them (docs/UIDS-GIDS), if there is one in this
   * user namespace.
   *
   * @param map lines of {@code /proc/self/uid_map}, user_namespaces(7)
   */
  static OptionalInt nobodys(List<String> map, RandomGenerator random) {
    return NOBODYS.stream()
        .filter(range ->
            map.stream()
                .map(line -> line.strip().split("\\s+", -1))
                .anyMatch(mapped -> {
                  long first = Long.parseLong(mapped[0]);
                  return first <= range.first() && range.last() < first + Long.parseLong(mapped[2]);
                }))
        .mapToInt(range -> random.nextInt(range.first(), range.last()))
        .findFirst();
  }

  private static void become(User user, int realUid) throws IOException {
    if (user.isRoot()) {
      throw new IllegalArgumentException(user + " is root");
    }
    check(Libc.dropGroups(), "cannot leave the groups of root");
    check(Libc.setresgid(user.gid()), "cannot join the group of user " + user);
    check(Libc.setresuid(realUid, user.uid(), realUid), "cannot become user " + user);
    check(Libc.prctl(Libc.PR_SET_NO_NEW_PRIVS, 1), "cannot renounce new privileges");
    check(Libc.prctl(Libc.PR_SET_DUMPABLE, 0), "cannot shield the memory");
    if (Libc.setresuid(0, 0, 0) == 0) {
      throw new IOException("root was given away, yet could be had back");
    }
    for (var thread : ThreadCredentials.ofThisProcess()) {
      if (!thread.areNoMoreThan(user, realUid)) {
        throw new IOException("root was given away to " + user + ", yet not by all: " + thread);
      }
    }
  }

  private static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(what, -result, "");
    }
  }
}
