/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.HdrHistogram.Histogram;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;
import org.torvtl.bench.world.Service;

/**
 * Connects, asks, is answered, and sees the server close, over and over: what a page full of small
 * requests does to a network. The server closes first, as it does after an answer without
 * keep-alive, so the client's ports can be used again at once.
 */
final class ExchangeLoad {
  private static final long HIGHEST_NANOS = 60_000_000_000L;
  private static final long END_SECONDS = 30;
  private static final MemorySegment BUFFER = Arena.global().allocate(4096);

  private final EventLoop loop;
  private final Route route;
  private final Histogram latency = new Histogram(HIGHEST_NANOS, 3);
  private final Set<Exchange> running = new HashSet<>();
  private boolean over;
  private long failures;

  ExchangeLoad(EventLoop loop, Route route) {
    this.loop = loop;
    this.route = route;
  }

  Outcome run(int inFlight, int millis) throws IOException {
    try {
      long startNanos = System.nanoTime();
      long endNanos = startNanos + millis * 1_000_000L;
      for (int i = 0; i < inFlight; i++) {
        next();
      }
      loop.runUntil(() -> System.nanoTime() - endNanos >= 0);
      long count = latency.getTotalCount();
      long nanos = System.nanoTime() - startNanos;
      // Those under way count for no rate; but how long they take counts.
      over = true;
      Deadline.run(loop, "the last answers", END_SECONDS, running::isEmpty);
      if (latency.getTotalCount() == 0) {
        throw new IOException("no exchange was completed, %d failed".formatted(failures));
      }
      return new Outcome.Exchanged(
          count,
          failures,
          nanos,
          new Outcome.Latency(
              latency.getValueAtPercentile(50),
              latency.getValueAtPercentile(90),
              latency.getValueAtPercentile(99)));
    } finally {
      running.forEach(Exchange::close);
    }
  }

  private void next() throws IOException {
    var exchange = new Exchange();
    running.add(exchange);
    exchange.open();
  }

  private void ended(Exchange exchange) throws IOException {
    running.remove(exchange);
    if (!over) {
      next();
    }
  }

  private final class Exchange extends ClientConnection {
    private final long startNanos = System.nanoTime();
    private int received;

    Exchange() {
      super(loop, route);
    }

    @Override
    void opened() throws IOException {
      if (!Sockets.sendWhole(fd(), BUFFER, Service.MESSAGE_LENGTH)) {
        fail();
      }
    }

    @Override
    void progress(int events) throws IOException {
      while (true) {
        long n = Sockets.receive(fd(), BUFFER, BUFFER.byteSize());
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n < 0 || (n == 0 && received != Service.MESSAGE_LENGTH)) {
          fail();
          return;
        }
        if (n == 0) {
          latency.recordValue(Math.min(System.nanoTime() - startNanos, HIGHEST_NANOS));
          close();
          ended(this);
          return;
        }
        received += (int) n;
      }
    }

    @Override
    void lost() throws IOException {
      failures++;
      ended(this);
    }
  }
}
