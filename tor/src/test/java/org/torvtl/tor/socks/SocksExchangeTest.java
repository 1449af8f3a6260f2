/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.socksx.v5.DefaultSocks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5CommandType;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.fuzz.Draws;

/** The exchange without a network: every way to cut the proxy's bytes, and any bytes at all. */
class SocksExchangeTest {
  private static final byte[] ANSWERS =
      ScriptedProxy.bytes(
          ScriptedProxy.WITH_PASSWORD
              + ScriptedProxy.ACCEPTED
              + "05 00 00 03 03 612e62 0000"
              + ScriptedProxy.hex("the stream"));

  private final ByteArrayOutputStream stream = new ByteArrayOutputStream();

  private final class Sink extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
      var buffer = (ByteBuf) message;
      buffer.readBytes(stream, buffer.readableBytes());
      buffer.release();
    }
  }

  private record Run(EmbeddedChannel channel, Promise<Channel> promise) {}

  private Run start() {
    var proxy =
        new SocksExchange.Proxy(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050), PeerCheck.ANY);
    var request =
        new DefaultSocks5CommandRequest(
            Socks5CommandType.CONNECT, Socks5AddressType.DOMAIN, "a.b", 80);
    var channel = new EmbeddedChannel(false, false);
    Promise<Channel> promise = ImmediateEventExecutor.INSTANCE.newPromise();
    var credentials = SocksCredentials.isolation("key");
    var exchange =
        new SocksExchange.Connect(
            proxy, request, credentials, promise, new ReadSizes(1, 2048), new Sink());
    channel.pipeline().addLast(exchange);
    try {
      channel.register();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    exchange.follow(channel.newSucceededFuture());
    return new Run(channel, promise);
  }

  /** Feeds the bytes in pieces and checks that no buffer that went in or came out is left. */
  private static void feed(EmbeddedChannel channel, byte[] bytes, List<Integer> cuts) {
    var fed = new ArrayList<ByteBuf>();
    int from = 0;
    for (int cut : cuts) {
      int to = Math.min(bytes.length, from + cut);
      if (to == from || !channel.isOpen()) {
        break;
      }
      var piece = Unpooled.copiedBuffer(bytes, from, to - from);
      fed.add(piece);
      channel.pipeline().fireChannelRead(piece).fireChannelReadComplete();
      from = to;
    }
    if (from < bytes.length && channel.isOpen()) {
      var rest = Unpooled.copiedBuffer(bytes, from, bytes.length - from);
      fed.add(rest);
      channel.pipeline().fireChannelRead(rest).fireChannelReadComplete();
    }
    channel.finishAndReleaseAll();
    assertThat(fed).allMatch(piece -> piece.refCnt() == 0);
  }

  @Test
  void anyCutGivesTheSame() {
    Draws.repeat(
        2000,
        draw -> {
          var cuts = draw.list(0, 40, each -> each.integer(1, 8));
          stream.reset();
          var run = start();
          feed(run.channel, ANSWERS, cuts);
          assertThat(run.promise.isSuccess()).isTrue();
          assertThat(stream).hasToString("the stream");
        });
  }

  @Test
  void anyBytesEndInAnOutcome() {
    Draws.repeat(
        2000,
        draw -> {
          int kept = draw.integer(0, 16);
          byte[] noise = draw.bytes(0, 60);
          var cuts = draw.list(0, 10, each -> each.integer(1, 20));
          stream.reset();
          var run = start();
          var bytes = new byte[kept + noise.length];
          System.arraycopy(ANSWERS, 0, bytes, 0, Math.min(kept, ANSWERS.length));
          System.arraycopy(noise, 0, bytes, kept, noise.length);
          feed(run.channel, bytes, cuts);
          assertThat(run.promise.isDone()).isTrue();
          if (!run.promise.isSuccess()) {
            assertThat(run.promise.cause()).isInstanceOf(SocksException.class);
            assertThat(run.channel.isOpen()).isFalse();
          }
        });
  }

  @Test
  void aGreetingAnsweredWithMoreThanWasAskedForFailsInOrder() throws Exception {
    var proxy =
        new SocksExchange.Proxy(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050), PeerCheck.ANY);
    var channel = new EmbeddedChannel(false, false);
    Promise<Channel> promise = ImmediateEventExecutor.INSTANCE.newPromise();
    var exchange = new SocksExchange.Greeting(proxy, promise);
    channel.pipeline().addLast(exchange);
    channel.register();
    exchange.follow(channel.newSucceededFuture());
    feed(channel, ANSWERS, List.of(ANSWERS.length));
    assertThat(promise.cause()).isInstanceOf(SocksException.MalformedReply.class);
    channel.checkException();
    assertThat(channel.isOpen()).isFalse();
  }
}
