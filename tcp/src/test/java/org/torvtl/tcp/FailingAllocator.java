/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledDirectByteBuf;
import io.netty.buffer.UnpooledHeapByteBuf;

/** An allocator that has no memory while it is told so. */
final class FailingAllocator extends AbstractByteBufAllocator {
  private boolean fails;

  void fails(boolean from) {
    fails = from;
  }

  private void check() {
    if (fails) {
      throw new OutOfMemoryError("made by the test");
    }
  }

  @Override
  protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
    check();
    return new UnpooledHeapByteBuf(this, initialCapacity, maxCapacity);
  }

  @Override
  protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
    check();
    return new UnpooledDirectByteBuf(this, initialCapacity, maxCapacity);
  }

  @Override
  public boolean isDirectBufferPooled() {
    return false;
  }
}
