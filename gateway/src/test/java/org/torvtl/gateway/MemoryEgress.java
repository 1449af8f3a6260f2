/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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

/** A way out in memory, whose far ends the test plays. On one event loop. */
final class MemoryEgress implements Egress {
  final List<FarEnd> streams = new ArrayList<>();
  final List<Promise<Answer>> questions = new ArrayList<>();

  @Override
  public EgressStream connect(
      EventLoop loop,
      Destination destination,
      IsolationKey isolation,
      StreamOptions options,
      StreamHandler handler) {
    streams.add(new FarEnd(loop, destination, isolation, handler));
    return streams.getLast();
  }

  @Override
  public Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name) {
    questions.add(loop.newPromise());
    return questions.getLast();
  }

  @Override
  public Future<Answer> resolvePtr(EventLoop loop, IsolationKey isolation, InetAddress address) {
    return resolve(loop, isolation, address.getHostAddress());
  }

  @Override
  public void count(ObjLongConsumer<String> sink) {}

  /** The far end of a stream, and what the egress has of it. */
  static final class FarEnd implements EgressStream {
    final EventLoop loop;
    final Destination destination;
    final IsolationKey isolation;
    final StreamHandler handler;
    final StringBuilder heard = new StringBuilder();
    final List<Consumer<@Nullable String>> flushes = new ArrayList<>();
    final List<Consumer<Boolean>> confirmations = new ArrayList<>();
    @Nullable Runnable undrained;
    int reads;
    boolean isClosed;

    /** Whether what is flushed is taken at once. */
    boolean takes = true;

    private long tookNanos;

    FarEnd(EventLoop loop, Destination destination, IsolationKey isolation, StreamHandler handler) {
      this.loop = loop;
      this.destination = destination;
      this.isolation = isolation;
      this.handler = handler;
    }

    /** Says something, if it is asked for. */
    void says(String text) {
      assertRead();
      handler.received(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
      handler.readComplete();
    }

    private void assertRead() {
      if (reads == 0) {
        throw new AssertionError("nobody reads the stream");
      }
      reads = 0;
    }

    /** Ends its direction; the egress says so, or that it was gone itself. */
    void ends(boolean byFarEnd) {
      handler.ended();
      confirmations.removeLast().accept(byFarEnd);
    }

    /** Takes all that was flushed. */
    void takesAll() {
      takes = true;
      tookNanos = loop.ticker().nanoTime();
      var taken = List.copyOf(flushes);
      flushes.clear();
      taken.forEach(each -> each.accept(null));
    }

    @Override
    public void write(ByteBuf data) {
      heard.append(data.toString(StandardCharsets.US_ASCII));
      data.release();
    }

    @Override
    public void flush(Consumer<@Nullable String> taken) {
      flushes.add(taken);
      if (takes) {
        takesAll();
      }
    }

    @Override
    public void read() {
      reads++;
    }

    @Override
    public void confirmEnd(Consumer<Boolean> answer) {
      confirmations.add(answer);
    }

    @Override
    public long nanosSinceTook() {
      return loop.ticker().nanoTime() - tookNanos;
    }

    @Override
    public void close() {
      isClosed = true;
    }

    @Override
    public void closeOnceTaken(Duration within, Runnable onUndrained) {
      isClosed = takes;
      undrained = onUndrained;
    }
  }
}
