/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.netty.buffer.ByteBuf;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.TunDriver;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.host.user.Privileges;
import org.torvtl.link.Link;

/**
 * An open descriptor of {@code /dev/net/tun}, attached to an interface: a TAP, which carries
 * Ethernet frames, or a TUN, which carries IP packets. Kernel documentation, networking/tuntap.
 *
 * <p>An interface that does not exist is made, and goes away again when the descriptor is closed,
 * however the process ends. One that was made persistent is attached to, and stays.
 *
 * <p>The kernel lets any user who may open {@code /dev/net/tun} attach to a device that has neither
 * an owner nor a group, and the driver's file is everybody's on most systems. So a device that has
 * none gets the user as owner who attaches to it here.
 */
public final class TunDevice implements Device {
  private static final long TUNSETIFF = 0x4004_54CAL, TUNSETPERSIST = 0x4004_54CBL;
  private static final long TUNSETOWNER = 0x4004_54CCL;
  private static final long TUNGETFEATURES = 0x8004_54CFL;
  private static final long TUNSETOFFLOAD = 0x4004_54D0L, TUNSETVNETHDRSZ = 0x4004_54D8L;
  private static final long TUNSETSTEERINGEBPF = 0x8004_54E0L;
  private static final short IFF_TUN = 1, IFF_TAP = 2, IFF_NO_PI = 0x1000, IFF_VNET_HDR = 0x4000;
  private static final short IFF_MULTI_QUEUE = 0x100;
  private static final int NO_PROGRAM = -1;
  private static final String BUSY_FIX =
      "another program is attached to it; end that, or choose another name";
  private static final int NO_OFFLOADS = 0, CHECKSUM = 1, TCP_IPV4 = 2, TCP_IPV6 = 4, TCP_ECN = 8;
  private static final int UDP_IPV4 = 0x20, UDP_IPV6 = 0x40;
  private static final int ALL_TCP = CHECKSUM | TCP_IPV4 | TCP_IPV6 | TCP_ECN;

  private final int fd;
  private final NetworkInterface networkInterface;
  private final Link.Medium medium;
  private final boolean offloads;
  private final int queue;
  private final @Nullable Steering steering;
  private final AtomicBoolean closed = new AtomicBoolean();

