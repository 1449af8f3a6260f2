/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.EgressStream;
import org.torvtl.stack.GuestConnection;
import org.torvtl.wire.MemoryFootprint;

/**
 * Writes a guest's bytes to its stream, and flushes them once for a batch of frames. Until the
 * egress has taken them they are charged to the guest, and its window stays closed by as much.
 */
final class StreamWriter {
  private final GuestConnection guest;
  private final EgressStream stream;
  private final FlowContext context;
  private final Consumer<Runnable> guard;
  private final Consumer<String> onFailure;

  /** Bytes written and not yet part of a batch that was flushed; and what memory they pin. */
  private int batchBytes;

  private int batchPinned;

  /**
   * @param guard runs what may fail
   * @param onFailure is told when the stream takes no more bytes, with why in a few words
   */
  StreamWriter(
      GuestConnection guest,
      EgressStream stream,
      FlowContext context,
      Consumer<Runnable> guard,
      Consumer<String> onFailure) {
    this.guest = guest;
    this.stream = stream;
    this.context = context;
    this.guard = guard;
    this.onFailure = onFailure;
  }

  /**
   * Takes bytes over.
   *
   * @return whether they are the first of a batch, which is then to be flushed
   */
  boolean write(ByteBuf data) {
    int length = data.readableBytes();
    boolean isFirst = batchBytes == 0;
    int pinned = MemoryFootprint.of(data);
    batchBytes += length;
    batchPinned += pinned;
    context.counters().waitingBytesOut += length;
    guest.memory().charge(pinned);
    stream.write(data);
    return isFirst;
  }

  /** Gives what was written since the last call to the egress. */
  void flush() {
    int length = batchBytes;
    int pinned = batchPinned;
    batchBytes = 0;
    batchPinned = 0;
    if (length > 0) {
      stream.flush(failure -> guard.accept(() -> written(length, pinned, failure)));
    }
  }

  private void written(int length, int pinned, @Nullable String failure) {
    context.counters().waitingBytesOut -= length;
    guest.memory().release(pinned);
    context.paused().memoryWasReleased();
    if (failure == null) {
      guest.consumed(length);
    } else {
      context.counters().discardedBytesOut += length;
      onFailure.accept(failure);
    }
  }
}
