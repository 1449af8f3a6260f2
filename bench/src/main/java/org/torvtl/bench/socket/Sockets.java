/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.socket;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;

/** TCP sockets over IPv4, none of which ever blocks. */
public final class Sockets {
  /** Negated error numbers that {@link #receive}, {@link #send} and the like answer. */
  public static final int WOULD_BLOCK = -11;

  private static final int IN_PROGRESS = -115, CONNECTION_ABORTED = -103;
  private static final int AF_INET = 2,
      SOCK_STREAM = 1,
      SOCK_NONBLOCK = 0x800,
      SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4, SO_REUSEPORT = 15;
  private static final int IPPROTO_TCP = 6, TCP_NODELAY = 1;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int BACKLOG = 1 << 16;
  private static final int SOCKADDR_LENGTH = 16;

  private static final ValueLayout.OfShort BIG_SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ThreadLocal<MemorySegment> NUMBERS =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(2 * Integer.BYTES, Integer.BYTES));

  private Sockets() {}

  /** A {@code struct sockaddr_in} for as long as the program runs. */
  public static MemorySegment address(InetSocketAddress of) {
    var address = Arena.global().allocate(SOCKADDR_LENGTH, Long.BYTES);
    address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_INET);
    address.set(BIG_SHORT, 2, (short) of.getPort());
    MemorySegment.copy(of.getAddress().getAddress(), 0, address, ValueLayout.JAVA_BYTE, 4, 4);
    return address;
  }

  /** A socket that listens; several on one address share the connections out between them. */
  public static int listen(InetSocketAddress at) throws IOException {
    int fd = open();
    option(fd, SOL_SOCKET, SO_REUSEADDR);
    option(fd, SOL_SOCKET, SO_REUSEPORT);
    check("bind to " + at, SystemCalls.bind(fd, address(at)));
    check("listen at " + at, SystemCalls.listen(fd, BACKLOG));
    return fd;
  }

  /** The next connection, or {@link #WOULD_BLOCK}. */
  public static int accept(int listener) throws IOException {
    while (true) {
      int fd = SystemCalls.accept(listener, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        option(fd, IPPROTO_TCP, TCP_NODELAY);
        return fd;
      }
      if (fd == WOULD_BLOCK) {
        return fd;
      }
      if (fd != CONNECTION_ABORTED) {
        check("accept a connection", fd);
      }
    }
  }

  /** A socket that is connecting: when it becomes writable, {@link #error} tells how it went. */
  public static int connect(MemorySegment address) throws IOException {
    int fd = open();
    option(fd, IPPROTO_TCP, TCP_NODELAY);
    int result = SystemCalls.connect(fd, address);
    if (result < 0 && result != IN_PROGRESS) {
      close(fd);
      check("connect", result);
    }
    return fd;
  }

  /** The negated error number that is pending on a socket, or 0. */
  public static int error(int fd) throws IOException {
    var value = NUMBERS.get();
    value.set(ValueLayout.JAVA_INT, Integer.BYTES, Integer.BYTES);
    check(
        "getsockopt",
        SystemCalls.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, value.asSlice(Integer.BYTES)));
    return -value.get(ValueLayout.JAVA_INT, 0);
  }

  /** How many bytes came, 0 at the end of the stream, or a negated error number. */
  public static long receive(int fd, MemorySegment buffer, long length) {
    return SystemCalls.recv(fd, buffer, length);
  }

  /** How many bytes were taken, or a negated error number. */
  public static long send(int fd, MemorySegment buffer, long length) {
    return SystemCalls.send(fd, buffer, length, MSG_NOSIGNAL);
  }

  /** A few bytes at once; a socket that does not take them whole is treated as broken. */
  public static boolean sendWhole(int fd, MemorySegment buffer, long length) {
    return send(fd, buffer, length) == length;
  }

  public static void close(int fd) {
    SystemCalls.close(fd);
  }

  private static int open() throws IOException {
    return check(
        "open a socket",
        SystemCalls.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  private static void option(int fd, int level, int option) throws IOException {
    var value = NUMBERS.get();
    value.set(ValueLayout.JAVA_INT, 0, 1);
    check("setsockopt", SystemCalls.setsockopt(fd, level, option, value.asSlice(0, Integer.BYTES)));
  }

  static int check(String what, int result) throws IOException {
    if (result < 0) {
      throw new IOException("cannot %s: error %d of errno(3)".formatted(what, -result));
    }
    return result;
  }
}
