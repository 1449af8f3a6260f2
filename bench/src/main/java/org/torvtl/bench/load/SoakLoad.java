/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.socket.Sockets;
import org.torvtl.bench.world.SeededStream;

/** A seeded stream each way at the same time; both ends of each say what its SHA-256 is. */
final class SoakLoad {
  private static final ValueLayout.OfLong NUMBER =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int HASH_LENGTH = 32;
  private static final int BUFFER_LENGTH = 256 << 10;
  private static final int TURN = 8;
  private static final MemorySegment BUFFER = Arena.global().allocate(BUFFER_LENGTH);

  private final EventLoop loop;
  private final Route up;
  private final Route down;
  private boolean broken;

  SoakLoad(EventLoop loop, Route up, Route down) {
    this.loop = loop;
    this.up = up;
    this.down = down;
  }

  Outcome run(long seed, long bytes) throws IOException {
    long startNanos = System.nanoTime();
    var sender = new Sender(seed, bytes);
    var receiver = new Receiver(~seed, bytes);
    try {
      sender.open();
      receiver.open();
      loop.runUntil(() -> broken || (sender.isDone() && receiver.isDone()));
      if (broken) {
        throw new IOException(
            "a stream broke after %d bytes up and %d bytes down"
                .formatted(sender.stream.position(), receiver.count));
      }
      return new Outcome.Soaked(
          HexFormat.of().formatHex(sender.digest.digest()),
          HexFormat.of().formatHex(sender.theirHash),
          HexFormat.of().formatHex(receiver.theirHash),
          HexFormat.of().formatHex(receiver.digest.digest()),
          System.nanoTime() - startNanos);
    } finally {
      sender.close();
      receiver.close();
    }
  }

  private abstract class Hashed extends ClientConnection {
    final long seed;
    final long length;
    final MessageDigest digest = sha256();
    final byte[] theirHash = new byte[HASH_LENGTH];
    private int hashLength;

    Hashed(Route route, long seed, long length) {
      super(loop, route);
      this.seed = seed;
      this.length = length;
    }

    final boolean isDone() {
      return hashLength == HASH_LENGTH;
    }

    /** Takes the other side's hash: the last bytes that come. */
    final void hash(MemorySegment bytes) throws IOException {
      int n = (int) Math.min(bytes.byteSize(), HASH_LENGTH - hashLength);
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, theirHash, hashLength, n);
      hashLength += n;
      if (n < bytes.byteSize()) {
        fail();
      } else if (isDone()) {
        close();
      }
    }

    @Override
    void opened() throws IOException {
      BUFFER.set(NUMBER, 0, seed);
      BUFFER.set(NUMBER, Long.BYTES, length);
      if (!Sockets.sendWhole(fd(), BUFFER, 2 * Long.BYTES)) {
        fail();
      }
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
        received(BUFFER.asSlice(0, n));
        if (!isOpen()) {
          return;
        }
      }
      again();
    }

    abstract void received(MemorySegment bytes) throws IOException;

    @Override
    final void lost() {
      broken = true;
    }
  }

  private final class Sender extends Hashed {
    private final SeededStream stream;
    private long hashed;

    Sender(long seed, long length) {
      super(up, seed, length);
      stream = new SeededStream(seed, length);
    }

    @Override
    void progress(int events) throws IOException {
      for (int i = 0; i < TURN; i++) {
        var next = stream.next();
        if (next.byteSize() == 0) {
          super.progress(events);
          return;
        }
        if (hashed < stream.position() + next.byteSize()) {
          digest.update(next.asByteBuffer());
          hashed = stream.position() + next.byteSize();
        }
        long n = Sockets.send(fd(), next, next.byteSize());
        if (n == Sockets.WOULD_BLOCK) {
          return;
        }
        if (n < 0) {
          fail();
          return;
        }
        stream.advance(n);
      }
      again();
    }

    @Override
    void received(MemorySegment bytes) throws IOException {
      hash(bytes);
    }
  }

  private final class Receiver extends Hashed {
    private long count;

    Receiver(long seed, long length) {
      super(down, seed, length);
    }

    @Override
    void received(MemorySegment bytes) throws IOException {
      long n = Math.min(bytes.byteSize(), length - count);
      digest.update(bytes.asSlice(0, n).asByteBuffer());
      count += n;
      if (n < bytes.byteSize()) {
        hash(bytes.asSlice(n));
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
