/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.socket;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Waits for sockets with epoll(7), edge-triggered: a handler is told once that its socket became
 * readable or writable, and has to read or write until that would block, or ask to be called {@link
 * #again}. For one thread.
 */
public final class EventLoop {
  public static final int READABLE = 0x001, WRITABLE = 0x004, ERROR = 0x008, HANG_UP = 0x010;
  private static final int PEER_HANG_UP = 0x2000, EDGE_TRIGGERED = 1 << 31;
  private static final int CTL_ADD = 1;
  private static final int INTERRUPTED = -4;
  private static final int BATCH = 512;

  // On x86-64 struct epoll_event is packed; elsewhere its second member is aligned.
  private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");
  private static final long DATA = PACKED ? 4 : 8;
  private static final long EVENT_LENGTH = DATA + Long.BYTES;

  /** What becomes of a socket. */
  @FunctionalInterface
  public interface Handler {
    /** Called with the bits of what the socket became; an error or a hang-up is also readable. */
    void ready(int events) throws IOException;
  }

  private final int epoll;
  private final MemorySegment event = Arena.global().allocate(EVENT_LENGTH, Long.BYTES);
  private final MemorySegment events = Arena.global().allocate(BATCH * EVENT_LENGTH, Long.BYTES);
  private @Nullable Handler[] handlers = new Handler[1024];

  /** Tells the sockets apart that had the same number one after the other. */
  private int[] generations = new int[1024];

  private final Deque<Handler> again = new ArrayDeque<>();

  public EventLoop() throws IOException {
    epoll = Sockets.check("make an epoll", SystemCalls.epollCreate());
  }

  /** Watches a socket until it is closed. */
  public void add(int fd, Handler handler) throws IOException {
    if (fd >= handlers.length) {
      handlers = Arrays.copyOf(handlers, 2 * fd);
      generations = Arrays.copyOf(generations, 2 * fd);
    }
    handlers[fd] = handler;
    event.set(ValueLayout.JAVA_INT, 0, READABLE | WRITABLE | PEER_HANG_UP | EDGE_TRIGGERED);
    event.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA, (long) generations[fd] << 32 | fd);
    Sockets.check("watch a socket", SystemCalls.epollCtl(epoll, CTL_ADD, fd, event));
  }

  /** Closes a socket that is watched; nothing is heard of it any more. */
  public void close(int fd) {
    handlers[fd] = null;
    generations[fd]++;
    Sockets.close(fd);
  }

  /** Calls a handler, with no events, after the others had their turn. */
  public void again(Handler handler) {
    again.add(handler);
  }

  /** Serves until the condition holds, which is asked after each batch and each millisecond. */
  public void runUntil(BooleanSupplier done) throws IOException {
    while (!done.getAsBoolean()) {
      turn(1);
    }
  }

  /** Serves for as long as the program runs. */
  public void run() throws IOException {
    while (true) {
      turn(-1);
    }
  }

  private void turn(int timeoutMillis) throws IOException {
    int count = SystemCalls.epollWait(epoll, events, BATCH, again.isEmpty() ? timeoutMillis : 0);
    if (count != INTERRUPTED) {
      Sockets.check("wait for sockets", count);
    }
    for (int i = 0; i < count; i++) {
      dispatch(i * EVENT_LENGTH);
    }
    // Who asks again while it is called has its turn after the next wait.
    for (int waiting = again.size(); waiting > 0; waiting--) {
      again.remove().ready(0);
    }
  }

  private void dispatch(long at) throws IOException {
    long data = events.get(ValueLayout.JAVA_LONG_UNALIGNED, at + DATA);
    int fd = (int) data;
    var handler = handlers[fd];
    if (handler != null && generations[fd] == (int) (data >>> 32)) {
      int bits = events.get(ValueLayout.JAVA_INT, at);
      handler.ready((bits & (ERROR | HANG_UP | PEER_HANG_UP)) != 0 ? bits | READABLE : bits);
    }
  }
}
