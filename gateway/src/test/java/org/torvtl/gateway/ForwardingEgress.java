/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Destination;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;

/** Does what another egress does; for tests that change a part of it. */
abstract class ForwardingEgress implements Egress {
  private final Egress inner;

  ForwardingEgress(Egress inner) {
    this.inner = inner;
  }

  @Override
  public EgressStream connect(
      EventLoop loop,
      Destination destination,
      IsolationKey isolation,
      StreamOptions options,
      StreamHandler handler) {
    return inner.connect(loop, destination, isolation, options, handler);
  }

  @Override
  public Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name) {
    return inner.resolve(loop, isolation, name);
  }

  @Override
  public Future<Answer> resolvePtr(EventLoop loop, IsolationKey isolation, InetAddress address) {
    return inner.resolvePtr(loop, isolation, address);
  }

  @Override
  public void count(ObjLongConsumer<String> sink) {
    inner.count(sink);
  }

  /** Does what another stream does. */
  static class Stream implements EgressStream {
    private final EgressStream inner;

    Stream(EgressStream inner) {
      this.inner = inner;
    }

    @Override
    public void write(ByteBuf data) {
      inner.write(data);
    }

    @Override
    public void flush(Consumer<@Nullable String> taken) {
      inner.flush(taken);
    }

    @Override
    public void read() {
      inner.read();
    }

    @Override
    public void confirmEnd(Consumer<Boolean> answer) {
      inner.confirmEnd(answer);
    }

    @Override
    public long nanosSinceTook() {
      return inner.nanosSinceTook();
    }

    @Override
    public void close() {
      inner.close();
    }

    @Override
    public void closeOnceTaken(Duration within, Runnable undrained) {
      inner.closeOnceTaken(within, undrained);
    }
  }
}
