/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire.fuzz;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.torvtl.wire.InternetChecksum;

/** The bytes of a fuzz input, in the middle of a buffer that ends right behind them. */
final class Input {
  static final int OFFSET = 7;

  private Input() {}

  static ByteBuf buffer(byte[] data) {
    return Unpooled.buffer(OFFSET + data.length, OFFSET + data.length)
        .writeZero(OFFSET)
        .writeBytes(data);
  }

  /** Sets the checksum at {@code at} right for the first {@code length} bytes, if it lies there. */
  static void correct(ByteBuf buf, int at, int length, long pseudoHeaderSum) {
    if (at + 2 <= length && OFFSET + length <= buf.capacity()) {
      buf.setShort(OFFSET + at, 0);
      long sum = pseudoHeaderSum + InternetChecksum.sum(buf, OFFSET, length);
      buf.setShort(OFFSET + at, InternetChecksum.fold(sum));
    }
  }

  /** Throws unless the range lies within the input. */
  static void within(byte[] data, int offset, int length) {
    if (offset < OFFSET || length < 0 || offset + length > OFFSET + data.length) {
      throw new AssertionError(
          "%d bytes at %d of an input of %d at %d".formatted(length, offset, data.length, OFFSET));
    }
  }

  static void check(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }
}
