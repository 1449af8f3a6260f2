/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.IoEventLoop;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * One end of a cable inside a process. Both ends are used from one thread; what one end sends waits
 * until {@link #deliver} is called on the other.
 */
public final class MemoryLink implements Link {
  private final String name;
  private final Medium medium;
  private final int mtu;
  private final LinkCounters counters = new LinkCounters();
  private final Queue<ByteBuf> arrived = new ArrayDeque<>();
  private @Nullable MemoryLink other;
  private @Nullable Receiver receiver;
  private boolean closed;

  private MemoryLink(String name, Medium medium, int mtu) {
    this.name = name;
    this.medium = medium;
    this.mtu = mtu;
  }

  /** Two ends of a new cable. */
  public static MemoryLink[] pair(Medium medium, int mtu) {
    var left = new MemoryLink("memory0", medium, mtu);
    var right = new MemoryLink("memory1", medium, mtu);
    left.other = right;
    right.other = left;
    return new MemoryLink[] {left, right};
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Medium medium() {
    return medium;
  }

  @Override
  public int mtu() {
    return mtu;
  }

  @Override
  public void start(IoEventLoop loop, Receiver receiver) {
    start(receiver);
  }

  /** As {@link #start(IoEventLoop, Receiver)}: a cable in memory needs no event loop. */
  public void start(Receiver receiver) {
    if (this.receiver != null) {
      throw new IllegalStateException(name + " was started before");
    }
    this.receiver = receiver;
  }

  @Override
  public void send(ByteBuf headers, ByteBuf payload) {
    var peer = other;
    if (closed || peer == null || peer.closed) {
      counters.sendDrops++;
      return;
    }
    int length = headers.readableBytes() + payload.readableBytes();
    ByteBuf frame = ByteBufAllocator.DEFAULT.directBuffer(Math.max(length, 1));
    frame.writeBytes(headers, headers.readerIndex(), headers.readableBytes());
    frame.writeBytes(payload, payload.readerIndex(), payload.readableBytes());
    peer.arrived.add(frame);
    counters.sentFrames++;
    counters.sentBytes += length;
  }

  /** Hands all that has arrived to the receiver as one batch, and tells how many frames it was. */
  public int deliver() {
    var target = receiver;
    if (target == null) {
      throw new IllegalStateException(name + " is not started");
    }
    int delivered = 0;
    for (ByteBuf frame = arrived.poll(); frame != null; frame = arrived.poll()) {
      counters.receivedFrames++;
      counters.receivedBytes += frame.readableBytes();
      try {
        target.frame(frame);
      } finally {
        frame.release();
      }
      delivered++;
    }
    target.drained();
    target.endOfBatch();
    return delivered;
  }

  /**
   * The next frame that has arrived, taken past the receiver, or {@code null}. The caller owns it.
   */
  public @Nullable ByteBuf poll() {
    return arrived.poll();
  }

  @Override
  public LinkCounters counters() {
    return counters;
  }

  @Override
  public void close() {
    closed = true;
    arrived.forEach(ByteBuf::release);
    arrived.clear();
  }
}
