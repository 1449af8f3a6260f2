/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;

/** Sends on several connections for a time, and has the far end confirm what it took. */
final class StreamsUp {
  private static final ValueLayout.OfLong NUMBER =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int BLOCK = 256 << 10;
  private static final int HEADER = Long.BYTES;
  private static final int TURN = 8;
  private static final long OPEN_SECONDS = 20, END_SECONDS = 60;

  /** Of {@link org.torvtl.bench.world.Service#COUNT}: the header, and as much payload. */
  private static final MemorySegment BLOCKS = Arena.global().allocate(BLOCK);

  static {
    BLOCKS.set(NUMBER, 0, BLOCK - HEADER);
  }

  private static final MemorySegment NUMBERS = Arena.global().allocate(Long.BYTES);

  private final EventLoop loop;
  private final List<Stream> streams = new ArrayList<>();
  private boolean started;
  private long endNanos;
  private int open;
  private int confirmed;
  private boolean broken;

  private StreamsUp(EventLoop loop) {
    this.loop = loop;
  }

  static Outcome run(EventLoop loop, Route route, int count, int millis) throws IOException {
    return new StreamsUp(loop).run(route, count, millis);
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
      endNanos = startNanos + millis * 1_000_000L;
      started = true;
      streams.forEach(Stream::again);
      Deadline.run(
          loop,
          "the far end to take all",
          millis / 1000 + END_SECONDS,
          () -> broken || confirmed == count);
      if (broken) {
        throw new IOException("a stream broke, or not all of it arrived");
      }
      return new Outcome.Streamed(
          streams.stream().mapToLong(stream -> stream.sent).sum(), System.nanoTime() - startNanos);
    } finally {
      streams.forEach(Stream::close);
    }
  }

  private final class Stream extends ClientConnection {
    private int offset;
    private long sent;
    private boolean ended;

    Stream(Route route) {
      super(loop, route);
    }

    @Override
    void opened() {
      open++;
    }

    @Override
    void progress(int events) throws IOException {
      if (ended) {
        readConfirmation();
      } else if (started) {
        sendBlocks();
      }
    }

    private void sendBlocks() throws IOException {
      for (int i = 0; i < TURN; i++) {
        if (offset == 0 && System.nanoTime() - endNanos >= 0) {
          NUMBERS.set(NUMBER, 0, 0);
          long n = Sockets.send(fd(), NUMBERS, HEADER);
          if (n == Sockets.WOULD_BLOCK) {
            return;
          }
          ended = true;
          if (n != HEADER) {
            fail();
          } else {
            readConfirmation();
          }
          return;
        }
        long n = Sockets.send(fd(), BLOCKS.asSlice(offset), BLOCK - offset);
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n < 0) {
          fail();
          return;
        }
        offset += (int) n;
        if (offset == BLOCK) {
          offset = 0;
          sent += BLOCK - HEADER;
        }
      }
      again();
    }

    private void readConfirmation() throws IOException {
      long n = Sockets.receive(fd(), NUMBERS, Long.BYTES);
      if (n == Sockets.WOULD_BLOCK) {
        return;
      }
      if (n != Long.BYTES || NUMBERS.get(NUMBER, 0) != sent) {
        fail();
        return;
      }
      confirmed++;
      close();
    }

    @Override
    void lost() {
      broken = true;
    }
  }
}
