/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.world;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;

/** The server that all streams end at: every {@link Service}, each on its port. */
public final class FarEnd {
  private static final int BUFFER = 512 << 10;
  private static final ValueLayout.OfLong NUMBER =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** How many buffers a connection may fill or empty before the others have their turn. */
  private static final int TURN = 8;

  private final EventLoop loop = new EventLoop();
  private final MemorySegment buffer = Arena.global().allocate(BUFFER);
  private final MemorySegment zeros = Arena.global().allocate(BUFFER);

  private FarEnd() throws IOException {
    for (var service : Service.values()) {
      int listener = Sockets.listen(new InetSocketAddress("0.0.0.0", service.port()));
      loop.add(listener, events -> accept(listener, service));
    }
  }

  /** Serves until it is killed; several processes may share the ports. */
  public static void main(String[] arguments) throws IOException {
    var server = new FarEnd();
    System.out.println("listening");
    server.loop.run();
  }

  private void accept(int listener, Service service) throws IOException {
    int fd = Sockets.accept(listener);
    while (fd != Sockets.WOULD_BLOCK) {
      loop.add(
          fd,
          switch (service) {
            case ECHO -> new Echo(fd);
            case COUNT -> new Count(fd);
            case SOURCE -> new Source(fd);
            case ANSWER -> new Answer(fd);
            case HASH -> new Hash(fd);
            case SEEDED_SOURCE -> new SendSeeded(fd);
          });
      fd = Sockets.accept(listener);
    }
  }

  /** One connection. It reads into {@link #buffer}. */
  private abstract class Connection implements EventLoop.Handler {
    final int fd;
    private boolean closed;

    Connection(int fd) {
      this.fd = fd;
    }

    /** What came: the first {@code length} bytes of the buffer. */
    abstract void received(int length) throws IOException;

    /** It may be sent to again. */
    void writable() throws IOException {}

    /** Whether more is to be read now. */
    boolean reads() {
      return !closed;
    }

    @Override
    public void ready(int events) throws IOException {
      if ((events & EventLoop.WRITABLE) != 0 && !closed) {
        writable();
      }
      for (int i = 0; i < TURN; i++) {
        if (!reads()) {
          return;
        }
        long n = Sockets.receive(fd, buffer, BUFFER);
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n <= 0) {
          close();
          return;
        }
        received((int) n);
      }
      loop.again(this);
    }

    /** The last words. */
    final void sendAndClose(MemorySegment bytes) {
      if (!closed && !Sockets.sendWhole(fd, bytes, bytes.byteSize())) {
        System.err.println("an answer was not taken whole");
      }
      close();
    }

    final boolean isClosed() {
      return closed;
    }

    final void close() {
      if (!closed) {
        closed = true;
        loop.close(fd);
      }
    }
  }

  /** Meant for small messages: what does not fit the send buffer ends the connection. */
  private final class Echo extends Connection {
    Echo(int fd) {
      super(fd);
    }

    @Override
    void received(int length) {
      if (!Sockets.sendWhole(fd, buffer, length)) {
        close();
      }
    }
  }

  private final class Count extends Connection {
    private long total;
    private long left;
    private long header;
    private int headerLength;

    Count(int fd) {
      super(fd);
    }

    @Override
    void received(int length) {
      int at = 0;
      while (at < length) {
        if (left > 0) {
          int n = (int) Math.min(left, length - at);
          left -= n;
          total += n;
          at += n;
        } else {
          header = header << 8 | buffer.get(ValueLayout.JAVA_BYTE, at++) & 0xFF;
          if (++headerLength == Long.BYTES) {
            left = header;
            header = 0;
            headerLength = 0;
            if (left == 0) {
              buffer.set(NUMBER, 0, total);
              sendAndClose(buffer.asSlice(0, Long.BYTES));
              return;
            }
          }
        }
      }
    }
  }

  private final class Source extends Connection {
    private boolean asked;

    Source(int fd) {
      super(fd);
    }

    @Override
    void received(int length) throws IOException {
      asked = true;
      writable();
    }

    @Override
    void writable() throws IOException {
      for (int i = 0; asked && i < TURN; i++) {
        long n = Sockets.send(fd, zeros, BUFFER);
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n < 0) {
          close();
          return;
        }
      }
      if (asked) {
        loop.again(events -> {
          if (!isClosed()) {
            writable();
          }
        });
      }
    }
  }

  private final class Answer extends Connection {
    private int got;

    Answer(int fd) {
      super(fd);
    }

    @Override
    void received(int length) {
      got += length;
      if (got >= Service.MESSAGE_LENGTH) {
        sendAndClose(zeros.asSlice(0, Service.MESSAGE_LENGTH));
      }
    }
  }

  /** A connection that begins with the seed and the length of a stream. */
  private abstract class Seeded extends Connection {
    private static final int HEADER = 2 * Long.BYTES;

    private final MemorySegment header = Arena.ofAuto().allocate(HEADER, Long.BYTES);
    private int headerLength;
    final MessageDigest digest = sha256();

    Seeded(int fd) {
      super(fd);
    }

    abstract void begin(long seed, long length) throws IOException;

    abstract void more(MemorySegment bytes);

    @Override
    final void received(int length) throws IOException {
      int n = Math.min(length, HEADER - headerLength);
      MemorySegment.copy(buffer, 0, header, headerLength, n);
      if (headerLength < HEADER && headerLength + n == HEADER) {
        begin(header.get(NUMBER, 0), header.get(NUMBER, Long.BYTES));
      }
      headerLength += n;
      if (n < length && !isClosed()) {
        more(buffer.asSlice(n, length - n));
      }
    }
  }

  private final class Hash extends Seeded {
    private long seed;
    private long left;

    Hash(int fd) {
      super(fd);
    }

    @Override
    void begin(long seed, long length) {
      this.seed = seed;
      left = length;
    }

    @Override
    void more(MemorySegment bytes) {
      digest.update(bytes.asByteBuffer());
      left -= bytes.byteSize();
      if (left <= 0) {
        var hash = digest.digest();
        System.out.printf("seed %d: got %s%n", seed, HexFormat.of().formatHex(hash));
        MemorySegment.copy(hash, 0, buffer, ValueLayout.JAVA_BYTE, 0, hash.length);
        sendAndClose(buffer.asSlice(0, hash.length));
      }
    }
  }

  private final class SendSeeded extends Seeded {
    private @Nullable SeededStream stream;
    private long hashed;

    SendSeeded(int fd) {
      super(fd);
    }

    @Override
    void begin(long seed, long length) throws IOException {
      stream = new SeededStream(seed, length);
      writable();
    }

    @Override
    void more(MemorySegment bytes) {
      close();
    }

    @Override
    void writable() throws IOException {
      for (int i = 0; stream != null && i < BUFFER / 1024; i++) {
        var next = stream.next();
        if (next.byteSize() == 0) {
          var hash = digest.digest();
          MemorySegment.copy(hash, 0, buffer, ValueLayout.JAVA_BYTE, 0, hash.length);
          stream = null;
          sendAndClose(buffer.asSlice(0, hash.length));
          return;
        }
        if (hashed < stream.position() + next.byteSize()) {
          digest.update(next.asByteBuffer());
          hashed = stream.position() + next.byteSize();
        }
        long n = Sockets.send(fd, next, next.byteSize());
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n < 0) {
          close();
          return;
        }
        stream.advance(n);
      }
      if (stream != null) {
        loop.again(events -> {
          if (!isClosed()) {
            writable();
          }
        });
      }
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
