/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.host.user.Privileges;

/**
 * What {@code ip link} asks and sets, for one interface of this network namespace. netdevice(7).
 */
public final class NetworkInterface {
  /** The longest name, in bytes. */
  public static final int MAX_NAME_LENGTH = 15;

  /** What {@link #driver} says of a TAP and of a TUN. */
  static final String TAP_DRIVER = "tun tap", TUN_DRIVER = "tun tun";

  /** Of {@code struct ifreq}: where what is asked or set begins, behind the name. */
  public static final int IFREQ_VALUE = 16;

  private static final int IFREQ_LENGTH = 40;

  private static final long SIOCGIFFLAGS = 0x8913, SIOCSIFFLAGS = 0x8914, SIOCGIFMTU = 0x8921;
  private static final long SIOCGIFHWADDR = 0x8927, SIOCGIFINDEX = 0x8933, SIOCETHTOOL = 0x8946;
  private static final long SIOCGIFNAME = 0x8910;
  private static final long SIOCSIFTXQLEN = 0x8943;
  private static final int IFF_UP = 1, IFF_RUNNING = 0x40;
  private static final int ETHTOOL_GDRVINFO = 3, DRVINFO_LENGTH = 196;
  private static final int ETHTOOL_GLINK = 0xA, VALUE_LENGTH = 8, VALUE_DATA = 4;
  private static final int DRVINFO_DRIVER = 4, DRVINFO_BUS = 100;
  private static final short ARPHRD_ETHER = 1;

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

  /** The interface with a number; empty if there is none. */
  public static Optional<NetworkInterface> ofIndex(int index) throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, "");
      request.set(JAVA_INT_UNALIGNED, IFREQ_VALUE, index);
      int result = control(SIOCGIFNAME, request);
      if (result == -Libc.ENODEV) {
        return Optional.empty();
      }
      check(result, "cannot look at interface " + index);
      return Optional.of(new NetworkInterface(request.getString(0)));
    }
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

  /** The kernel's number of the interface. */
  public int index() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, name);
      check(control(SIOCGIFINDEX, request), "cannot look at " + name);
      return request.get(JAVA_INT_UNALIGNED, IFREQ_VALUE);
    }
  }

  /** Whether it has been brought up. */
  public boolean isUp() throws SystemCallException {
    return (flags() & IFF_UP) != 0;
  }

  /** Whether it is up and something is at the other end. */
  public boolean isRunning() throws SystemCallException {
    return (flags() & IFF_RUNNING) != 0;
  }

  /** Whether its frames are Ethernet's. */
  public boolean isEthernet() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      return hardware(arena).get(JAVA_SHORT_UNALIGNED, IFREQ_VALUE) == ARPHRD_ETHER;
    }
  }

  /** Its MAC address, as of {@link org.torvtl.wire.MacAddress}. */
  public long macAddress() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = hardware(arena);
      long mac = 0;
      for (int i = 0; i < 6; i++) {
        mac = mac << 8 | request.get(JAVA_BYTE, IFREQ_VALUE + 2 + i) & 0xFF;
      }
      return mac;
    }
  }

  private MemorySegment hardware(Arena arena) throws SystemCallException {
    var request = request(arena, name);
    check(control(SIOCGIFHWADDR, request), "cannot read the hardware address of " + name);
    return request;
  }

  /**
   * Whether there is something at the other end, known at once rather than in a while as for {@link
   * #isRunning}: for a TAP or TUN, a program. No answer to that if it is down.
   */
  public boolean hasCarrier() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var value = arena.allocate(VALUE_LENGTH, Long.BYTES);
      value.set(JAVA_INT_UNALIGNED, 0, ETHTOOL_GLINK);
      var request = request(arena, name);
      request.set(JAVA_LONG_UNALIGNED, IFREQ_VALUE, value.address());
      check(control(SIOCETHTOOL, request), "cannot ask for the carrier of " + name);
      return value.get(JAVA_INT_UNALIGNED, VALUE_DATA) != 0;
    }
  }

  /**
   * Its driver and where that sits, as {@code ethtool -i} tells: {@code veth}, {@code tun tap},
   * {@code bridge N/A}; empty for a driver that does not tell.
   */
  public String driver() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var info = arena.allocate(DRVINFO_LENGTH, Long.BYTES);
      info.set(JAVA_INT_UNALIGNED, 0, ETHTOOL_GDRVINFO);
      var request = request(arena, name);
      request.set(JAVA_LONG_UNALIGNED, IFREQ_VALUE, info.address());
      int result = control(SIOCETHTOOL, request);
      if (result == -Libc.EOPNOTSUPP) {
        return "";
      }
      check(result, "cannot ask for the driver of " + name);
      return (info.getString(DRVINFO_DRIVER) + " " + info.getString(DRVINFO_BUS)).strip();
    }
  }

  /** Whether it is a TAP, made by any program. */
  public boolean isTap() throws SystemCallException {
    return driver().equals(TAP_DRIVER);
  }

  /** Whether it is a TUN, made by any program. */
  public boolean isTun() throws SystemCallException {
    return driver().equals(TUN_DRIVER);
  }

  private short flags() throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, name);
      check(control(SIOCGIFFLAGS, request), "cannot read the state of " + name);
      return request.get(JAVA_SHORT_UNALIGNED, IFREQ_VALUE);
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

  /**
   * Sets how many packets may wait for it to take them before one is dropped, as {@code ip link set
   * NAME txqueuelen PACKETS}.
   */
  public void setQueueLength(int packets) throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = request(arena, name);
      request.set(JAVA_INT_UNALIGNED, IFREQ_VALUE, packets);
      check(control(SIOCSIFTXQLEN, request), "cannot set the queue length of " + name);
    }
  }

  /** A {@code struct ifreq} with the name filled in. */
  public static MemorySegment request(Arena arena, String name) {
    var request = arena.allocate(IFREQ_LENGTH);
    request.setString(0, name);
    return request;
  }

  /** Asks the kernel; what it answers, an error as its negative number. */
  static int control(long operation, MemorySegment request) throws SystemCallException {
    int socket = Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
    check(socket, "cannot open a socket");
    try {
      return Libc.ioctl(socket, operation, request.address());
    } finally {
      Libc.close(socket);
    }
  }

  static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(what, -result, fix(-result));
    }
  }

  private static String fix(int errno) {
    return switch (errno) {
      case Libc.EPERM -> Privileges.NET_ADMIN_FIX;
      case Libc.ENODEV -> "there is no such interface; ip link lists those there are";
      default -> "";
    };
  }
}
