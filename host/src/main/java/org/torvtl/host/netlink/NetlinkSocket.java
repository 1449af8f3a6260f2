/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.host.user.Privileges;

/** A netlink socket, non-blocking. netlink(7). Used from one thread at a time. */
public final class NetlinkSocket implements AutoCloseable {
  /** Protocols. */
  public static final int ROUTE = 0, SOCK_DIAG = 4, NETFILTER = 12;

  /** Multicast groups of {@link #ROUTE}: interfaces, neighbors, routes and rules of IPv4. */
  public static final int GROUP_LINK = 1, GROUP_NEIGH = 3, GROUP_ROUTE = 7, GROUP_RULE = 8;

  /** Of {@link #ROUTE}: addresses of IPv4, rules of IPv6. */
  public static final int GROUP_IPV4_ADDRESS = 5, GROUP_IPV6_RULE = 19;

  /** Of {@link #NETFILTER}. */
  public static final int GROUP_NFTABLES = 7;

  private static final int SOL_NETLINK = 270, ADD_MEMBERSHIP = 1, CAP_ACK = 10, EXT_ACK = 11;
  private static final int SOL_SOCKET = 1, SO_RCVBUF = 8;
  private static final int SOCKADDR_LENGTH = 12, PORT = 4;
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20, MESSAGE_BYTES = 128 << 10;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(MESSAGE_BYTES, Long.BYTES);
  private final MemorySegment outgoing = arena.allocate(NetlinkRequest.LARGEST_BYTES, Long.BYTES);
  private final int fd;

  private NetlinkSocket(int fd) {
    this.fd = fd;
  }

  /**
   * Opens a socket.
   *
   * @param port the socket's address, which one socket of a protocol and network namespace can
   *     have; 0 for any
   * @param group a multicast group to hear; 0 for none
   * @throws SystemCallException with {@code EADDRINUSE} if another socket has the port; or if there
   *     is no permission: nftables' group takes CAP_NET_ADMIN
   */
  public static NetlinkSocket open(int protocol, int port, int group) throws SystemCallException {
    int fd =
        Libc.socket(
            Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, protocol);
    check(fd);
    var socket = new NetlinkSocket(fd);
    try (var arena = Arena.ofConfined()) {
      var address = arena.allocate(SOCKADDR_LENGTH, Integer.BYTES);
      address.set(JAVA_SHORT, 0, (short) Libc.AF_NETLINK);
      address.set(JAVA_INT, PORT, port);
      check(Libc.bind(fd, address));
      if (group != 0) {
        check(
            Libc.setsockopt(
                fd, SOL_SOCKET, SO_RCVBUF, arena.allocateFrom(JAVA_INT, RECEIVE_BUFFER_BYTES)));
        check(
            Libc.setsockopt(fd, SOL_NETLINK, ADD_MEMBERSHIP, arena.allocateFrom(JAVA_INT, group)));
      }
      return socket;
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  /** Whether an error says that another socket has the port. */
  public static boolean isPortTaken(SystemCallException failure) {
    return failure.errno() == Libc.EADDRINUSE;
  }

  private static void check(int result) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(
          "cannot open a netlink socket",
          -result,
          result == -Libc.EPERM ? Privileges.NET_ADMIN_FIX : "");
    }
  }

  /** Has errors come with a reason in words, where the kernel has one (Linux 4.12). */
  void explainErrors() {
    try (var memory = Arena.ofConfined()) {
      var on = memory.allocateFrom(JAVA_INT, 1);
      for (int option : new int[] {CAP_ACK, EXT_ACK}) {
        // Without it, the error's number tells enough.
        var unused = Libc.setsockopt(fd, SOL_NETLINK, option, on);
      }
    }
  }

  int fd() {
    return fd;
  }

  /**
   * Sends one message to the kernel.
   *
   * @param message at most {@link NetlinkRequest#LARGEST_BYTES} long
   */
  void send(byte[] message) throws SystemCallException {
    MemorySegment.copy(message, 0, outgoing, JAVA_BYTE, 0, message.length);
    long sent = Libc.sendto(fd, outgoing.address(), message.length, 0, 0, 0);
    if (sent < 0) {
      throw new SystemCallException("cannot ask by netlink", (int) -sent, "");
    }
  }

  /**
   * The next messages at hand, in this machine's byte order; valid until the next call. Null if
   * there are none.
   *
   * @throws SystemCallException with {@code ENOBUFS} if messages were lost
   */
  public @Nullable ByteBuffer read() throws SystemCallException {
    long length = Libc.read(fd, buffer.address(), buffer.byteSize());
    if (length == -Libc.EAGAIN || length == -Libc.EINTR) {
      return null;
    }
    if (length < 0) {
      throw new SystemCallException("cannot hear netlink", (int) -length, "");
    }
    return buffer.asSlice(0, length).asByteBuffer().order(ByteOrder.nativeOrder());
  }

  /** More calls do nothing. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      Libc.close(fd);
      arena.close();
    }
  }
}
