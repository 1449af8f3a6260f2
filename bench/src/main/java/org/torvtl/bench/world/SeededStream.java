/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.world;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/**
 * A stream of bytes that both ends can make of one seed, faster than a network carries it: random
 * chunks that come around, each with its own number at its head, so that no two are the same and
 * none can pass for another.
 */
public final class SeededStream {
  private static final int CHUNK = 64 << 10;
  private static final int CHUNKS = 64;
  private static final ValueLayout.OfLong NUMBER =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final MemorySegment chunks = Arena.ofAuto().allocate((long) CHUNKS * CHUNK);
  private final long length;
  private long position;

  /**
   * The stream of a seed.
   *
   * @param length in bytes
   */
  public SeededStream(long seed, long length) {
    this.length = length;
    var random = new SplittableRandom(seed);
    for (long at = 0; at < chunks.byteSize(); at += Long.BYTES) {
      chunks.set(ValueLayout.JAVA_LONG, at, random.nextLong());
    }
    number();
  }

  /** What comes next, up to the end of its chunk; empty at the end of the stream. */
  public MemorySegment next() {
    int within = (int) (position % CHUNK);
    long n = Math.min(CHUNK - within, length - position);
    return chunks.asSlice(position / CHUNK % CHUNKS * CHUNK + within, n);
  }

  /** Goes on by as many bytes, all of them out of {@link #next}. */
  public void advance(long bytes) {
    position += bytes;
    if (bytes > 0 && position % CHUNK == 0) {
      number();
    }
  }

  /** Bytes up to where the stream is now. */
  public long position() {
    return position;
  }

  private void number() {
    long chunk = position / CHUNK;
    chunks.set(NUMBER, chunk % CHUNKS * CHUNK, chunk);
  }
}
