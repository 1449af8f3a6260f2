/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/** The buffer that frames are read into, one after another: a new one where a part was kept. */
final class ReadBuffer {
  private final ByteBufAllocator allocator;
  private final int length;
  private @Nullable ByteBuf last;

  ReadBuffer(ByteBufAllocator allocator, int length) {
    this.allocator = allocator;
    this.length = length;
  }

  /**
   * A buffer without another holder; this still owns it.
   *
   * @throws OutOfMemoryError if there is no memory for a new one; another call may succeed
   */
  ByteBuf unshared() {
    var buffer = last;
    if (buffer != null && buffer.refCnt() == 1) {
      return buffer;
    }
    release();
    buffer = allocator.directBuffer(length);
    last = buffer;
    return buffer;
  }

  void release() {
    var buffer = last;
    // Before all else, so that no reference is ever given up twice: the second may be another's.
    last = null;
    if (buffer != null) {
      buffer.release();
    }
  }
}
