/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpSegment;

/**
 * Transmits a range of sequence numbers as segments with the queue's bytes (RFC 9293, section 3.8),
 * and counts what its packets cost beyond the new bytes they carry.
 */
final class DataTransmitter {
  private final SegmentWriter writer;
  private final Receiver receiver;
  private final SendQueue queue;
  private final EffectiveMss mss;

  /** What lies before was transmitted at least once. */
  private long transmittedTo;

  private long lastSentNanos;
  private long overheadBytes;

  DataTransmitter(
      SegmentWriter writer, Receiver receiver, SendQueue queue, EffectiveMss mss, long nowNanos) {
    this.writer = writer;
    this.receiver = receiver;
    this.queue = queue;
    this.mss = mss;
    transmittedTo = queue.first();
    lastSentNanos = nowNanos;
  }

  /** When something was transmitted last; at first, when this began. */
  long lastSentNanos() {
    return lastSentNanos;
  }

  /** See {@link TcpConnection#overheadBytes}. */
  long overheadBytes() {
    return overheadBytes;
  }

  void clearOverhead() {
    overheadBytes = 0;
  }

  /** Transmits what lies between these sequence numbers: bytes, and a FIN where they end behind. */
  void transmit(long from, long end, long nowNanos) {
    int length = (int) (Math.min(end, queue.end()) - from);
    int flags = end > queue.end() ? TcpSegment.FIN : 0;
    if (length > 0 && from + length == queue.end()) {
      flags |= TcpSegment.PSH;
    }
    lastSentNanos = nowNanos;
    int size = mss.segment();
    charge(from, end, Math.max(1, (length + size - 1) / size));
    if (length == 0) {
      writer.write(receiver, from, flags, Unpooled.EMPTY_BUFFER, size, nowNanos);
      return;
    }
    ByteBuf payload = queue.retainedRange(from, length);
    try {
      writer.write(receiver, from, flags, payload, size, nowNanos);
    } finally {
      payload.release();
    }
  }

  private void charge(long from, long end, int packets) {
    long fresh = Math.max(0, end - Math.max(from, transmittedTo));
    transmittedTo = Math.max(transmittedTo, end);
    overheadBytes += Math.max(0, (long) packets * TcpConnection.PACKET_BYTES - fresh);
  }
}
