/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.user;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * A user of this system. passwd(5).
 *
 * @param name as it is known by
 * @param uid user id, 32 bits without sign
 * @param gid id of its own group, 32 bits without sign
 */
public record User(String name, int uid, int gid) {
  /** As the C library has it, glibc and musl alike; three more pointers follow. */
  private static final MemoryLayout PASSWD =
      MemoryLayout.structLayout(
          ADDRESS.withName("name"),
          ADDRESS.withName("password"),
          JAVA_INT.withName("uid"),
          JAVA_INT.withName("gid"),
          MemoryLayout.sequenceLayout(3, ADDRESS));

  private static final long UID = PASSWD.byteOffset(PathElement.groupElement("uid"));
  private static final long GID = PASSWD.byteOffset(PathElement.groupElement("gid"));
  private static final int FIRST_BUFFER = 4096, LARGEST_BUFFER = 1 << 20;

  /**
   * Looks a user up where this system keeps its users. nsswitch.conf(5).
   *
   * @throws SystemCallException if it could not be looked up, which does not mean there is none
   */
  public static Optional<User> named(String name) throws SystemCallException {
    int size = FIRST_BUFFER;
    while (true) {
      try (var arena = Arena.ofConfined()) {
        var entry = arena.allocate(PASSWD);
        var found = arena.allocate(ADDRESS);
        int result = Libc.getpwnam(arena.allocateFrom(name), entry, arena.allocate(size), found);
        if (result == -Libc.ERANGE && size < LARGEST_BUFFER) {
          size *= 2;
          continue;
        }
        // POSIX leaves open how "not found" is told; these are what C libraries answer.
        if (result < 0 && result != -Libc.ENOENT && result != -Libc.ESRCH) {
          throw new SystemCallException("cannot look up user " + name, -result, "");
        }
        return found.get(ADDRESS, 0).equals(MemorySegment.NULL)
            ? Optional.empty()
            : Optional.of(new User(name, entry.get(JAVA_INT, UID), entry.get(JAVA_INT, GID)));
      }
    }
  }

  /** Whether this is root, by whatever name. */
  public boolean isRoot() {
    return uid == 0;
  }

  /** Such as {@code debian-tor (102)}. */
  @Override
  public String toString() {
    return name + " (" + Integer.toUnsignedString(uid) + ")";
  }
}
