/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.channel.unix.RawUnixChannelOption;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.onion.Endpoint;
import org.torvtl.onion.OnionMessage;
import org.torvtl.wire.Ipv4Address;

/** A UDP socket on 127.0.0.1 that carries messages. */
final class MessageSocket implements AutoCloseable {
  /** Many small packets fill a socket's queue long before they fill its bytes. */
  private static final int RECEIVE_BUFFER_BYTES = 8 << 20;

  /** As SO_RCVBUF, without the system's limit, for those who may. socket(7). */
  private static final IntegerUnixChannelOption SO_RCVBUFFORCE =
      new IntegerUnixChannelOption("SO_RCVBUFFORCE", 1, 33);

  /** Numbers of 32 bits; the ninth counts what found no room. sock_diag(7). */
  private static final RawUnixChannelOption SO_MEMINFO =
      new RawUnixChannelOption("SO_MEMINFO", 1, 55, 9 * Integer.BYTES);

  private static final int SK_MEMINFO_DROPS = 8 * Integer.BYTES;

  /** What takes the messages. Called on the socket's event loop. */
  interface Receiver {
    /** A datagram has arrived; it is borrowed. */
    void message(ByteBuf datagram, Endpoint from);

    /** No further one is at hand for now. */
    void endOfBatch();
  }

  private static final int LOOPBACK = Ipv4Address.parse("127.0.0.1");

  private final Channel channel;

  private MessageSocket(Channel channel) {
    this.channel = channel;
  }

  /**
   * Opens the socket, on a port that the system chooses.
   *
   * @param peerPort the one port of 127.0.0.1 to hear and send to; null for any
   * @param onFailure told what the system says of a datagram that went out
   */
  static MessageSocket open(
      EventLoop loop, @Nullable Integer peerPort, Receiver receiver, Consumer<Throwable> onFailure)
      throws IOException, InterruptedException {
    var bootstrap = bootstrap(loop, receiver, onFailure);
    var any = address(LOOPBACK, 0);
    var opened =
        (peerPort == null
                ? bootstrap.option(EpollChannelOption.SO_REUSEPORT, true).bind(any)
                : bootstrap.connect(address(LOOPBACK, peerPort), any))
            .await();
    if (!opened.isSuccess()) {
      throw new IOException("cannot open a UDP socket on 127.0.0.1", opened.cause());
    }
    return new MessageSocket(opened.channel());
  }

  /**
   * Begins to open one more socket on the port of this one, which alone hears a peer from then on,
   * and nobody else; it can send once it {@link #isConnected}. The port stays ours: the kernel
   * gives it to no other user.
   */
  MessageSocket forPeer(
      EventLoop loop, Endpoint peer, Receiver receiver, Consumer<Throwable> onFailure) {
    return new MessageSocket(
        bootstrap(loop, receiver, onFailure)
            .option(EpollChannelOption.SO_REUSEPORT, true)
            .connect(address(peer.address(), peer.port()), address(LOOPBACK, port()))
            .addListener(connected -> {
              if (!connected.isSuccess()) {
                onFailure.accept(connected.cause());
              }
            })
            .channel());
  }

  private static Bootstrap bootstrap(
      EventLoop loop, Receiver receiver, Consumer<Throwable> onFailure) {
    return new Bootstrap()
        .group(loop)
        .channelFactory(() -> new EpollDatagramChannel(SocketProtocolFamily.INET))
        .option(SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        .option(
            ChannelOption.RECVBUF_ALLOCATOR,
            new FixedRecvByteBufAllocator(OnionMessage.OVERHEAD + OnionMessage.MAX_BODY_LENGTH))
        .handler(new Handler(receiver, onFailure));
  }

  private static InetSocketAddress address(int address, int port) {
    try {
      return new InetSocketAddress(InetAddress.getByAddress(Ipv4Address.toBytes(address)), port);
    } catch (UnknownHostException e) {
      throw new AssertionError("4 bytes are an address", e);
    }
  }

  private static final class Handler extends SimpleChannelInboundHandler<DatagramPacket> {
    private final Receiver receiver;
    private final Consumer<Throwable> onFailure;

    Handler(Receiver receiver, Consumer<Throwable> onFailure) {
      this.receiver = receiver;
      this.onFailure = onFailure;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) {
      var from = packet.sender();
      receiver.message(
          packet.content(),
          new Endpoint(Ipv4Address.fromBytes(from.getAddress().getAddress()), from.getPort()));
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      receiver.endOfBatch();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      onFailure.accept(cause);
    }
  }

  /** The port the system chose. */
  int port() {
    return ((InetSocketAddress) channel.localAddress()).getPort();
  }

  /** Queues a message to the peer until {@link #flush}; takes the buffer over. */
  void send(ByteBuf message) {
    channel.write(message, channel.voidPromise());
  }

  /** As {@link #send(ByteBuf)}, to anyone. */
  void send(ByteBuf message, Endpoint to) {
    channel.write(
        new DatagramPacket(message, address(to.address(), to.port())), channel.voidPromise());
  }

  /** Whether the socket hears one peer only. */
  boolean isConnected() {
    return channel instanceof EpollDatagramChannel datagrams && datagrams.isConnected();
  }

  /** How many datagrams the kernel had no room for. */
  long overflow() {
    var info = channel.isOpen() ? channel.config().getOption(SO_MEMINFO) : null;
    return info == null || info.remaining() < SK_MEMINFO_DROPS + Integer.BYTES
        ? 0
        : Integer.toUnsignedLong(info.order(ByteOrder.nativeOrder()).getInt(SK_MEMINFO_DROPS));
  }

  void flush() {
    channel.flush();
  }

  @Override
  public void close() {
    channel.close();
  }
}
