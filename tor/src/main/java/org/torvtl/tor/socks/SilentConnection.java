/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection that is only held: tells whether it lasted as long as it was to, and is closed then.
 * A proxy that says anything on it does not do what is expected of one. Who takes the handler away
 * before has the connection for itself.
 */
final class SilentConnection extends ChannelInboundHandlerAdapter {
  private final Duration longest;
  private final Promise<Boolean> lasted;
  private @Nullable Future<?> timer;

  SilentConnection(Duration longest, Promise<Boolean> lasted) {
    this.longest = longest;
    this.lasted = lasted;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    if (ctx.channel().isActive()) {
      channelActive(ctx);
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    timer = ctx.executor().schedule(() -> end(ctx, true), longest.toNanos(), TimeUnit.NANOSECONDS);
    ctx.read();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    if (timer != null) {
      timer.cancel(false);
    }
  }

  private void end(ChannelHandlerContext ctx, boolean hasLasted) {
    lasted.trySuccess(hasLasted);
    ctx.close();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ReferenceCountUtil.release(message);
    end(ctx, false);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    // The end of the proxy's direction: there is no other event on such a connection.
    end(ctx, false);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end(ctx, false);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    end(ctx, false);
  }
}
