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
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.unix.IntegerUnixChannelOption;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
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

  /** What takes the messages. Called on the socket's event loop. */
  interface Receiver {
    /** A datagram has arrived; it is borrowed. */
    void message(ByteBuf datagram, Endpoint from);

    /** No further one is at hand for now. */
    void endOfBatch();
  }

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
    var bootstrap =
        new Bootstrap()
            .group(loop)
            .channelFactory(() -> new EpollDatagramChannel(SocketProtocolFamily.INET))
            .option(SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
            .option(
                ChannelOption.RECVBUF_ALLOCATOR,
                new FixedRecvByteBufAllocator(OnionMessage.OVERHEAD + OnionMessage.MAX_BODY_LENGTH))
            .handler(new Handler(receiver, onFailure));
    var loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    var opened =
        (peerPort == null
                ? bootstrap.bind(loopback, 0)
                : bootstrap.connect(
                    new InetSocketAddress(loopback, peerPort), new InetSocketAddress(loopback, 0)))
            .await();
    if (!opened.isSuccess()) {
      throw new IOException("cannot open a UDP socket on 127.0.0.1", opened.cause());
    }
    return new MessageSocket(opened.channel());
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
  void send(ByteBuf message, InetSocketAddress to) {
    channel.write(new DatagramPacket(message, to), channel.voidPromise());
  }

  void flush() {
    channel.flush();
  }

  @Override
  public void close() {
    channel.close();
  }
}
