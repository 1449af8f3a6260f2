/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Connections of one event loop to the proxy on which it was greeted, has agreed to a username and
 * password, and has heard neither yet: they belong to nobody. One that ends, says anything, or
 * waits for long is closed.
 */
final class ReadyConnections {
  private static final int MOST = 16;
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  private final Deque<Channel> waiting = new ArrayDeque<>();

  /** Takes a connection over, or closes it if there are enough. */
  void put(Channel channel) {
    if (waiting.size() == MOST) {
      channel.close();
      return;
    }
    waiting.addFirst(channel);
    channel.pipeline().addLast(new Watch());
  }

  /** The connection that was put here last, without a handler; {@code null} if there is none. */
  @Nullable Channel take() {
    var channel = waiting.pollFirst();
    if (channel != null) {
      channel.pipeline().remove(Watch.class);
    }
    return channel;
  }

  private final class Watch extends ChannelInboundHandlerAdapter {
    private @Nullable Future<?> timer;

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      timer =
          ctx.executor()
              .schedule(() -> end(ctx.channel()), LONGEST_WAIT.toNanos(), TimeUnit.NANOSECONDS);
      ctx.read();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
      if (timer != null) {
        timer.cancel(false);
      }
    }

    private void end(Channel channel) {
      waiting.remove(channel);
      channel.close();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ReferenceCountUtil.release(message);
      end(ctx.channel());
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      // The end of the proxy's direction: there is no other event on such a connection.
      end(ctx.channel());
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      end(ctx.channel());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      end(ctx.channel());
    }
  }
}
