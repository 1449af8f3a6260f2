/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The functions of the C library that the program calls; no other class makes a system call by
 * itself. Each answers a result from 0 up, or the negated error number of errno(3). Memory is given
 * by address; the caller keeps it alive.
 */
public final class Libc {
  public static final int O_RDONLY = 0, O_RDWR = 2, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000;
  public static final int AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17;
  public static final int SOCK_STREAM = 1,
      SOCK_DGRAM = 2,
      SOCK_RAW = 3,
      SOCK_NONBLOCK = 0x800,
      SOCK_CLOEXEC = 0x80000;
  public static final int EPERM = 1,
      ENOENT = 2,
      ESRCH = 3,
      EINTR = 4,
      EIO = 5,
      ENXIO = 6,
      EAGAIN = 11,
      EACCES = 13;
  public static final int EBUSY = 16,
      ENODEV = 19,
      EINVAL = 22,
      ERANGE = 34,
      ENOSYS = 38,
      EBADFD = 77;
  public static final int ETIMEDOUT = 110;
  public static final int EOPNOTSUPP = 95, EADDRINUSE = 98, ENETDOWN = 100, ENOBUFS = 105;
  public static final int PR_SET_DUMPABLE = 4, PR_SET_NO_NEW_PRIVS = 38;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_VALUE =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

