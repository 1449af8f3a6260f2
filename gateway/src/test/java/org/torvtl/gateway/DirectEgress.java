/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.util.concurrent.Future;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.function.ObjLongConsumer;
import java.util.function.UnaryOperator;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Destination;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.Refusal;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.egress.socket.SocketErrors;
import org.torvtl.egress.socket.SocketStream;

/**
 * Out through this host's own sockets: only for tests, since it hides nothing.
 *
 * @param route where a destination really is; so that nothing leaves this host
 */
record DirectEgress(UnaryOperator<InetSocketAddress> route) implements Egress {
  private static final class Failure extends EgressException {
    private final Refusal refusal;

    Failure(Throwable cause) {
      super(SocketErrors.words(cause), cause);
      refusal =
          SocketErrors.exhaustion(cause) != null
              ? Refusal.NONE
              : cause instanceof ConnectException ? Refusal.RESET : Refusal.HOST_UNREACHABLE;
    }

    @Override
    public Refusal refusal() {
      return refusal;
    }
  }

  @Override
  public EgressStream connect(
      EventLoop loop,
      Destination destination,
      IsolationKey isolation,
      StreamOptions options,
      StreamHandler handler) {
    var stream = new SocketStream(handler, options, SocketStream.EndCheck.NONE);
    var allocator = new ReadSizes.Allocator();
    allocator.use(stream.readSizes());
    var attempt =
        new Bootstrap()
            .group(loop)
            .channel(EpollSocketChannel.class)
            .option(ChannelOption.AUTO_READ, false)
            .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .option(ChannelOption.RECVBUF_ALLOCATOR, allocator)
            .handler(stream)
            .connect(route.apply(address(destination)));
    stream.opening(attempt);
    attempt.addListener(done -> {
      if (done.isSuccess()) {
        stream.opened(attempt.channel());
      } else {
        stream.refused(new Failure(done.cause()));
      }
    });
    return stream;
  }

  private static InetSocketAddress address(Destination destination) {
    return switch (destination) {
      case Destination.Address(InetAddress address, int port) ->
          new InetSocketAddress(address, port);
      case Destination.Name name -> throw new IllegalArgumentException("not resolved: " + name);
    };
  }

  @Override
  public Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name) {
    return loop.newSucceededFuture(Answer.Unknown.UNKNOWN);
  }

  @Override
  public Future<Answer> resolvePtr(EventLoop loop, IsolationKey isolation, InetAddress address) {
    return loop.newSucceededFuture(Answer.Unknown.UNKNOWN);
  }

  @Override
  public void count(ObjLongConsumer<String> sink) {}
}
