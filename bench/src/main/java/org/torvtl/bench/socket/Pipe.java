/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.socket;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;

/** A pipe of the kernel's, through which bytes go from one socket to another uncopied. */
public final class Pipe {
  /** What a pipe takes at once, at most. */
  public static final int CAPACITY = 1 << 20;

  private static final int O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000, F_SETPIPE_SZ = 1031;
  private static final int SPLICE_F_MOVE = 1, SPLICE_F_NONBLOCK = 2;

  /** Pipes that are empty; one thread's. */
  public static final class Pool {
    private final Deque<Pipe> idle = new ArrayDeque<>();

    /** An empty pipe. */
    public Pipe take() throws IOException {
      var pipe = idle.poll();
      return pipe != null ? pipe : new Pipe();
    }

    /** Takes a pipe back; one that holds bytes is closed, so that nobody else gets them. */
    public void giveBack(Pipe pipe) {
      if (pipe.held == 0) {
        idle.push(pipe);
      } else {
        Sockets.close(pipe.in);
        Sockets.close(pipe.out);
      }
    }
  }

  private final int in;
  private final int out;
  private long held;

  private Pipe() throws IOException {
    try (var arena = Arena.ofConfined()) {
      var ends = arena.allocate(2 * Integer.BYTES, Integer.BYTES);
      Sockets.check("make a pipe", SystemCalls.pipe(ends, O_NONBLOCK | O_CLOEXEC));
      out = ends.get(ValueLayout.JAVA_INT, 0);
      in = ends.get(ValueLayout.JAVA_INT, Integer.BYTES);
    }
    // Refused to one who is not root and has many: then it holds 64 KiB, and all is as well.
    SystemCalls.fcntl(in, F_SETPIPE_SZ, CAPACITY);
  }

  /** Bytes that are in it. */
  public long held() {
    return held;
  }

  /** Fills it from a socket: how many bytes came, 0 at the end, or a negated error number. */
  public long fill(int socket) {
    long n = SystemCalls.splice(socket, in, CAPACITY, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      held += n;
    }
    return n;
  }

  /** Empties it into a socket: how many bytes went, or a negated error number. */
  public long empty(int socket) {
    long n = SystemCalls.splice(out, socket, held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      held -= n;
    }
    return n;
  }
}
