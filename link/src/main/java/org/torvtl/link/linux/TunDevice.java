/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicBoolean;
import org.torvtl.link.Link;

/**
 * An open descriptor of {@code /dev/net/tun}, attached to an interface: a TAP, which carries
 * Ethernet frames, or a TUN, which carries IP packets. Kernel documentation, networking/tuntap.
 *
 * <p>An interface that does not exist is made, and goes away again when the descriptor is closed,
 * however the process ends. One that was made persistent is attached to, and stays.
 */
public final class TunDevice implements Device {
  private static final String PATH = "/dev/net/tun";
  private static final long TUNSETIFF = 0x4004_54CAL, TUNSETPERSIST = 0x4004_54CBL;
  private static final short IFF_TUN = 1, IFF_TAP = 2, IFF_NO_PI = 0x1000;

  private final int fd;
  private final NetworkInterface networkInterface;
  private final Link.Medium medium;
  private final AtomicBoolean closed = new AtomicBoolean();

  private TunDevice(int fd, NetworkInterface networkInterface, Link.Medium medium) {
    this.fd = fd;
    this.networkInterface = networkInterface;
    this.medium = medium;
  }

  /**
   * Makes the interface, or attaches to it.
   *
   * @param medium {@link Link.Medium#ETHERNET} for a TAP, {@link Link.Medium#IP} for a TUN
   * @throws SystemCallException if there is no TUN driver, no permission, if the interface is of
   *     another kind or another process is attached to it
   */
  public static TunDevice open(NetworkInterface networkInterface, Link.Medium medium)
      throws SystemCallException {
    String name = networkInterface.name();
    int fd = openDriver("cannot open " + name + ": " + PATH);
    try (var arena = Arena.ofConfined()) {
      var request = NetworkInterface.request(arena, name);
      short kind = medium == Link.Medium.ETHERNET ? IFF_TAP : IFF_TUN;
      request.set(JAVA_SHORT_UNALIGNED, NetworkInterface.IFREQ_VALUE, (short) (kind | IFF_NO_PI));
      int result = Libc.ioctl(fd, TUNSETIFF, request.address());
      if (result < 0) {
        Libc.close(fd);
        throw new SystemCallException("cannot open " + name, -result, attachMend(-result, medium));
      }
    }
    return new TunDevice(fd, networkInterface, medium);
  }

  /**
   * Makes sure that the driver is there and may be opened.
   *
   * @throws SystemCallException if not
   */
  public static void checkDriver() throws SystemCallException {
    Libc.close(openDriver("cannot open " + PATH));
  }

  private static int openDriver(String cannot) throws SystemCallException {
    int fd = Libc.open(PATH, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException(cannot, -fd, openMend(-fd));
    }
    return fd;
  }

  private static String openMend(int errno) {
    return switch (errno) {
      case Libc.ENOENT, Libc.ENODEV -> "load the driver: modprobe tun";
      default -> Privileges.NET_ADMIN_MEND;
    };
  }

  private static String attachMend(int errno, Link.Medium medium) {
    return switch (errno) {
      case Libc.EPERM -> Privileges.NET_ADMIN_MEND;
      case Libc.EBUSY -> "another program is attached to it; end that, or choose another name";
      case Libc.EINVAL ->
          "there is an interface of that name which is not a "
              + (medium == Link.Medium.ETHERNET ? "TAP" : "TUN")
              + ", or one with several queues";
      default -> "";
    };
  }

  @Override
  public NetworkInterface networkInterface() {
    return networkInterface;
  }

  @Override
  public Link.Medium medium() {
    return medium;
  }

  @Override
  public int fd() {
    return fd;
  }

  @Override
  public boolean hasOffloads() {
    return false;
  }

  /**
   * Whether the interface stays when the descriptor is closed.
   *
   * @param persistent {@code false} to have a persistent one go with the descriptor
   */
  public void setPersistent(boolean persistent) throws SystemCallException {
    int result = Libc.ioctl(fd, TUNSETPERSIST, persistent ? 1 : 0);
    if (result < 0) {
      throw new SystemCallException(
          "cannot make " + networkInterface.name() + (persistent ? " stay" : " go"), -result, "");
    }
  }

  /** Closes the descriptor, once: its number may be another's by the second call. */
  @Override
  public void close() {
    if (!closed.getAndSet(true)) {
      Libc.close(fd);
    }
  }
}
