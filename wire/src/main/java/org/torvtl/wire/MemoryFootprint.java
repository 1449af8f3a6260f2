/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import io.netty.buffer.ByteBuf;

/**
 * What a reference to a buffer costs, which may be many times its readable bytes: a slice keeps the
 * whole buffer it was cut from.
 */
public final class MemoryFootprint {
  /**
   * Bytes charged for each buffer besides its memory: its object, its place in a queue, and what an
   * allocator rounds up.
   */
  public static final int OVERHEAD = 512;

  /** Below this part of the memory it would pin, payload is copied. */
  private static final int LEAST_PART = 4;

  private MemoryFootprint() {}

  /** Bytes of the memory that cannot be freed while {@code buf} is held. */
  public static int pinnedBytes(ByteBuf buf) {
    var root = buf;
    for (var parent = root.unwrap(); parent != null; parent = root.unwrap()) {
      root = parent;
    }
    // A pooled buffer takes up what it can grow to without another allocation.
    return Math.max(root.capacity(), root.writerIndex() + root.maxFastWritableBytes());
  }

  /** Bytes to charge for holding {@code buf}: what it pins, and {@link #OVERHEAD}. */
  public static int of(ByteBuf buf) {
    return pinnedBytes(buf) + OVERHEAD;
  }

  /** Whether to hold {@code length} bytes of {@code buf} in a buffer of their own. */
  public static boolean isWasteful(ByteBuf buf, int length) {
    return length < pinnedBytes(buf) / LEAST_PART;
  }

  /**
   * The same bytes, in a buffer of their own if they are less than half of what they pin: a few
   * bytes must not keep a large buffer.
   *
   * @param buf released if a copy is returned
   */
  public static ByteBuf compact(ByteBuf buf) {
    if (buf.readableBytes() >= pinnedBytes(buf) / 2) {
      return buf;
    }
    try {
      return buf.alloc().directBuffer(buf.readableBytes()).writeBytes(buf);
    } finally {
      buf.release();
    }
  }
}
