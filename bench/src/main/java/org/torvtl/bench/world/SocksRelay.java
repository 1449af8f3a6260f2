/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.world;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Pipe;
import org.torvtl.bench.socket.Sockets;

/**
 * A SOCKS 5 server (RFC 1928; RFC 1929, whatever the password) that connects every stream to the
 * loopback interface, whatever address it asked for, and moves its bytes with splice(2).
 */
public final class SocksRelay {
  private static final int VERSION = 5, AUTH_VERSION = 1;
  private static final int NO_AUTH = 0, PASSWORD = 2, NONE_ACCEPTABLE = 0xFF;
  private static final int CONNECT = 1;
  private static final int IPV4 = 1, NAME = 3, IPV6 = 4;
  private static final int SUCCEEDED = 0, REFUSED = 5, COMMAND_NOT_SUPPORTED = 7;
  private static final int MAX_HANDSHAKE = 1024;

  /** How often a stream may fill its pipe before the others have their turn. */
  private static final int TURN = 8;

  private final EventLoop loop = new EventLoop();
  private final Pipe.Pool pipes = new Pipe.Pool();
  private final MemorySegment buffer = Arena.global().allocate(MAX_HANDSHAKE);
  private final Map<Integer, MemorySegment> farAddresses = new HashMap<>();
  private final int listener;

  private SocksRelay(int port) throws IOException {
    listener = Sockets.listen(new InetSocketAddress("0.0.0.0", port));
    loop.add(listener, events -> accept());
  }

  /** Serves on a port until it is killed; several processes may share one: {@code PORT}. */
  public static void main(String[] arguments) throws IOException {
    var relay = new SocksRelay(Integer.parseInt(arguments[0]));
    System.out.println("listening");
    relay.loop.run();
  }

  private void accept() throws IOException {
    int fd = Sockets.accept(listener);
    while (fd != Sockets.WOULD_BLOCK) {
      loop.add(fd, new Stream(fd)::clientReady);
      fd = Sockets.accept(listener);
    }
  }

  private MemorySegment farAddress(int port) {
    return farAddresses.computeIfAbsent(
        port, key -> Sockets.address(new InetSocketAddress(InetAddress.getLoopbackAddress(), key)));
  }

  private enum State {
    GREETING,
    PASSWORD,
    REQUEST,
    CONNECTING,
    OPEN,
    CLOSED
  }

  /** One direction of an open stream. It keeps a pipe only while that has bytes in it. */
  private final class Direction {
    private final Stream stream;
    private final int from;
    private final int to;
    private @Nullable Pipe pipe;

    Direction(Stream stream, int from, int to) {
      this.stream = stream;
      this.from = from;
      this.to = to;
    }

    /** Moves bytes until one side would block, or for a turn. */
    void pump() throws IOException {
      for (int i = 0; i < TURN; i++) {
        if (!drained()) {
          return;
        }
        var filling = pipes.take();
        long n = filling.fill(from);
        if (n <= 0) {
          pipes.giveBack(filling);
          if (n != Sockets.WOULD_BLOCK) {
            stream.close();
          }
          return;
        }
        pipe = filling;
      }
      loop.again(events -> {
        if (stream.state == State.OPEN) {
          pump();
        }
      });
    }

    private boolean drained() {
      var held = pipe;
      while (held != null && held.held() > 0) {
        long n = held.empty(to);
        if (n < 0) {
          if (n != Sockets.WOULD_BLOCK) {
            stream.close();
          }
          return false;
        }
      }
      release();
      return true;
    }

    void release() {
      if (pipe != null) {
        pipes.giveBack(pipe);
        pipe = null;
      }
    }
  }

  /** One stream: a client's connection, and from its request on the one to the far end. */
  private final class Stream {
    private final int client;
    private State state = State.GREETING;
    private byte[] unread = new byte[0];
    private int far = -1;
    private @Nullable Direction up;
    private @Nullable Direction down;

    Stream(int client) {
      this.client = client;
    }

    private void clientReady(int events) throws IOException {
      switch (state) {
        case GREETING, PASSWORD, REQUEST -> {
          if ((events & EventLoop.READABLE) != 0) {
            readHandshake();
          }
        }
        case OPEN -> ready(events, up, down);
        case CONNECTING, CLOSED -> {}
      }
    }