  private static final MethodHandle OPEN =
      function("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle IOCTL =
      function("ioctl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle SOCKET =
      function("socket", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle READV =
      function("readv", -1, FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle BIND =
      function("bind", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          -1,
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle WRITEV =
      function("writev", -1, FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SETRESUID =
      function("setresuid", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SETRESGID =
      function("setresgid", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SETGROUPS =
      function("setgroups", -1, FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle SENDTO =
      function(
          "sendto",
          -1,
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle GETPPID =
      LINKER.downcallHandle(symbol("getppid"), FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle READ =
      function("read", -1, FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle POLL =
      function("poll", -1, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle EVENTFD =
      function("eventfd", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle PRCTL =
      function(
          "prctl",
          1,
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle SETNS =
      function("setns", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle GETPWNAM_R =
      LINKER.downcallHandle(
          symbol("getpwnam_r"),
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle GETEUID =
      LINKER.downcallHandle(symbol("geteuid"), FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle STRERROR =
      LINKER.downcallHandle(symbol("strerror"), FunctionDescriptor.of(ADDRESS, JAVA_INT));

  private Libc() {}

  /** System calls that the C library has no function for; few runs of the program need one. */
  private static final class BySystemCall {
    /** Of bpf(2), by processor; -1 where it was not looked up. */
    static final long BPF =
        switch (System.getProperty("os.arch")) {
          case "amd64", "x86_64" -> 321;
          case "aarch64", "riscv64", "loongarch64" -> 280;
          default -> -1;
        };

    static final MethodHandle SYSCALL =
        function(
            "syscall",
            1,
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  }

  /** Functions for sockets that only a run with a proxy on this host needs. */
  private static final class ForSockets {
    static final MethodHandle CONNECT =
        function("connect", -1, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    static final MethodHandle GETSOCKOPT =
        function(
            "getsockopt",
            -1,
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  }

  private static MemorySegment symbol(String name) {
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name));
  }

  private static MethodHandle function(
      String name, int firstVariadic, FunctionDescriptor descriptor) {
    return firstVariadic < 0
        ? LINKER.downcallHandle(symbol(name), descriptor, ERRNO)
        : LINKER.downcallHandle(
            symbol(name), descriptor, ERRNO, Linker.Option.firstVariadicArg(firstVariadic));
  }

  private static long result(long returned, MemorySegment state) {
    return returned >= 0 ? returned : -(int) ERRNO_VALUE.get(state, 0L);
  }

  private static AssertionError impossible(Throwable thrown) {
    return new AssertionError("a downcall does not throw", thrown);
  }

  public static int open(String path, int flags) {
    var state = STATE.get();
    try (var arena = Arena.ofConfined()) {
      return (int) result((int) OPEN.invokeExact(state, arena.allocateFrom(path), flags, 0), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int ioctl(int fd, long request, long argument) {
    var state = STATE.get();
    try {
      return (int) result((int) IOCTL.invokeExact(state, fd, request, argument), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int socket(int domain, int type, int protocol) {
    var state = STATE.get();
    try {
      return (int) result((int) SOCKET.invokeExact(state, domain, type, protocol), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int close(int fd) {
    var state = STATE.get();
    try {
      return (int) result((int) CLOSE.invokeExact(state, fd), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int bind(int fd, MemorySegment address) {
    var state = STATE.get();
    try {
      return (int)
          result((int) BIND.invokeExact(state, fd, address, (int) address.byteSize()), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int connect(int fd, MemorySegment address) {
    var state = STATE.get();
    try {
      return (int)
          result(
              (int) ForSockets.CONNECT.invokeExact(state, fd, address, (int) address.byteSize()),
              state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** {@code length} is an int: the size of {@code value}, then how much of it was filled. */
  public static int getsockopt(
      int fd, int level, int option, MemorySegment value, MemorySegment length) {
    var state = STATE.get();
    try {
      return (int)
          result(
              (int) ForSockets.GETSOCKOPT.invokeExact(state, fd, level, option, value, length),
              state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int setsockopt(int fd, int level, int option, MemorySegment value) {
    var state = STATE.get();
    try {
      return (int)
          result(
              (int) SETSOCKOPT.invokeExact(state, fd, level, option, value, (int) value.byteSize()),
              state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** {@code vectors} is the address of {@code count} pairs of address and length. */
  public static long readv(int fd, long vectors, int count) {
    var state = STATE.get();
    try {
      return result((long) READV.invokeExact(state, fd, vectors, count), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** {@code vectors} is the address of {@code count} pairs of address and length. */
  public static long writev(int fd, long vectors, int count) {
    var state = STATE.get();
    try {
      return result((long) WRITEV.invokeExact(state, fd, vectors, count), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static long read(int fd, long address, long length) {
    var state = STATE.get();
    try {
      return result((long) READ.invokeExact(state, fd, address, length), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static long sendto(
      int fd, long data, long length, int flags, long address, int addressLength) {
    var state = STATE.get();
    try {
      return result(
          (long) SENDTO.invokeExact(state, fd, data, length, flags, address, addressLength), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /**
   * Waits until a descriptor can be used.
   *
   * @param descriptors an array of {@code struct pollfd}
   * @param timeoutMillis negative for ever
   */
  public static int poll(MemorySegment descriptors, long count, int timeoutMillis) {
    var state = STATE.get();
    try {
      return (int) result((int) POLL.invokeExact(state, descriptors, count, timeoutMillis), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int eventfd(int initial, int flags) {
    var state = STATE.get();
    try {
      return (int) result((int) EVENTFD.invokeExact(state, initial, flags), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int getppid() {
    try {
      return (int) GETPPID.invokeExact();
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int geteuid() {
    try {
      return (int) GETEUID.invokeExact();
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int setresuid(int real, int effective, int saved) {
    var state = STATE.get();
    try {
      return (int) result((int) SETRESUID.invokeExact(state, real, effective, saved), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int setresgid(int gid) {
    var state = STATE.get();
    try {
      return (int) result((int) SETRESGID.invokeExact(state, gid, gid, gid), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** Leaves all supplementary groups. */
  public static int dropGroups() {
    var state = STATE.get();
    try {
      return (int) result((int) SETGROUPS.invokeExact(state, 0L, 0L), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  public static int prctl(int option, long value) {
    var state = STATE.get();
    try {
      return (int) result((int) PRCTL.invokeExact(state, option, value, 0L, 0L, 0L), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** Has this thread alone in another namespace. setns(2). */
  public static int setns(int fd, int kind) {
    var state = STATE.get();
    try {
      return (int) result((int) SETNS.invokeExact(state, fd, kind), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /**
   * The system call bpf(2).
   *
   * @param attributes a {@code union bpf_attr}, of which the rest is 0
   */
  public static int bpf(int command, MemorySegment attributes) {
    if (BySystemCall.BPF < 0) {
      return -ENOSYS;
    }
    var state = STATE.get();
    try {
      return (int)
          result(
              (long)
                  BySystemCall.SYSCALL.invokeExact(
                      state,
                      BySystemCall.BPF,
                      (long) command,
                      attributes.address(),
                      attributes.byteSize()),
              state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /**
   * Looks a user up.
   *
   * @param entry space for a {@code struct passwd}
   * @param buffer space for its texts; the answer is minus {@link #ERANGE} if it is too small
   * @param found space for a pointer: null afterwards if there is no such user
   */
  public static int getpwnam(
      MemorySegment name, MemorySegment entry, MemorySegment buffer, MemorySegment found) {
    try {
      return -(int) GETPWNAM_R.invokeExact(name, entry, buffer, buffer.byteSize(), found);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  /** The C library's text for an error number. */
  public static String message(int errno) {
    try {
      return ((MemorySegment) STRERROR.invokeExact(errno)).reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }
}
