/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.MemoryFootprint;

/**
 * The bytes given to send and not acknowledged yet, addressed by sequence number. It owns a
 * reference to every buffer it holds. Small pieces are gathered in buffers of its own.
 */
final class SendQueue {
  /** Capacity of a buffer that small pieces are gathered in. */
  private static final int GATHER_BYTES = 4096;

  private static final int FIRST_SIZE = 8;

  /** What a connection starts with, which may never send anything. */
  private static final @Nullable ByteBuf[] NO_BUFFERS = {};

  private static final long[] NO_STARTS = {};

  private final int copyBelowBytes;
  private final PayloadAccount account;

  /**
   * A ring: {@code count} buffers from index {@code head}, and the sequence number each starts at.
   */
  private @Nullable ByteBuf[] buffers = NO_BUFFERS;

  private long[] starts = NO_STARTS;
  private int head;
  private int count;

  private long first;
  private long end;
  private @Nullable ByteBuf gathering;

  SendQueue(long first, int copyBelowBytes, PayloadAccount account) {
    this.account = account;
    this.first = first;
    this.end = first;
    this.copyBelowBytes = copyBelowBytes;
  }

  /** Sequence number of the first byte not acknowledged. */
  long first() {
    return first;
  }

  /** The sequence number just after the last byte. */
  long end() {
    return end;
  }

  int bytes() {
    return Math.toIntExact(end - first);
  }

  /** Takes ownership of a buffer and queues its readable bytes. */
  void append(ByteBuf data) {
    int length = data.readableBytes();
    if (length == 0) {
      data.release();
    } else if (length < copyBelowBytes) {
      try {
        gather(data, length);
      } finally {
        data.release();
      }
    } else {
      gathering = null;
      push(data);
      end += length;
    }
  }

  private void gather(ByteBuf data, int length) {
    var buffer = gathering;
    if (buffer == null || buffer.writableBytes() < length) {
      buffer = data.alloc().buffer(Math.max(GATHER_BYTES, length), Math.max(GATHER_BYTES, length));
      push(buffer);
      gathering = buffer;
    }
    buffer.writeBytes(data, data.readerIndex(), length);
    end += length;
  }

  private void push(ByteBuf buffer) {
    if (count == buffers.length) {
      grow();
    }
    int index = (head + count) % buffers.length;
    buffers[index] = buffer;
    starts[index] = end;
    count++;
    account.charge(MemoryFootprint.of(buffer));
  }

  private void grow() {
    int size = buffers.length;
    int newSize = Math.max(FIRST_SIZE, 2 * size);
    @Nullable ByteBuf[] newBuffers = new @Nullable ByteBuf[newSize];
    var newStarts = new long[newSize];
    for (int i = 0; i < count; i++) {
      newBuffers[i] = buffers[(head + i) % size];
      newStarts[i] = starts[(head + i) % size];
    }
    buffers = newBuffers;
    starts = newStarts;
    head = 0;
  }

  /**
   * The bytes from sequence number {@code from}, {@code length} of them, which must all be queued:
   * one reference to them, which the caller releases.
   */
  ByteBuf retainedRange(long from, int length) {
    if (length == 0) {
      return Unpooled.EMPTY_BUFFER;
    }
    int at = find(from);
    var buffer = buffer(at);
    int offset = (int) (from - start(at));
    int available = buffer.readableBytes() - offset;
    if (length <= available) {
      return buffer.retainedSlice(buffer.readerIndex() + offset, length);
    }
    return compose(at, offset, length);
  }

  private CompositeByteBuf compose(int from, int offset, int length) {
    int last = find(start(from) + offset + length - 1);
    var composite = buffer(from).alloc().compositeBuffer(Math.max(2, last - from + 1));
    int skip = offset;
    int rest = length;
    for (int i = from; i <= last; i++) {
      var buffer = buffer(i);
      int part = Math.min(rest, buffer.readableBytes() - skip);
      composite.addComponent(true, buffer.retainedSlice(buffer.readerIndex() + skip, part));
      rest -= part;
      skip = 0;
    }
    return composite;
  }

  /** Position, counted from the head, of the buffer that holds the byte at this sequence number. */
  private int find(long sequence) {
    int low = 0;
    int high = count - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (start(middle) <= sequence) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  private long start(int position) {
    return starts[(head + position) % buffers.length];
  }

  private ByteBuf buffer(int position) {
    var buffer = buffers[(head + position) % buffers.length];
    if (buffer == null) {
      throw new IllegalStateException("no buffer at position " + position + " of " + count);
    }
    return buffer;
  }

  /** Bytes before this sequence number are acknowledged: releases what holds nothing else. */
  void releaseBefore(long sequence) {
    first = sequence;
    while (count > 0 && (count > 1 ? start(1) : end) <= sequence) {
      pop();
    }
  }

  /** Releases everything. */
  void clear() {
    while (count > 0) {
      pop();
    }
    first = end;
  }

  private void pop() {
    var buffer = buffer(0);
    buffers[head] = null;
    head = (head + 1) % buffers.length;
    count--;
    if (count == 0) {
      // What is gathered in is always the last buffer.
      gathering = null;
    }
    account.release(MemoryFootprint.of(buffer));
    buffer.release();
  }
}
