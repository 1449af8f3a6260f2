/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.socket;

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
 * The functions of the C library that this package calls. Each answers a result from 0 up, or the
 * negated error number of errno(3).
 */
final class SystemCalls {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_VALUE =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

  private static final MethodHandle SOCKET =
      function("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle GETSOCKOPT =
      function(
          "getsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle BIND =
      function("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle LISTEN =
      function("listen", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle ACCEPT4 =
      function("accept4", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle CONNECT =
      function("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle RECV =
      function("recv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SEND =
      function("send", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle PIPE2 =
      function("pipe2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FCNTL =
      LINKER.downcallHandle(
          symbol("fcntl"),
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT),
          ERRNO,
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle SPLICE =
      function(
          "splice",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle EPOLL_CREATE1 =
      function("epoll_create1", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle EPOLL_CTL =
      function("epoll_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle EPOLL_WAIT =
      function(
          "epoll_wait", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));

  private SystemCalls() {}

  private static MemorySegment symbol(String name) {
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name));
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(symbol(name), descriptor, ERRNO);
  }

  private static long result(long returned, MemorySegment state) {
    return returned >= 0 ? returned : -(int) ERRNO_VALUE.get(state, 0L);
  }

  private static AssertionError impossible(Throwable thrown) {
    return new AssertionError("a downcall does not throw", thrown);
  }

  static int socket(int domain, int type, int protocol) {
    var state = STATE.get();
    try {
      return (int) result((int) SOCKET.invokeExact(state, domain, type, protocol), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int setsockopt(int fd, int level, int option, MemorySegment value) {
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

  static int getsockopt(int fd, int level, int option, MemorySegment value, MemorySegment length) {
    var state = STATE.get();
    try {
      return (int)
          result((int) GETSOCKOPT.invokeExact(state, fd, level, option, value, length), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int bind(int fd, MemorySegment address) {
    var state = STATE.get();
    try {
      return (int)
          result((int) BIND.invokeExact(state, fd, address, (int) address.byteSize()), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int listen(int fd, int backlog) {
    var state = STATE.get();
    try {
      return (int) result((int) LISTEN.invokeExact(state, fd, backlog), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int accept(int fd, int flags) {
    var state = STATE.get();
    try {
      return (int)
          result(
              (int) ACCEPT4.invokeExact(state, fd, MemorySegment.NULL, MemorySegment.NULL, flags),
              state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int connect(int fd, MemorySegment address) {
    var state = STATE.get();
    try {
      return (int)
          result((int) CONNECT.invokeExact(state, fd, address, (int) address.byteSize()), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static long recv(int fd, MemorySegment buffer, long length) {
    var state = STATE.get();
    try {
      return result((long) RECV.invokeExact(state, fd, buffer, length, 0), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static long send(int fd, MemorySegment buffer, long length, int flags) {
    var state = STATE.get();
    try {
      return result((long) SEND.invokeExact(state, fd, buffer, length, flags), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int close(int fd) {
    var state = STATE.get();
    try {
      return (int) result((int) CLOSE.invokeExact(state, fd), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int pipe(MemorySegment ends, int flags) {
    var state = STATE.get();
    try {
      return (int) result((int) PIPE2.invokeExact(state, ends, flags), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int fcntl(int fd, int command, int argument) {
    var state = STATE.get();
    try {
      return (int) result((int) FCNTL.invokeExact(state, fd, command, argument), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static long splice(int from, int to, long length, int flags) {
    var state = STATE.get();
    try {
      return result(
          (long)
              SPLICE.invokeExact(
                  state, from, MemorySegment.NULL, to, MemorySegment.NULL, length, flags),
          state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int epollCreate() {
    var state = STATE.get();
    try {
      return (int) result((int) EPOLL_CREATE1.invokeExact(state, 0), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int epollCtl(int epoll, int operation, int fd, MemorySegment event) {
    var state = STATE.get();
    try {
      return (int) result((int) EPOLL_CTL.invokeExact(state, epoll, operation, fd, event), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }

  static int epollWait(int epoll, MemorySegment events, int capacity, int timeoutMillis) {
    var state = STATE.get();
    try {
      return (int)
          result(
              (int) EPOLL_WAIT.invokeExact(state, epoll, events, capacity, timeoutMillis), state);
    } catch (Throwable e) {
      throw impossible(e);
    }
  }
}
