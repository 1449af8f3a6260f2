/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksCredentials;
import org.torvtl.tor.socks.SocksDestination;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.wire.MacAddress;

/**
 * Out through Tor's SOCKS port. Each guest has an isolation key of its own, made of its MAC address
 * and a number that is new with each start: its streams share circuits with each other only.
 */
public final class TorEgress implements Egress {
  private static final int NONCE_BYTES = 16;
  private static final int PROBE_TIMEOUT_MILLIS = 2_000;

  private final InetSocketAddress proxy;
  private final SocksClient socks;
  private final String nonce;

  /**
   * @param proxy Tor's SOCKS port; an address, not a name
   */
  public TorEgress(InetSocketAddress proxy, SecureRandom random) {
    this.proxy = proxy;
    this.socks = new SocksClient(proxy);
    var bytes = new byte[NONCE_BYTES];
    random.nextBytes(bytes);
    this.nonce = HexFormat.of().formatHex(bytes);
  }

  @Override
  public String isolationKey(long guest) {
    return nonce + "-" + MacAddress.toString(guest);
  }

  @Override
  public Future<Channel> connect(
      EventLoop loop,
      String isolationKey,
      int address,
      int port,
      RecvByteBufAllocator reads,
      ChannelHandler next) {
    return socks.connect(
        loop,
        SocksDestination.ofIpv4(address, port),
        SocksCredentials.isolation(isolationKey),
        reads,
        next);
  }

  @Override
  public Refusal refusal(Throwable cause) {
    if (cause instanceof SocksException.Refused refused) {
      return switch (refused.reply()) {
        // An exit that is refused a connection mostly ends the stream with the reason MISC, which
        // arrives here as a general failure; only rarely does it say that it was refused.
        case CONNECTION_REFUSED, GENERAL_FAILURE -> Refusal.RESET;
        case NOT_ALLOWED -> Refusal.PROHIBITED;
        case NETWORK_UNREACHABLE -> Refusal.NETWORK_UNREACHABLE;
        default -> Refusal.HOST_UNREACHABLE;
      };
    }
    // A proxy that answers too late means a far end not heard from; all else that there is no Tor.
    return cause instanceof SocksException.TimedOut ? Refusal.HOST_UNREACHABLE : Refusal.RESET;
  }

  @Override
  public boolean isGone(Throwable cause) {
    return cause instanceof SocksException.ProxyUnreachable;
  }

  @Override
  public Future<InetAddress> resolve(EventLoop loop, String isolationKey, String name) {
    return socks.resolve(loop, name, SocksCredentials.isolation(isolationKey));
  }

  @Override
  public Future<String> resolvePtr(EventLoop loop, String isolationKey, InetAddress address) {
    return socks.resolvePtr(loop, address, SocksCredentials.isolation(isolationKey));
  }

  @Override
  public Future<Boolean> isAlive(EventLoop loop) {
    var greeting = new Greeting(loop.newPromise());
    new Bootstrap()
        .group(loop)
        .channel(EpollSocketChannel.class)
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, PROBE_TIMEOUT_MILLIS)
        .handler(greeting)
        .connect(proxy)
        .addListener((ChannelFuture connected) -> {
          if (!connected.isSuccess()) {
            greeting.answered.trySuccess(false);
          }
        });
    return greeting.answered;
  }

  /**
   * Says hello to a SOCKS server and hears whether it answers. That its port takes connections
   * would not do: the kernel takes them for a process that is just ending.
   */
  private static final class Greeting extends ChannelInboundHandlerAdapter {
    /** Version 5, one method offered: username and password. RFC 1928, section 3. */
    private static final byte[] HELLO = {5, 1, 2};

    private final Promise<Boolean> answered;

    Greeting(Promise<Boolean> answered) {
      this.answered = answered;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
      context.writeAndFlush(Unpooled.wrappedBuffer(HELLO));
      var timeout =
          context
              .executor()
              .schedule(() -> end(context, false), PROBE_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS);
      answered.addListener(done -> timeout.cancel(false));
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ReferenceCountUtil.release(message);
      end(context, true);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      end(context, false);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      end(context, false);
    }

    private void end(ChannelHandlerContext context, boolean alive) {
      answered.trySuccess(alive);
      context.close();
    }
  }
}
