/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** A packet socket on an interface, packet(7): for programs that run inside a guest, as root. */
final class FrameSocket {
  private static final int AF_PACKET = 17, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800;
  private static final int SOL_PACKET = 263, PACKET_QDISC_BYPASS = 20;
  private static final int SOL_SOCKET = 1, SO_RCVBUFFORCE = 33;
  private static final int EINTR = 4, EAGAIN = 11, ENOBUFS = 105;
  private static final int RECEIVE_BUFFER_BYTES = 64 << 20;

  /** ETH_P_IP, network byte order. */
  static final short IPV4 = 0x0008;

  /**
   * struct sockaddr_ll of packet(7): family 2 bytes, protocol 2, ifindex 4, and more we leave 0.
   */
  private static final int SOCKADDR_LL = 20;

  private static final long RETRY_NANOS = Duration.ofNanos(100_000).toNanos();
  private static final Duration FULL_QUEUE_DEADLINE = Duration.ofSeconds(30);

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED_STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED_STATE.varHandle(StructLayout.PathElement.groupElement("errno"));

  private static final MethodHandle SOCKET =
      function("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle BIND =
      function("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle RECV =
      function("recv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SENDTO =
      function(
          "sendto",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT));

  private final MemorySegment state;
  private final MemorySegment address;
  private final MemorySegment frame;
  private final int socket;

  private FrameSocket(Arena arena, int interfaceIndex, short protocol, int maxLength)
      throws Throwable {
    state = arena.allocate(CAPTURED_STATE);
    frame = arena.allocate(maxLength);
    address = arena.allocate(SOCKADDR_LL, 8);
    address
        .asByteBuffer()
        .order(ByteOrder.nativeOrder())
        .putShort(0, (short) AF_PACKET)
        .putShort(2, protocol)
        .putInt(4, interfaceIndex);
    // Protocol 0: until it is bound, it receives nothing.
    socket = (int) SOCKET.invokeExact(state, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    check(socket, "open a packet socket");
    // Past the queueing discipline, so that a full queue is told rather than dropped from.
    setOption(SOL_PACKET, PACKET_QDISC_BYPASS, arena.allocateFrom(JAVA_INT, 1));
    if (protocol != 0) {
      setOption(SOL_SOCKET, SO_RCVBUFFORCE, arena.allocateFrom(JAVA_INT, RECEIVE_BUFFER_BYTES));
      check((int) BIND.invokeExact(state, socket, address, SOCKADDR_LL), "bind it");
    }
  }

  /** A socket that only sends. */
  static FrameSocket forSending(Arena arena, int interfaceIndex, int maxLength) throws Throwable {
    return new FrameSocket(arena, interfaceIndex, (short) 0, maxLength);
  }

  /** A socket that sends, and receives IPv4, whatever MAC address it is for. */
  static FrameSocket forIpv4(Arena arena, int interfaceIndex, int maxLength) throws Throwable {
    return new FrameSocket(arena, interfaceIndex, IPV4, maxLength);
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  private void setOption(int level, int option, MemorySegment value) throws Throwable {
    check(
        (int) SETSOCKOPT.invokeExact(state, socket, level, option, value, (int) value.byteSize()),
        "set option " + option + " of a packet socket");
  }

  private void check(long result, String what) throws IOException {
    if (result < 0) {
      throw new IOException("cannot " + what + ": errno " + errno());
    }
  }

  private int errno() {
    return (int) ERRNO.get(state, 0L);
  }

  /** Sends a frame; waits while the device's queue is full. */
  void send(byte[] bytes) throws Throwable {
    long endNanos = System.nanoTime() + FULL_QUEUE_DEADLINE.toNanos();
    while (!trySend(bytes)) {
      if (System.nanoTime() - endNanos > 0) {
        throw new IOException("the device takes no frame of " + bytes.length + " bytes");
      }
      LockSupport.parkNanos(RETRY_NANOS);
    }
  }

  /** Sends a frame, unless the device's queue is full; whether it did. */
  boolean trySend(byte[] bytes) throws Throwable {
    MemorySegment.copy(bytes, 0, frame, JAVA_BYTE, 0, bytes.length);
    long sent =
        (long)
            SENDTO.invokeExact(state, socket, frame, (long) bytes.length, 0, address, SOCKADDR_LL);
    int errno = errno();
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
      throw new IOException("cannot send " + bytes.length + " bytes: errno " + errno);
    }
    return sent >= 0;
  }

  /**
   * The beginning of the next frame that arrived, as long as {@code buffer}; 0 if there is none.
   */
  int receive(byte[] buffer) throws Throwable {
    long length = (long) RECV.invokeExact(state, socket, frame, (long) buffer.length, 0);
    if (length < 0) {
      int errno = errno();
      if (errno == EAGAIN || errno == EINTR) {
        return 0;
      }
      throw new IOException("cannot receive: errno " + errno);
    }
    MemorySegment.copy(frame, JAVA_BYTE, 0, buffer, 0, (int) length);
    return (int) length;
  }
}
