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
import java.net.NetworkInterface;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * Sends hostile frames out of an interface, by a packet socket: a program to run inside a guest.
 *
 * <p>Arguments: interface, seed, number of frames, the guest's IPv4 address, an IPv4 address behind
 * the gateway. Prints {@code sent N}. A frame that finds the device's queue full is sent again.
 */
public final class FrameInjector {
  private static final int AF_PACKET = 17, SOCK_RAW = 3, SOL_PACKET = 263;
  private static final int PACKET_QDISC_BYPASS = 20;
  private static final int EINTR = 4, EAGAIN = 11, ENOBUFS = 105;

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
  private static final MethodHandle SETSOCKOPT =
      function(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle SENDTO =
      function(
          "sendto",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT));

  private final MemorySegment state;
  private final MemorySegment address;
  private final MemorySegment frame;
  private final int socket;

  FrameInjector(Arena arena, int interfaceIndex) throws Throwable {
    state = arena.allocate(CAPTURED_STATE);
    frame = arena.allocate(HostileFrames.MAX_LENGTH);
    address = arena.allocate(SOCKADDR_LL, 8);
    address
        .asByteBuffer()
        .order(ByteOrder.nativeOrder())
        .putShort(0, (short) AF_PACKET)
        .putInt(4, interfaceIndex);
    // Protocol 0: this socket sends only.
    socket = (int) SOCKET.invokeExact(state, AF_PACKET, SOCK_RAW, 0);
    check(socket, "open a packet socket");
    var on = arena.allocateFrom(JAVA_INT, 1);
    // Past the queueing discipline, so that a full queue is told rather than dropped from.
    check(
        (int)
            SETSOCKOPT.invokeExact(
                state, socket, SOL_PACKET, PACKET_QDISC_BYPASS, on, Integer.BYTES),
        "bypass the queueing discipline");
  }

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  private void check(long result, String what) throws IOException {
    if (result < 0) {
      throw new IOException("cannot " + what + ": errno " + (int) ERRNO.get(state, 0L));
    }
  }

  private void send(byte[] bytes) throws Throwable {
    long endNanos = System.nanoTime() + FULL_QUEUE_DEADLINE.toNanos();
    while (!trySend(bytes)) {
      if (System.nanoTime() - endNanos > 0) {
        throw new IOException("the device takes no frame of " + bytes.length + " bytes");
      }
      LockSupport.parkNanos(RETRY_NANOS);
    }
  }

  /** Sends a frame, unless the device's queue is full. */
  boolean trySend(byte[] bytes) throws Throwable {
    MemorySegment.copy(bytes, 0, frame, JAVA_BYTE, 0, bytes.length);
    long sent =
        (long)
            SENDTO.invokeExact(state, socket, frame, (long) bytes.length, 0, address, SOCKADDR_LL);
    int errno = (int) ERRNO.get(state, 0L);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
      throw new IOException("cannot send " + bytes.length + " bytes: errno " + errno);
    }
    return sent >= 0;
  }

  /** The command that runs this program, in a project that is at {@code project} and is built. */
  static List<String> command(
      String project, String device, long seed, int count, String guestAddress, String farAddress) {
    return List.of(
        System.getProperty("java.home") + "/bin/java",
        "--enable-native-access=ALL-UNNAMED",
        "-XX:-UsePerfData",
        "-cp",
        project + "/e2e/target/classes",
        FrameInjector.class.getName(),
        device,
        Long.toString(seed),
        Integer.toString(count),
        guestAddress,
        farAddress);
  }

  public static void main(String[] arguments) throws Throwable {
    var device = NetworkInterface.getByName(arguments[0]);
    long seed = Long.parseLong(arguments[1]);
    int count = Integer.parseInt(arguments[2]);
    var frames =
        new HostileFrames(
            new SplittableRandom(seed),
            device.getHardwareAddress(),
            ipv4(arguments[3]),
            ipv4(arguments[4]));
    try (var arena = Arena.ofConfined()) {
      var injector = new FrameInjector(arena, device.getIndex());
      for (int i = 0; i < count; i++) {
        injector.send(frames.next());
      }
    }
    System.out.println("sent " + count);
  }

  private static int ipv4(String address) throws IOException {
    return ByteBuffer.wrap(java.net.InetAddress.getByName(address).getAddress()).getInt();
  }
}
