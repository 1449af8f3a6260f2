/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/** What the kernel tells of Unix domain sockets, and Java does not. unix(7). */
public final class UnixSockets {
  /** Of {@code sun_path}, without the byte of zero that ends it. */
  public static final int MOST_PATH_BYTES = 107;

  private static final int PATH = 2, ADDRESS_LENGTH = PATH + MOST_PATH_BYTES + 1;
  private static final int SOL_SOCKET = 1, SO_PEERCRED = 17;

  /** {@code struct ucred}: process, user and group. */
  private static final int UID = 4, CREDENTIALS_LENGTH = 12;

  private static final long SIOCOUTQ = 0x5411;

  private UnixSockets() {}

  /**
   * The user of the process that listens at a path, as it was when it began to.
   *
   * @return a user id, 32 bits without sign
   * @throws IOException if none listens there, or it takes no connection from us
   * @throws IllegalArgumentException if the path is longer than {@link #MOST_PATH_BYTES}
   */
  public static int listener(Path path) throws IOException {
    byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
    if (name.length > MOST_PATH_BYTES) {
      throw new IllegalArgumentException(path + " is too long for a socket");
    }
    int fd =
        Libc.socket(
            Libc.AF_UNIX,
            Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK,
            /* protocol= */ 0);
    check(fd, "cannot open a socket");
    try (var arena = Arena.ofConfined()) {
      var address = arena.allocate(ADDRESS_LENGTH, Short.BYTES);
      address.set(JAVA_SHORT, 0, (short) Libc.AF_UNIX);
      address.asSlice(PATH).copyFrom(MemorySegment.ofArray(name));
      check(Libc.connect(fd, address), "cannot connect to " + path);
      var credentials = arena.allocate(CREDENTIALS_LENGTH, Integer.BYTES);
      var length = arena.allocateFrom(JAVA_INT, CREDENTIALS_LENGTH);
      check(
          Libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length),
          "cannot find out who listens at " + path);
      return credentials.get(JAVA_INT, UID);
    } finally {
      Libc.close(fd);
    }
  }

  /**
   * Bytes written to a socket that its peer has not read yet, with what the kernel keeps along with
   * them. Takes any descriptor of a socket; 0 if it is none.
   */
  public static int unreadByPeer(int fd) {
    try (var arena = Arena.ofConfined()) {
      var bytes = arena.allocate(JAVA_INT);
      return Libc.ioctl(fd, SIOCOUTQ, bytes.address()) < 0 ? 0 : bytes.get(JAVA_INT, 0);
    }
  }

  private static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(what, -result, "");
    }
  }
}
