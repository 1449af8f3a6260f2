/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;
import org.torvtl.link.LinkCounters;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/**
 * A link to the world through an interface of the host, in the name of one of the host's addresses.
 * raw(7).
 *
 * <p>What is sent is a whole IP packet, which the kernel routes within that interface: it finds the
 * next hop's hardware address, and fills in the header's checksum and, where it is 0, the
 * identification. What arrives are the kernel's copies of all UDP datagrams, ICMP echo replies and
 * ICMP errors to the address, put together from fragments. The kernel goes on serving the address
 * itself; so a user of this link keeps the UDP ports it uses bound, or the kernel answers that they
 * are closed.
 */
public final class RawIpLink implements Link {
  private static final int PACKETS_PER_TURN = 64;
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;

  private static final int SOL_SOCKET = 1, SO_BINDTODEVICE = 25, SO_RCVBUFFORCE = 33;
  private static final int SOL_RAW = 255, ICMP_FILTER = 1, IPPROTO_RAW = 255;

  /** {@code struct sockaddr_in}: family, port, address, eight bytes of nothing. */
  private static final int SOCKADDR_LENGTH = 16, SOCKADDR_ADDRESS = 4;

  private static final ValueLayout.OfInt NETWORK_INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int DESTINATION = 16;

  private static final Logger log = LoggerFactory.getLogger(RawIpLink.class);

  private final String name;
  private final int mtu;
  private final int sender;
  private final List<Receiving> receivers = new ArrayList<>();
  private final LinkCounters counters = new LinkCounters();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment destination = arena.allocate(SOCKADDR_LENGTH, Integer.BYTES);
  private boolean started;
  private boolean closed;

  private RawIpLink(String name, int mtu, int sender) {
    this.name = name;
    this.mtu = mtu;
    this.sender = sender;
    destination.set(JAVA_SHORT, 0, (short) Libc.AF_INET);
  }

  /**
   * Opens the link.
   *
   * @param address one of the host's, on that interface; network byte order
   * @throws SystemCallException if there is no such interface or address, or no permission
   */
  public static RawIpLink open(NetworkInterface networkInterface, int address)
      throws SystemCallException {
    int mtu = networkInterface.mtu();
    int sender = socket(networkInterface, IPPROTO_RAW);
    var link = new RawIpLink(networkInterface.name(), mtu, sender);
    try {
      for (int protocol : new int[] {Ipv4Packet.PROTOCOL_ICMP, Ipv4Packet.PROTOCOL_UDP}) {
        int fd = socket(networkInterface, protocol);
        link.receivers.add(link.new Receiving(fd));
        link.prepare(fd, protocol, address);
      }
      return link;
    } catch (SystemCallException e) {
      link.closeAll();
      throw e;
    }
  }