  private TunDevice(
      int fd,
      NetworkInterface networkInterface,
      Link.Medium medium,
      boolean offloads,
      int queue,
      @Nullable Steering steering) {
    this.fd = fd;
    this.networkInterface = networkInterface;
    this.medium = medium;
    this.offloads = offloads;
    this.queue = queue;
    this.steering = steering;
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
   * in segments of up to 64 KiB whatever the MTU, and so may we. Many UDP datagrams in one frame
   * (USO) are taken as well, to be dropped at once: cut up by the kernel, they would fill the queue
   * that all guests share.
   *
   * @param medium {@link Link.Medium#ETHERNET} for a TAP, {@link Link.Medium#IP} for a TUN
   * @param offloads whether to have offloads; {@link #hasOffloads} tells if the kernel has them
   * @throws SystemCallException if there is no TUN driver, no permission, if the interface is of
   *     another kind or another process is attached to it
   */
  public static TunDevice open(
      NetworkInterface networkInterface, Link.Medium medium, boolean offloads)
      throws SystemCallException {
    return attach(networkInterface, medium, offloads, 0, null);
  }

  /**
   * Makes the interface with several queues, or attaches to one that was made for several. Each
   * queue is a device of its own. TCP connections are shared out between the queues, each for good,
   * by the addresses of their two ends; all that is not TCP over IPv4 is in the first one. For this
   * the process must be allowed to load a program into the kernel.
   *
   * @param queues how many, at least 2
   * @return as many, the first one first; closing that is the end of the sharing out
   * @throws SystemCallException as {@link #open}, or if the program cannot be loaded; nothing is
   *     left open then
   */
  public static List<TunDevice> openQueues(
      NetworkInterface networkInterface, Link.Medium medium, boolean offloads, int queues)
      throws SystemCallException {
    var steering = new Steering(medium, queues);
    int program = steering.load();
    var devices = new ArrayList<TunDevice>();
    try {
      checkUnused(networkInterface);
      devices.add(attach(networkInterface, medium, offloads, 0, steering));
      devices.getFirst().steerBy(program);
      while (devices.size() < queues) {
        devices.add(attach(networkInterface, medium, offloads, devices.size(), steering));
      }
      checkAlone(networkInterface, queues);
      return devices;
    } catch (SystemCallException e) {
      devices.forEach(TunDevice::close);
      throw e;
    } finally {
      // The interface keeps it.
      Libc.close(program);
    }
  }

  /**
   * Makes or opens an interface for {@link #openQueues}, with one queue.
   *
   * @throws SystemCallException as {@link #open}
   */
  public static TunDevice openForQueues(NetworkInterface networkInterface, Link.Medium medium)
      throws SystemCallException {
    checkUnused(networkInterface);
    var device = attach(networkInterface, medium, false, 0, new Steering(medium, 1));
    try {
      checkAlone(networkInterface, 1);
      return device;
    } catch (SystemCallException e) {
      device.close();
      throw e;
    }
  }

  /** Before it had an owner, any user could attach to a queue of it. */
  private static void checkAlone(NetworkInterface networkInterface, int queues)
      throws SystemCallException {
    if (tun(networkInterface).queues() != queues) {
      throw new SystemCallException("cannot open " + networkInterface.name(), Libc.EBUSY, BUSY_FIX);
    }
  }

  private static LinkTable.Tun tun(NetworkInterface networkInterface) throws SystemCallException {
    return LinkTable.tun(networkInterface.name())
        .orElseThrow(() ->
            new SystemCallException(
                "cannot find out who may attach to " + networkInterface.name(), Libc.ENODEV, ""));
  }

  /**
   * Has an interface go that stays, whether it is for several queues or not.
   *
   * @throws SystemCallException as {@link #open}
   */
  public static void delete(NetworkInterface networkInterface, Link.Medium medium)
      throws SystemCallException {
    checkUnused(networkInterface);
    try (var device = attachToEither(networkInterface, medium)) {
      device.setPersistent(false);
    }
  }

  private static TunDevice attachToEither(NetworkInterface networkInterface, Link.Medium medium)
      throws SystemCallException {
    try {
      return attach(networkInterface, medium, false, 0, new Steering(medium, 1));
    } catch (SystemCallException e) {
      if (e.errno() != Libc.EINVAL) {
        throw e;
      }
      return open(networkInterface, medium);
    }
  }

  /** A program that is attached to a queue does not keep others from attaching to more. */
  private static void checkUnused(NetworkInterface networkInterface) throws SystemCallException {
    if (networkInterface.exists()
        && (networkInterface.isTap() || networkInterface.isTun())
        && networkInterface.hasCarrier()) {
      throw new SystemCallException("cannot open " + networkInterface.name(), Libc.EBUSY, BUSY_FIX);
    }
  }

  /**
   * @param steering between this and the other queues; {@code null} for an interface of one queue
   */
  private static TunDevice attach(
      NetworkInterface networkInterface,
      Link.Medium medium,
      boolean offloads,
      int queue,
      @Nullable Steering steering)
      throws SystemCallException {
    String name = networkInterface.name();
    int fd = TunDriver.open("cannot open " + name + ": " + TunDriver.FILE);
    try (var arena = Arena.ofConfined()) {
      boolean prefixed = offloads && hasVnetHeaders(fd, arena);
      var request = NetworkInterface.request(arena, name);
      int flags =
          IFF_NO_PI
              | (medium == Link.Medium.ETHERNET ? IFF_TAP : IFF_TUN)
              | (prefixed ? IFF_VNET_HDR : 0)
              | (steering != null ? IFF_MULTI_QUEUE : 0);
      request.set(JAVA_SHORT_UNALIGNED, NetworkInterface.IFREQ_VALUE, (short) flags);
      int result = Libc.ioctl(fd, TUNSETIFF, request.address());
      if (result >= 0) {
        result = prefixed ? enableOffloads(fd, arena) : Libc.ioctl(fd, TUNSETOFFLOAD, NO_OFFLOADS);
      }
      if (result < 0) {
        Libc.close(fd);
        throw new SystemCallException(
            "cannot open " + name,
            -result,
            attachFix(-result, networkInterface, medium, steering != null));
      }
      var device = new TunDevice(fd, networkInterface, medium, prefixed, queue, steering);
      try {
        if (tun(networkInterface).isOpenToAll()) {
          device.setOwner(Libc.geteuid());
        }
        return device;
      } catch (SystemCallException e) {
        device.close();
        throw e;
      }
    }
  }

  /**
   * Lets only one user attach to it, beside those who may administer the network.
   *
   * @param uid of the user, 32 bits without sign
   */
  public void setOwner(int uid) throws SystemCallException {
    int result = Libc.ioctl(fd, TUNSETOWNER, Integer.toUnsignedLong(uid));
    if (result < 0) {
      throw new SystemCallException(
          "cannot give %s an owner".formatted(networkInterface.name()), -result, "");
    }
  }

  /** Has the kernel ask a program, by its descriptor, for the queue of each frame. */
  private void steerBy(int program) throws SystemCallException {
    int result = steer(program);
    if (result < 0) {
      throw new SystemCallException(
          "cannot share out frames between the queues of " + networkInterface.name(),
          -result,
          "Linux can since 4.16");
    }
  }

  private int steer(int program) {
    try (var arena = Arena.ofConfined()) {
      return Libc.ioctl(fd, TUNSETSTEERINGEBPF, arena.allocateFrom(JAVA_INT, program).address());
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
    if (result < 0) {
      return result;
    }
    // Linux has UDP's since 6.2.
    result = Libc.ioctl(fd, TUNSETOFFLOAD, ALL_TCP | UDP_IPV4 | UDP_IPV6);
    return result < 0 ? Libc.ioctl(fd, TUNSETOFFLOAD, ALL_TCP) : result;
  }

  private static String attachFix(
      int errno, NetworkInterface networkInterface, Link.Medium medium, boolean severalQueues) {
    return switch (errno) {
      case Libc.EPERM -> Privileges.NET_ADMIN_FIX;
      case Libc.EBUSY -> BUSY_FIX;
      case Libc.EINVAL -> kindFix(networkInterface, medium, severalQueues);
      default -> "";
    };
  }

  private static String kindFix(
      NetworkInterface networkInterface, Link.Medium medium, boolean severalQueues) {
    boolean isTap = medium == Link.Medium.ETHERNET;
    try {
      if (isTap ? networkInterface.isTap() : networkInterface.isTun()) {
        return severalQueues
            ? "it was made for one queue; delete it and make one for several: ip tuntap add dev %s mode %s multi_queue"
                .formatted(networkInterface.name(), isTap ? "tap" : "tun")
            : "it was made for several queues; use two or more, or make one without multi_queue";
      }
    } catch (SystemCallException e) {
      // It went away meanwhile: nothing is known of it but that it could not be used.
    }
    return "there is an interface of that name which is not a " + (isTap ? "TAP" : "TUN");
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

  @Override
  public boolean isMisdirected(ByteBuf frame) {
    return steering != null && steering.queue(frame) != queue;
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
      if (steering != null && queue == 0) {
        int unused = steer(NO_PROGRAM);
      }
      Libc.close(fd);
    }
  }
}
