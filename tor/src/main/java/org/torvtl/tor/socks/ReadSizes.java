/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.DefaultMaxMessagesRecvByteBufAllocator;

/**
 * How much of a stream to ask for at a time: little, until a read fills its buffer; then more, as
 * long as that goes on. Larger buffers hold a whole number of units, so that where the reader
 * passes bytes on in such units nothing is left over of a full buffer.
 */
public final class ReadSizes extends DefaultMaxMessagesRecvByteBufAllocator {
  private static final int LEAST_BYTES = 2 << 10, MORE_BYTES = 16 << 10;
  private static final int MUCH_BYTES = 64 << 10, MOST_BYTES = 256 << 10;

  /** Reads that could do with less, in a row, before less is asked for. */
  private static final int PATIENCE = 2;

  private final int[] sizes;

  /**
   * Sizes for one stream.
   *
   * @param unitBytes what the reader passes on at a time, at least 1
   * @param mostBytes the most to read at a time; less than the smallest size makes it that
   */
  public ReadSizes(int unitBytes, int mostBytes) {
    super(/* maxMessagesPerRead= */ 1);
    sizes = new int[] {LEAST_BYTES, MORE_BYTES, MUCH_BYTES, MOST_BYTES};
    for (int i = 0; i < sizes.length; i++) {
      int size = Math.max(LEAST_BYTES, Math.min(sizes[i], mostBytes));
      sizes[i] = size < unitBytes ? size : size / unitBytes * unitBytes;
    }
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
      return sizes[level];
    }

    @Override
    public void lastBytesRead(int bytes) {
      super.lastBytesRead(bytes);
      if (bytes <= 0) {
        return;
      }
      if (bytes == attemptedBytesRead()) {
        small = 0;
        level = Math.min(level + 1, sizes.length - 1);
      } else if (level == 0 || bytes > sizes[level - 1]) {
        small = 0;
      } else if (++small == PATIENCE) {
        small = 0;
        level--;
      }
    }
  }
}