  private static int socket(NetworkInterface networkInterface, int protocol)
      throws SystemCallException {
    String what = "cannot open a raw socket on " + networkInterface.name();
    int fd =
        Libc.socket(Libc.AF_INET, Libc.SOCK_RAW | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, protocol);
    if (fd < 0) {
      throw new SystemCallException(
          what, -fd, fd == -Libc.EPERM ? "run as root, or grant CAP_NET_RAW" : "");
    }
    try (var arena = Arena.ofConfined()) {
      var device = arena.allocateFrom(networkInterface.name());
      int result = Libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device);
      if (result < 0) {
        Libc.close(fd);
        throw new SystemCallException(
            what, -result, result == -Libc.ENODEV ? "there is no such interface" : "");
      }
    }
    return fd;
  }

  private void prepare(int fd, int protocol, int address) throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      if (protocol == Ipv4Packet.PROTOCOL_ICMP) {
        // Ones keep a type out.
        int wanted =
            1 << Icmpv4Message.ECHO_REPLY
                | 1 << Icmpv4Message.UNREACHABLE
                | 1 << Icmpv4Message.TIME_EXCEEDED
                | 1 << Icmpv4Message.PARAMETER_PROBLEM;
        var filter = arena.allocateFrom(JAVA_INT, ~wanted);
        check(Libc.setsockopt(fd, SOL_RAW, ICMP_FILTER, filter), "cannot filter ICMP on " + name);
      }
      var size = arena.allocateFrom(JAVA_INT, RECEIVE_BUFFER_BYTES);
      check(
          Libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size),
          "cannot make room for packets from " + name);
      var own = arena.allocate(SOCKADDR_LENGTH, Integer.BYTES);
      own.set(JAVA_SHORT, 0, (short) Libc.AF_INET);
      own.set(NETWORK_INT, SOCKADDR_ADDRESS, address);
      check(
          Libc.bind(fd, own),
          "cannot use the address %s on %s".formatted(Ipv4Address.toString(address), name));
    }
  }

  private static void check(int result, String what) throws SystemCallException {
    if (result < 0) {
      throw new SystemCallException(what, -result, "");
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Medium medium() {
    return Medium.IP;
  }

  @Override
  public int mtu() {
    return mtu;
  }

  @Override
  public LinkCounters counters() {
    return counters;
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    if (started) {
      throw new IllegalStateException(name + " was started before");
    }
    started = true;
    receivers.forEach(socket -> socket.start(loop, receiver));
  }

  /** One of the sockets that packets arrive at. */
  private final class Receiving {
    final int fd;
    @Nullable IoRegistration registration;

    Receiving(int fd) {
      this.fd = fd;
    }

    void start(IoEventLoop loop, Receiver receiver) {
      loop.register(new Handle(this, receiver))
          .addListener((Future<IoRegistration> registered) -> {
            if (!registered.isSuccess()) {
              receiver.failed(new IOException("cannot wait for " + name, registered.cause()));
            } else if (closed) {
              registered.getNow().cancel();
            } else {
              registration = registered.getNow();
              registration.submit(EpollIoOps.EPOLLIN);
            }
          });
    }
  }

  /** What the loop calls when a socket has packets. */
  private final class Handle implements EpollIoHandle {
    private final Receiving socket;
    private final FileDescriptor descriptor;
    private final Receiver receiver;
    private final ByteBuf buffer = ByteBufAllocator.DEFAULT.directBuffer(Ipv4Packet.MAX_LENGTH);

    Handle(Receiving socket, Receiver receiver) {
      this.socket = socket;
      this.descriptor = new FileDescriptor(socket.fd);
      this.receiver = receiver;
    }

    @Override
    public FileDescriptor fd() {
      return descriptor;
    }

    @Override
    public void handle(IoRegistration registration, IoEvent event) {
      for (int i = 0; i < PACKETS_PER_TURN && !closed; i++) {
        long length = Libc.read(socket.fd, buffer.memoryAddress(), Ipv4Packet.MAX_LENGTH);
        if (length == -Libc.EAGAIN) {
          break;
        }
        // An error of the socket's is one of a packet that was sent, and is told only once.
        if (length < 0) {
          continue;
        }
        counters.receivedFrames++;
        counters.receivedBytes += length;
        receiver.frame(buffer.setIndex(0, (int) length));
      }
      receiver.endOfBatch();
    }

    @Override
    public void unregistered() {
      buffer.release();
      Libc.close(socket.fd);
    }

    @Override
    public void close() {
      RawIpLink.this.close();
    }
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    if (closed) {
      counters.sendDrops++;
      return;
    }
    int length = headers.readableBytes() + payload.readableBytes();
    ByteBuf packet;
    try {
      packet = ByteBufAllocator.DEFAULT.directBuffer(length);
    } catch (OutOfMemoryError e) {
      counters.sendDrops++;
      return;
    }
    try {
      packet.writeBytes(headers, headers.readerIndex(), headers.readableBytes());
      packet.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
      destination.set(NETWORK_INT, SOCKADDR_ADDRESS, packet.getInt(DESTINATION));
      long sent =
          Libc.sendto(
              sender, packet.memoryAddress(), length, 0, destination.address(), SOCKADDR_LENGTH);
      if (sent < 0) {
        counters.sendDrops++;
        log.debug("{} did not take a packet: {}", name, Libc.message((int) -sent));
      } else {
        counters.sentFrames++;
        counters.sentBytes += sent;
      }
    } finally {
      packet.release();
    }
  }

  /** Closes the link; called on its event loop, or when that has ended, or before the start. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (!started) {
      closeAll();
      return;
    }
    Libc.close(sender);
    arena.close();
    for (var socket : receivers) {
      if (socket.registration != null) {
        socket.registration.cancel();
      }
    }
  }

  private void closeAll() {
    closed = true;
    Libc.close(sender);
    receivers.forEach(socket -> Libc.close(socket.fd));
    arena.close();
  }
}
