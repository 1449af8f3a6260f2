/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;

/**
 * A connection that is opened along a route: first connected, then past the proxy if one is there.
 */
abstract class ClientConnection implements EventLoop.Handler {
  /** Version 5, one method offered: none. RFC 1928, section 3. */
  private static final MemorySegment GREETING =
      Arena.global().allocateFrom(ValueLayout.JAVA_BYTE, (byte) 5, (byte) 1, (byte) 0);

  private static final int METHOD_LENGTH = 2, REPLY_LENGTH = 10;
  private static final MemorySegment ANSWER = Arena.global().allocate(REPLY_LENGTH);

  private enum State {
    CONNECTING,
    METHOD,
    REPLY,
    OPEN,
    CLOSED
  }

  private final EventLoop loop;
  private final Route route;
  private State state = State.CONNECTING;
  private int answerLength;
  private int fd = -1;

  ClientConnection(EventLoop loop, Route route) {
    this.loop = loop;
    this.route = route;
  }

  /** Begins; what becomes of it is told by {@link #opened} or {@link #lost}. */
  final void open() throws IOException {
    fd = Sockets.connect(route.address());
    loop.add(fd, this);
  }

  /** The far end is there. */
  abstract void opened() throws IOException;

  /** The socket became readable, writable or both, or it is worth a try. */
  abstract void progress(int events) throws IOException;

  /** It could not be opened, or broke. It is closed. */
  abstract void lost() throws IOException;

  final int fd() {
    return fd;
  }

  final boolean isOpen() {
    return state == State.OPEN;
  }

  final void close() {
    if (state != State.CLOSED) {
      state = State.CLOSED;
      loop.close(fd);
    }
  }

  final void fail() throws IOException {
    if (state != State.CLOSED) {
      close();
      lost();
    }
  }

  /** Calls {@link #progress} after others had their turn. */
  final void again() {
    loop.again(this);
  }

  @Override
  public final void ready(int events) throws IOException {
    switch (state) {
      case CONNECTING -> {
        if (Sockets.error(fd) != 0) {
          fail();
        } else if (route.request() == null) {
          begin();
        } else {
          send(GREETING, State.METHOD);
        }
      }
      case METHOD, REPLY -> {
        if ((events & EventLoop.READABLE) != 0) {
          readAnswer();
        }
      }
      case OPEN -> progress(events);
      case CLOSED -> {}
    }
  }

  private void begin() throws IOException {
    state = State.OPEN;
    opened();
    if (state == State.OPEN) {
      progress(EventLoop.READABLE | EventLoop.WRITABLE);
    }
  }

  private void send(MemorySegment message, State next) throws IOException {
    state = next;
    answerLength = 0;
    if (!Sockets.sendWhole(fd, message, message.byteSize())) {
      fail();
    }
  }

  private void readAnswer() throws IOException {
    var request = route.request();
    while (request != null && (state == State.METHOD || state == State.REPLY)) {
      int length = state == State.METHOD ? METHOD_LENGTH : REPLY_LENGTH;
      long n = Sockets.receive(fd, ANSWER, length - answerLength);
      if (n == Sockets.WOULD_BLOCK) {
        return;
      }
      // The second byte says yes or no, in both answers; it never comes without the first here.
      if (n <= 0 || (answerLength == 0 && n > 1 && ANSWER.get(ValueLayout.JAVA_BYTE, 1) != 0)) {
        fail();
        return;
      }
      answerLength += (int) n;
      if (answerLength == length && state == State.METHOD) {
        send(request, State.REPLY);
      } else if (answerLength == length) {
        begin();
      }
    }
  }
}
