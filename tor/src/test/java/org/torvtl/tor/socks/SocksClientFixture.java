/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.torvtl.tor.socks.ScriptedProxy.SUCCEEDED;
import static org.torvtl.tor.socks.ScriptedProxy.hex;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.CharsetUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.Parameter;
import org.torvtl.egress.Destination;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.tor.socks.ScriptedProxy.Conversation;

/**
 * A client and a scripted proxy: over TCP on both of Netty's transports, and over a Unix socket.
 * What the client does runs on one loop; what its stream brings is in {@link #reader}.
 */
abstract class SocksClientFixture {
  enum Transport {
    NIO,
    EPOLL,
    UNIX_SOCKET
  }

  static final long DEADLINE_SECONDS = 10;
  static final Duration LONG = Duration.ofSeconds(DEADLINE_SECONDS);
  static final ReadSizes READS = new ReadSizes(1448, 64 << 10);
  static final SocksCredentials GUEST = new SocksCredentials("guest", "key");
  static final Destination WEB = Destination.ofIpv4(0xC0000201, 80);
  static final String GUEST_LOGIN = "01 05" + hex("guest") + "03" + hex("key");
  static final String CONNECT_WEB = "05 01 00 01 C0000201 0050";

  @Parameter Transport transport = Transport.NIO;

  private @Nullable MultiThreadIoEventLoopGroup group;
  final Reader reader = new Reader();

  /** Keeps what the pipeline brings, and says when. */
  static final class Reader extends ChannelInboundHandlerAdapter {
    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      var buffer = (ByteBuf) message;
      events.add(buffer.toString(CharsetUtil.US_ASCII));
      buffer.release();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event == ChannelInputShutdownEvent.INSTANCE) {
        events.add("<end>");
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      events.add("<inactive>");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      events.add("<" + cause + ">");
    }

    String next() throws InterruptedException {
      var event = events.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
      return event == null ? fail("nothing within the deadline") : event;
    }
  }

  @BeforeEach
  void startLoop() {
    group =
        new MultiThreadIoEventLoopGroup(
            1,
            transport == Transport.NIO
                ? NioIoHandler.newFactory()
                : LastingEpollIoHandler.newFactory());
  }

  @AfterEach
  void stopLoop() {
    if (group != null) {
      group.shutdownGracefully(0, DEADLINE_SECONDS, TimeUnit.SECONDS).syncUninterruptibly();
    }
  }

  EventLoop loop() {
    return group == null ? fail("no loop") : group.next();
  }

  ScriptedProxy scripted(ScriptedProxy.Script... scripts) throws IOException {
    return transport == Transport.UNIX_SOCKET
        ? ScriptedProxy.onUnixSocket(scripts)
        : ScriptedProxy.onTcp(scripts);
  }

  /** What the client does while the proxy follows its scripts. */
  @FunctionalInterface
  interface Meanwhile {
    void with(ScriptedProxy proxy) throws Exception;
  }

  /** The proxy follows its script to the end. */
  void against(ScriptedProxy.Script script, Meanwhile meanwhile) throws Exception {
    against(List.of(script), meanwhile);
  }

  /** As above, with a script for each connection. */
  void against(List<ScriptedProxy.Script> scripts, Meanwhile meanwhile) throws Exception {
    try (var proxy = scripted(scripts.toArray(ScriptedProxy.Script[]::new))) {
      meanwhile.with(proxy);
      proxy.assertPlayed();
    }
  }

  static SocksClient client(ScriptedProxy proxy) throws IOException {
    return new SocksClient(proxy.address(), PeerCheck.ANY, LONG, LONG);
  }

  /** The proxy's side of a stream to {@link #WEB}, until it is open. */
  static Conversation opened(Conversation with) throws IOException {
    return with.login().expect(CONNECT_WEB).send(SUCCEEDED);
  }

  Future<Channel> connect(SocketAddress proxy) {
    return new SocksClient(proxy, PeerCheck.ANY, LONG, LONG)
        .connect(loop(), WEB, GUEST, READS, reader);
  }

  static <T> T get(Future<T> future) throws Exception {
    return future.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
  }

  static Throwable failure(Future<?> future) throws InterruptedException {
    assertThat(future.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
    var cause = future.cause();
    return cause == null ? fail("it succeeded") : cause;
  }

  Future<Boolean> isAlive(SocksClient client) {
    return client.isAlive(loop(), LONG);
  }
}
