/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress.socket;

import io.netty.channel.DefaultMaxMessagesRecvByteBufAllocator;

/**
 * How much of a stream to ask for at a time: little, until a read fills its buffer; then more, as
 * long as that goes on. Larger buffers hold a whole number of units, so that where the reader
 * passes bytes on in such units nothing is left over of a full buffer.
 */
public final class ReadSizes {
  private static final int LEAST_BYTES = 2 << 10, MORE_BYTES = 16 << 10;
  private static final int MUCH_BYTES = 64 << 10, MOST_BYTES = 256 << 10;

  /** Enough for any answer of a proxy. */
  private static final ReadSizes LEAST = new ReadSizes(1, LEAST_BYTES);

  private final int[] sizes;

  /**
   * Sizes for one stream.
   *
   * @param unitBytes what the reader passes on at a time, at least 1
   * @param mostBytes the most to read at a time, if it is at least 2048
   */
  public ReadSizes(int unitBytes, int mostBytes) {
    sizes = new int[] {LEAST_BYTES, MORE_BYTES, MUCH_BYTES, MOST_BYTES};
    for (int i = 0; i < sizes.length; i++) {
      int size = Math.max(LEAST_BYTES, Math.min(sizes[i], mostBytes));
      sizes[i] = size < unitBytes ? size : size / unitBytes * unitBytes;
    }
  }

  /**
   * What a channel asks. Netty does so from the first read on, which is before the channel has a
   * stream, and never looks for another; so it is this one that changes its mind.
   */
  public static final class Allocator extends DefaultMaxMessagesRecvByteBufAllocator {
    /** Reads that could do with less, in a row, before less is asked for. */
    private static final int PATIENCE = 2;

    private ReadSizes sizes = LEAST;

    /** One that asks for little until it is told more. */
    public Allocator() {
      super(/* maxMessagesPerRead= */ 1);
    }

    /** From the next read on, these sizes are used. */
    public void use(ReadSizes reads) {
      sizes = reads;
    }

    @Override
    public MaxMessageHandle newHandle() {
      return new Reads();
    }

    private final class Reads extends MaxMessageHandle {
      private int level;
      private int small;

      @Override
      public int guess() {
        return sizes.sizes[level];
      }

      @Override
      public void lastBytesRead(int bytes) {
        super.lastBytesRead(bytes);
        if (bytes <= 0) {
          return;
        }
        if (bytes == attemptedBytesRead()) {
          small = 0;
          level = Math.min(level + 1, sizes.sizes.length - 1);
        } else if (level == 0 || bytes > sizes.sizes[level - 1]) {
          small = 0;
        } else if (++small == PATIENCE) {
          small = 0;
          level--;
        }
      }
    }
  }
}
