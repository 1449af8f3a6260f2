/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;

/** Receives on several connections for a time. */
final class StreamsDown {
  private static final int BUFFER_LENGTH = 512 << 10;
  private static final int TURN = 8;
  private static final long OPEN_SECONDS = 20;
  private static final MemorySegment BUFFER = Arena.global().allocate(BUFFER_LENGTH);

  private final EventLoop loop;
  private final List<Stream> streams = new ArrayList<>();
  private int open;
  private long received;
  private boolean broken;

  private StreamsDown(EventLoop loop) {
    this.loop = loop;
  }

  static Outcome run(EventLoop loop, Route route, int count, int millis) throws IOException {
    return new StreamsDown(loop).run(route, count, millis);
  }

  private Outcome run(Route route, int count, int millis) throws IOException {
    try {
      for (int i = 0; i < count; i++) {
        var stream = new Stream(route);
        streams.add(stream);
        stream.open();
      }
      Deadline.run(loop, "streams to open", OPEN_SECONDS, () -> broken || open == count);
      long startNanos = System.nanoTime();
      long endNanos = startNanos + millis * 1_000_000L;
      for (var stream : streams) {
        stream.ask();
      }
      loop.runUntil(() -> broken || System.nanoTime() - endNanos >= 0);
      long nanos = System.nanoTime() - startNanos;
      if (broken) {
        throw new IOException("a stream broke");
      }
      return new Outcome.Streamed(received, nanos);
    } finally {
      streams.forEach(Stream::close);
    }
  }

  private final class Stream extends ClientConnection {
    Stream(Route route) {
      super(loop, route);
    }

    /** Has the far end begin to send. */
    void ask() throws IOException {
      if (!Sockets.sendWhole(fd(), BUFFER, 1)) {
        fail();
      }
    }

    @Override
    void opened() {
      open++;
    }

    @Override
    void progress(int events) throws IOException {
      for (int i = 0; i < TURN; i++) {
        long n = Sockets.receive(fd(), BUFFER, BUFFER_LENGTH);
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n <= 0) {
          fail();
          return;
        }
        received += n;
      }
      again();
    }

    @Override
    void lost() {
      broken = true;
    }
  }
}
