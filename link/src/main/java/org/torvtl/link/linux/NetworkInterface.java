/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * What {@code ip link} asks and sets, for one interface of this network namespace. netdevice(7).
 */
public final class NetworkInterface {
  /** The longest name, in bytes. */
  public static final int MAX_NAME_LENGTH = 15;

  static final int IFREQ_LENGTH = 40;
  static final int IFREQ_VALUE = 16;

  private static final long SIOCGIFFLAGS = 0x8913, SIOCSIFFLAGS = 0x8914, SIOCGIFMTU = 0x8921;
  private static final int IFF_UP = 1;

  private final String name;

  /**
   * @throws IllegalArgumentException if no interface can have that name
   */
  public NetworkInterface(String name) {
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (length == 0
        || length > MAX_NAME_LENGTH
        || name.equals(".")
        || name.equals("..")
        || name.chars().anyMatch(c -> c == '/' || c == ':' || c == '%' || c <= ' ')) {
      throw new IllegalArgumentException(
          "'%s' cannot be the name of a network interface (1 to %d characters, no space, '/', ':' or '%%')"
              .formatted(name, MAX_NAME_LENGTH));
    }
    this.name = name;
  }

  public String name() {
    return name;
  }

  /** Whether there is such an interface. */
  public boolean exists() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      int result = control(SIOCGIFFLAGS, request(arena, name));
      if (result == -Libc.ENODEV) {
        return false;
      }
      check(result, "cannot look at " + name);
      return true;
    }
  }

  /** Bytes of the largest IP packet. */
  public int mtu() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, name);
      check(control(SIOCGIFMTU, request), "cannot read the MTU of " + name);
      return request.get(JAVA_INT_UNALIGNED, IFREQ_VALUE);
    }
  }

  /** Brings the interface up, as {@code ip link set NAME up}. */
  public void up() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, name);
      check(control(SIOCGIFFLAGS, request), "cannot read the state of " + name);
      short flags = request.get(JAVA_SHORT_UNALIGNED, IFREQ_VALUE);
      request.set(JAVA_SHORT_UNALIGNED, IFREQ_VALUE, (short) (flags | IFF_UP));
      check(control(SIOCSIFFLAGS, request), "cannot bring " + name + " up");
    }
  }

  /** A {@code struct ifreq} with the name filled in. */
  static MemorySegment request(Arena arena, String name) {
    var request = arena.allocate(IFREQ_LENGTH);
    request.setString(0, name);
    return request;
  }

  private static int control(long operation, MemorySegment request) throws SystemCallException {
    int socket = Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
    check(socket, "cannot open a socket");
    try {
      return Libc.ioctl(socket, operation, request.address());
    } finally {
      Libc.close(socket);
    }
  }

  private static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(
          what, -result, result == -Libc.EPERM ? Privileges.NET_ADMIN_MEND : "");
    }
  }
}
