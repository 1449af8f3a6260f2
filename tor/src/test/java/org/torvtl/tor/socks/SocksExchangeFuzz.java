/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.socksx.v5.DefaultSocks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5CommandType;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.socket.ReadSizes;

/**
 * A proxy's answers as a fuzz target. The first byte says what is asked for and with what
 * credentials; then each piece that arrives is a length and its bytes. Whatever comes, the exchange
 * has an outcome once the proxy has closed, and no buffer is left.
 */
public final class SocksExchangeFuzz {
  private SocksExchangeFuzz() {}

  /** What the fuzzer calls. */
  public static void fuzzerTestOneInput(byte[] data) throws Exception {
    int how = data.length == 0 ? 0 : data[0];
    var channel = new EmbeddedChannel(false, false);
    var outcome = begin(channel, how);
    var fed = new ArrayList<ByteBuf>();
    for (int at = 1; at + 1 < data.length && channel.isOpen(); ) {
      int length = Math.clamp(data[at] & 0xFF, 1, data.length - at - 1);
      var piece = Unpooled.copiedBuffer(data, at + 1, length);
      fed.add(piece);
      channel.pipeline().fireChannelRead(piece).fireChannelReadComplete();
      at += 1 + length;
    }
    channel.finishAndReleaseAll();
    if (!outcome.isDone()) {
      throw new AssertionError("the proxy has closed, and there is no outcome");
    }
    var cause = outcome.cause();
    if (cause != null && !(cause instanceof SocksException)) {
      throw new AssertionError("an outcome of no known kind", cause);
    }
    for (var piece : fed) {
      if (piece.refCnt() != 0) {
        throw new AssertionError("a buffer is left");
      }
    }
  }

  private static Future<?> begin(EmbeddedChannel channel, int how) throws Exception {
    var proxy =
        new SocksExchange.Proxy(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050), PeerCheck.ANY);
    var credentials = (how & 4) == 0 ? SocksCredentials.isolation("key") : null;
    return switch (how & 3) {
      case 1 -> {
        Promise<InetAddress> promise = ImmediateEventExecutor.INSTANCE.newPromise();
        yield follow(
            channel, new ResolveExchange(proxy, request("a.b"), credentials, promise), promise);
      }
      case 2 -> {
        Promise<String> promise = ImmediateEventExecutor.INSTANCE.newPromise();
        yield follow(
            channel,
            new ResolvePtrExchange(proxy, request("1.2.3.4"), credentials, promise),
            promise);
      }
      default -> connect(channel, proxy, credentials);
    };
  }

  private static Future<?> connect(
      EmbeddedChannel channel, SocksExchange.Proxy proxy, @Nullable SocksCredentials credentials)
      throws Exception {
    Promise<Channel> promise = ImmediateEventExecutor.INSTANCE.newPromise();
    ChannelHandler next = new ChannelInboundHandlerAdapter();
    return follow(
        channel,
        new SocksExchange.Connect(
            proxy, request("a.b"), credentials, promise, new ReadSizes(1, 2048), next),
        promise);
  }

  private static Future<?> follow(
      EmbeddedChannel channel, SocksExchange<?> exchange, Future<?> outcome) throws Exception {
    channel.pipeline().addLast(exchange);
    channel.register();
    exchange.follow(channel.newSucceededFuture());
    return outcome;
  }

  private static DefaultSocks5CommandRequest request(String host) {
    return new DefaultSocks5CommandRequest(
        Socks5CommandType.CONNECT, Socks5AddressType.DOMAIN, host, 80);
  }
}
