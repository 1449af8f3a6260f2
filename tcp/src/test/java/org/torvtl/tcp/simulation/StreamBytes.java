/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The bytes of a stream: what stands at a position follows from the position, so that a reader who
 * sees bytes and knows where they belong can tell whether they are right.
 */
final class StreamBytes {
  /** The longest stream in which no stretch comes twice. */
  static final int PERIOD = 1 << 22;

  /** The most bytes that can be asked for at once. */
  static final int MOST = 1 << 18;

  private static final byte[] TABLE = new byte[PERIOD + MOST];

  static {
    new SplittableRandom(0x70C4).nextBytes(TABLE);
    System.arraycopy(TABLE, 0, TABLE, PERIOD, MOST);
  }

  private final int shift;

  /** A stream; another {@code shift} makes it another. */
  StreamBytes(int shift) {
    this.shift = shift;
  }

  void write(ByteBuf target, int position, int length) {
    target.writeBytes(TABLE, (position + shift) & (PERIOD - 1), length);
  }

  /** Whether these bytes of {@code array} are those from {@code position}. */
  boolean matches(byte[] array, int from, int length, int position) {
    int at = (position + shift) & (PERIOD - 1);
    return Arrays.equals(array, from, from + length, TABLE, at, at + length);
  }
}
