/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;
import org.torvtl.bench.world.Service;

/** Many connections that are open at the same time, and mostly silent. */
final class HeldConnections {
  /** How many may be opening at a time. */
  private static final int OPENING = 128;

  private static final long OPEN_NANOS = 60_000_000_000L, USE_NANOS = 30_000_000_000L;
  private static final MemorySegment BUFFER = Arena.global().allocate(4096);

  private final EventLoop loop;
  private final Route route;
  private final List<Kept> all = new ArrayList<>();
  private int opening;
  private int lost;
  private int answered;

  HeldConnections(EventLoop loop, Route route) {
    this.loop = loop;
    this.route = route;
  }

  /** Opens as many as possible of those asked for. */
  Outcome open(int count) throws IOException {
    long startNanos = System.nanoTime();
    while (all.size() < count && System.nanoTime() - startNanos < OPEN_NANOS) {
      while (all.size() < count && opening < OPENING) {
        var kept = new Kept();
        all.add(kept);
        opening++;
        kept.open();
      }
      loop.runUntil(() -> opening < OPENING || System.nanoTime() - startNanos >= OPEN_NANOS);
    }
    loop.runUntil(() -> opening == 0 || System.nanoTime() - startNanos >= OPEN_NANOS);
    return new Outcome.Held(count(), System.nanoTime() - startNanos);
  }

  /** Sends a message on each and counts those that come back. */
  Outcome use() throws IOException {
    long startNanos = System.nanoTime();
    answered = 0;
    int asked = count();
    int lostBefore = lost;
    for (var kept : all) {
      kept.use();
    }
    loop.runUntil(
        () -> answered + lost - lostBefore >= asked || System.nanoTime() - startNanos >= USE_NANOS);
    return new Outcome.Held(answered, System.nanoTime() - startNanos);
  }

  Outcome release() {
    long startNanos = System.nanoTime();
    int count = count();
    all.forEach(Kept::close);
    all.clear();
    return new Outcome.Held(count, System.nanoTime() - startNanos);
  }

  private int count() {
    return (int) all.stream().filter(Kept::isOpen).count();
  }

  private final class Kept extends ClientConnection {
    private boolean isOpened;
    private int awaited;

    Kept() {
      super(loop, route);
    }

    void use() throws IOException {
      if (isOpen()) {
        awaited = Service.MESSAGE_LENGTH;
        if (!Sockets.sendWhole(fd(), BUFFER, Service.MESSAGE_LENGTH)) {
          fail();
        }
      }
    }

    @Override
    void opened() {
      isOpened = true;
      opening--;
    }

    @Override
    void progress(int events) throws IOException {
      while (true) {
        long n = Sockets.receive(fd(), BUFFER, BUFFER.byteSize());
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n <= 0) {
          fail();
          return;
        }
        awaited -= (int) n;
        if (awaited == 0) {
          answered++;
        }
      }
    }

    @Override
    void lost() {
      lost++;
      if (!isOpened) {
        opening--;
      }
    }
  }
}
