/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.MemoryFootprint;

/**
 * Payload that arrived before what it should follow, in order, without overlaps. Bytes that come
 * twice are dropped, and beyond the bound new ones are; a shortage of memory may take all of it
 * back (RFC 2018, section 8).
 *
 * <p>What a segment can cost is bounded by the number of pieces: a place is found by halving, but
 * to insert there moves what is behind it, and the ends of a run without gaps are found step by
 * step. ReassemblyQueueBenchmark measures the worst of each.
 */
final class ReassemblyQueue {
  /** Answers of {@link #insert}. */
  static final long FULL = -1, NO_MEMORY = -2;

  private static final int FIRST_SIZE = 8;

  /** What a connection starts with, and most never need more. */
  private static final long[] NO_STARTS = {};

  private static final @Nullable ByteBuf[] NO_PIECES = {};

  private final int maxPieces;
  private final PayloadAccount account;
  private long[] starts = NO_STARTS;
  private @Nullable ByteBuf[] pieces = NO_PIECES;
  private int count;

  /**
   * Makes an empty queue.
   *
   * @param maxPieces the most pieces it takes; the bytes are bounded by the window already
   * @param account is charged for what each piece pins
   */
  ReassemblyQueue(int maxPieces, PayloadAccount account) {
    this.maxPieces = maxPieces;
    this.account = account;
  }

  boolean isEmpty() {
    return count == 0;
  }

  /** The sequence number just after the last byte; only if not empty. */
  long end() {
    return end(count - 1);
  }

  /**
   * Makes the piece to keep: the {@code length} bytes of {@code payload} from {@code index}; {@code
   * null} if there is no memory for it.
   */
  @FunctionalInterface
  interface Keeper {
    @Nullable ByteBuf keep(ByteBuf payload, int index, int length);
  }

  /**
   * Adds what is new of the bytes of {@code payload} from {@code index}, which belong at sequence
   * numbers {@code from} to {@code to}.
   *
   * @return how many bytes were new and taken; {@link #FULL} or {@link #NO_MEMORY} if some were not
   *     because of the bound, or since the account or the keeper had no room
   */
  long insert(long from, long to, ByteBuf payload, int index, Keeper keeper) {
    long taken = 0;
    long at = from;
    int position = firstEndingAbove(from);
    while (at < to) {
      long gapEnd = position < count ? Math.min(to, starts[position]) : to;
      if (at < gapEnd) {
        if (count >= maxPieces) {
          return FULL;
        }
        int length = (int) (gapEnd - at);
        var piece = keeper.keep(payload, index + (int) (at - from), length);
        if (piece == null) {
          return NO_MEMORY;
        }
        if (!account.chargeOutOfOrder(MemoryFootprint.of(piece))) {
          piece.release();
          return NO_MEMORY;
        }
        put(position, at, piece);
        taken += length;
      }
      at = Math.max(gapEnd, end(position));
      position++;
    }
    return taken;
  }

  /** Position of the first piece that ends above {@code sequence}. */
  private int firstEndingAbove(long sequence) {
    if (count == 0 || end(count - 1) <= sequence) {
      // Where most segments belong.
      return count;
    }
    int low = 0;
    int high = count - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (end(middle) > sequence) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  private void put(int position, long start, ByteBuf piece) {
    if (count == starts.length) {
      int size = Math.max(FIRST_SIZE, 2 * count);
      starts = Arrays.copyOf(starts, size);
      pieces = Arrays.copyOf(pieces, size);
    }
    System.arraycopy(starts, position, starts, position + 1, count - position);
    System.arraycopy(pieces, position, pieces, position + 1, count - position);
    starts[position] = start;
    pieces[position] = piece;
    count++;
  }

  private ByteBuf piece(int position) {
    var piece = pieces[position];
    if (piece == null) {
      throw new IllegalStateException("no piece at position " + position + " of " + count);
    }
    return piece;
  }

  private long end(int position) {
    return starts[position] + piece(position).readableBytes();
  }

  /**
   * Takes out the next piece, if it starts at or before {@code next}; what lies before {@code next}
   * is cut off or released.
   *
   * @return the bytes from {@code next}, which the caller owns, or {@code null}
   */
  @Nullable ByteBuf poll(long next) {
    int passed = 0;
    ByteBuf found = null;
    while (passed < count && starts[passed] <= next && found == null) {
      var piece = piece(passed);
      int skip = (int) Math.min(piece.readableBytes(), next - starts[passed]);
      account.releaseOutOfOrder(MemoryFootprint.of(piece));
      if (skip == piece.readableBytes()) {
        piece.release();
      } else {
        found = piece.skipBytes(skip);
      }
      passed++;
    }
    if (passed > 0) {
      System.arraycopy(starts, passed, starts, 0, count - passed);
      System.arraycopy(pieces, passed, pieces, 0, count - passed);
      Arrays.fill(pieces, count - passed, count, null);
      count -= passed;
    }
    return found;
  }

  /** Where the bytes in one run with the one at {@code sequence} begin; it must be here. */
  long runStart(long sequence) {
    int position = firstEndingAbove(sequence);
    while (position > 0 && end(position - 1) == starts[position]) {
      position--;
    }
    return starts[position];
  }

  /** Where the bytes in one run with the one at {@code sequence} end; it must be here. */
  long runEnd(long sequence) {
    int position = firstEndingAbove(sequence);
    while (position + 1 < count && end(position) == starts[position + 1]) {
      position++;
    }
    return end(position);
  }

  /** Releases everything. */
  void clear() {
    int held = count;
    count = 0;
    for (int i = 0; i < held; i++) {
      var piece = piece(i);
      pieces[i] = null;
      account.releaseOutOfOrder(MemoryFootprint.of(piece));
      piece.release();
    }
  }
}
