/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

import io.netty.channel.IoHandle;
import io.netty.channel.IoHandler;
import io.netty.channel.IoHandlerContext;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.IoOps;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;

/**
 * Netty's {@link EpollIoHandler} for channels with autoRead off and half-closure on, as those of
 * {@link SocketStream}. Every event loop that carries such channels over epoll is to be made with
 * {@link #newFactory()}.
 *
 * <p>Such a channel at times has no event to wait for: after the peer's FIN has been seen and
 * before the next {@code read()}. Since its pull request 16689, and at least up to 4.2.20, Netty
 * then takes the descriptor out of epoll but keeps it marked as in there, so that the next {@code
 * read()}, or a write that finds the socket full, fails with ENOENT and closes the channel: the
 * rest of a download whose sender is done would be lost. Here such a registration stays in epoll,
 * edge-triggered, so that a hang-up, which epoll always reports, is reported once instead of
 * without end.
 */
public final class LastingEpollIoHandler implements IoHandler {
  private final IoHandler epoll;

  private LastingEpollIoHandler(IoHandler epoll) {
    this.epoll = epoll;
  }

  /** For the constructor of an event loop group, in place of {@link EpollIoHandler#newFactory}. */
  public static IoHandlerFactory newFactory() {
    var factory = EpollIoHandler.newFactory();
    return executor -> new LastingEpollIoHandler(factory.newHandler(executor));
  }

  @Override
  public IoRegistration register(IoHandle handle) throws Exception {
    return new Registration(epoll.register(handle));
  }

  @Override
  public void initialize() {
    epoll.initialize();
  }

  @Override
  public int run(IoHandlerContext context) {
    return epoll.run(context);
  }

  @Override
  public void prepareToDestroy() {
    epoll.prepareToDestroy();
  }

  @Override
  public void destroy() {
    epoll.destroy();
  }

  @Override
  public void wakeup() {
    epoll.wakeup();
  }

  @Override
  public boolean isCompatible(Class<? extends IoHandle> handleType) {
    return epoll.isCompatible(handleType);
  }

  private record Registration(IoRegistration inner) implements IoRegistration {
    @Override
    @SuppressWarnings("TypeParameterUnusedInFormals") // as the interface declares it
    public <T> T attachment() {
      return inner.attachment();
    }

    @Override
    public long submit(IoOps ops) {
      return inner.submit(ops.equals(EpollIoOps.NONE) ? EpollIoOps.EPOLLET : ops);
    }

    @Override
    public boolean isValid() {
      return inner.isValid();
    }

    @Override
    public boolean cancel() {
      return inner.cancel();
    }
  }
}