    private void farReady(int events) throws IOException {
      if (state == State.CONNECTING) {
        connected(Sockets.error(far));
      }
      if (state == State.OPEN) {
        ready(events, down, up);
      }
    }

    private void ready(int events, @Nullable Direction out, @Nullable Direction in)
        throws IOException {
      if ((events & EventLoop.WRITABLE) != 0 && in != null && in.pipe != null) {
        in.pump();
      }
      if ((events & EventLoop.READABLE) != 0 && out != null && state == State.OPEN) {
        out.pump();
      }
    }

    private void readHandshake() throws IOException {
      while (state.compareTo(State.CONNECTING) < 0) {
        long n = Sockets.receive(client, buffer, MAX_HANDSHAKE - unread.length);
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n <= 0) {
          close();
          return;
        }
        int known = unread.length;
        unread = Arrays.copyOf(unread, known + (int) n);
        MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, unread, known, (int) n);
        int taken = step();
        while (taken > 0) {
          unread = Arrays.copyOfRange(unread, taken, unread.length);
          taken = state.compareTo(State.CONNECTING) < 0 ? step() : 0;
        }
      }
    }

    /** Answers one message of the handshake, if it is whole; returns its length, or 0. */
    private int step() throws IOException {
      return switch (state) {
        case GREETING -> greeting();
        case PASSWORD -> password();
        case REQUEST -> request();
        case CONNECTING, OPEN, CLOSED -> 0;
      };
    }

    private int greeting() {
      if (unread.length < 2 || unread.length < 2 + at(1)) {
        return 0;
      }
      int method = NONE_ACCEPTABLE;
      for (int i = 2; i < 2 + at(1); i++) {
        if (at(i) == PASSWORD || (at(i) == NO_AUTH && method != PASSWORD)) {
          method = at(i);
        }
      }
      int length = 2 + at(1);
      state = method == PASSWORD ? State.PASSWORD : State.REQUEST;
      answer(VERSION, method);
      return length;
    }

    private int password() {
      if (unread.length < 2 || unread.length < 3 + at(1)) {
        return 0;
      }
      int length = 3 + at(1) + at(2 + at(1));
      if (unread.length < length) {
        return 0;
      }
      state = State.REQUEST;
      answer(AUTH_VERSION, SUCCEEDED);
      return length;
    }

    private int request() throws IOException {
      if (unread.length < 5) {
        return 0;
      }
      int address =
          switch (at(3)) {
            case IPV4 -> 4;
            case NAME -> 1 + at(4);
            case IPV6 -> 16;
            default -> 0;
          };
      int length = 4 + address + 2;
      if (unread.length < length) {
        return 0;
      }
      if (at(1) != CONNECT) {
        reply(COMMAND_NOT_SUPPORTED);
        close();
        return 0;
      }
      state = State.CONNECTING;
      far = Sockets.connect(farAddress(at(length - 2) << 8 | at(length - 1)));
      loop.add(far, this::farReady);
      return length;
    }

    private int at(int index) {
      return unread[index] & 0xFF;
    }

    private void connected(int error) throws IOException {
      if (error != 0) {
        reply(REFUSED);
        close();
        return;
      }
      state = State.OPEN;
      up = new Direction(this, client, far);
      down = new Direction(this, far, client);
      reply(SUCCEEDED);
      // What the client sent before it had its answer; no more than fits an empty send buffer.
      if (unread.length > 0) {
        MemorySegment.copy(unread, 0, buffer, ValueLayout.JAVA_BYTE, 0, unread.length);
        if (!Sockets.sendWhole(far, buffer, unread.length)) {
          close();
          return;
        }
        unread = new byte[0];
      }
      up.pump();
    }

    private void reply(int code) {
      answer(VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0);
    }

    private void answer(int... bytes) {
      for (int i = 0; i < bytes.length; i++) {
        buffer.set(ValueLayout.JAVA_BYTE, i, (byte) bytes[i]);
      }
      if (!Sockets.sendWhole(client, buffer, bytes.length)) {
        close();
      }
    }

    private void close() {
      if (state == State.CLOSED) {
        return;
      }
      state = State.CLOSED;
      loop.close(client);
      if (far >= 0) {
        loop.close(far);
      }
      if (up != null) {
        up.release();
      }
      if (down != null) {
        down.release();
      }
    }
  }
}
