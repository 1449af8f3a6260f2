/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
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
  private static final long TUNGETFEATURES = 0x8004_54CFL;
  private static final long TUNSETOFFLOAD = 0x4004_54D0L, TUNSETVNETHDRSZ = 0x4004_54D8L;
  private static final short IFF_TUN = 1, IFF_TAP = 2, IFF_NO_PI = 0x1000, IFF_VNET_HDR = 0x4000;
  private static final int NO_OFFLOADS = 0, CHECKSUM = 1, TCP_IPV4 = 2, TCP_IPV6 = 4;

  private final int fd;
  private final NetworkInterface networkInterface;
  private final Link.Medium medium;
  private final boolean offloads;
  private final AtomicBoolean closed = new AtomicBoolean();

  private TunDevice(
      int fd, NetworkInterface networkInterface, Link.Medium medium, boolean offloads) {
    this.fd = fd;
    this.networkInterface = networkInterface;
    this.medium = medium;
    this.offloads = offloads;
  }

  /**
   * Makes the interface, or attaches to it, without offloads: every frame is one packet, whole.
   *
   * @see #open(NetworkInterface, Link.Medium, boolean)
   */
  public static TunDevice open(NetworkInterface networkInterface, Link.Medium medium)
      throws SystemCallException {
    return open(networkInterface, medium, false);
  }

  /**
   * Makes the interface, or attaches to it.
   *
   * <p>With offloads, whoever is at the other end may leave checksums to be made, and hand over TCP
   * in segments of up to 64 KiB whatever the MTU, and so may we. UDP's (USO) are left out: little
   * of it passes, and all of that in datagrams of their own.
   *
   * @param medium {@link Link.Medium#ETHERNET} for a TAP, {@link Link.Medium#IP} for a TUN
   * @param offloads whether to have offloads; {@link #hasOffloads} tells if the kernel has them
   * @throws SystemCallException if there is no TUN driver, no permission, if the interface is of
   *     another kind or another process is attached to it
   */
  public static TunDevice open(
      NetworkInterface networkInterface, Link.Medium medium, boolean offloads)
      throws SystemCallException {
    String name = networkInterface.name();
    int fd = openDriver("cannot open " + name + ": " + PATH);
    try (var arena = Arena.ofConfined()) {
      boolean prefixed = offloads && hasVnetHeaders(fd, arena);
      var request = NetworkInterface.request(arena, name);
      int flags = IFF_NO_PI | (medium == Link.Medium.ETHERNET ? IFF_TAP : IFF_TUN);
      request.set(
          JAVA_SHORT_UNALIGNED,
          NetworkInterface.IFREQ_VALUE,
          (short) (prefixed ? flags | IFF_VNET_HDR : flags));
      int result = Libc.ioctl(fd, TUNSETIFF, request.address());
      if (result >= 0) {
        result = prefixed ? enableOffloads(fd, arena) : Libc.ioctl(fd, TUNSETOFFLOAD, NO_OFFLOADS);
      }
      if (result < 0) {
        Libc.close(fd);
        throw new SystemCallException("cannot open " + name, -result, attachMend(-result, medium));
      }
      return new TunDevice(fd, networkInterface, medium, prefixed);
    }
  }

  private static boolean hasVnetHeaders(int fd, Arena arena) {
    var features = arena.allocate(JAVA_INT);
    return Libc.ioctl(fd, TUNGETFEATURES, features.address()) >= 0
        && (features.get(JAVA_INT, 0) & IFF_VNET_HDR) != 0;
  }

  /** Sets all there is to set: a persistent interface keeps what its last user has set. */
  private static int enableOffloads(int fd, Arena arena) {
    var length = arena.allocateFrom(JAVA_INT, VnetHeader.LENGTH);
    int result = Libc.ioctl(fd, TUNSETVNETHDRSZ, length.address());
    return result < 0 ? result : Libc.ioctl(fd, TUNSETOFFLOAD, CHECKSUM | TCP_IPV4 | TCP_IPV6);
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
    return offloads;
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
      if (offloads) {
        // Whoever attaches to a persistent interface next may know of none.
        Libc.ioctl(fd, TUNSETOFFLOAD, NO_OFFLOADS);
      }
      Libc.close(fd);
    }
  }
}
