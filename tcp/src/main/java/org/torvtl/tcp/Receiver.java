/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.MemoryFootprint;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * The receiving half of a connection: what has arrived, what may, and how it is acknowledged. RFC
 * 9293, section 3.10.7.4.
 */
final class Receiver {
  private static final long NONE = Long.MAX_VALUE;

  /** What a buffered piece costs besides its bytes, for bounding how many there may be. */
  private static final int PIECE_COST = 256;

  private static final int LEAST_PIECES = 64;

  private final TcpConfig config;
  private final TcpCounters counters;
  private final Timestamps timestamps;
  private final PayloadAccount account;
  private final ReassemblyQueue queue;
  private final ReceiveWindow window;
  private final DelayedAck ack;
  private final SackBlocks blocks = new SackBlocks();
  private final int maxPieces;
  private final long first;

  private boolean sack;
  private long next;
  private long fin = NONE;
  private boolean finReached;
  private long unconsumedPieces;

  private long lastAckSent;

  /**
   * A receiver for a peer whose SYN had the given sequence number.
   *
   * @param synSequence the peer's initial sequence number
   */
  Receiver(
      TcpConfig config,
      TcpCounters counters,
      Timestamps timestamps,
      PayloadAccount account,
      int synSequence,
      long nowNanos) {
    this.account = account;
    this.config = config;
    this.counters = counters;
    this.timestamps = timestamps;
    first = Integer.toUnsignedLong(synSequence) + 1;
    next = first;
    lastAckSent = first;
    maxPieces = Math.max(LEAST_PIECES, config.receiveCapacityBytes() / PIECE_COST);
    queue = new ReassemblyQueue(maxPieces, account);
    var tuner =
        new ReceiveBufferTuner(
            config.initialReceiveBytes(), config.receiveCapacityBytes(), first, nowNanos);
    window = new ReceiveWindow(tuner, config.maxSegmentSize(), first);
    ack = new DelayedAck(config.delayedAckNanos(), config.maxSegmentSize());
  }

  void enableSack() {
    sack = true;
  }

  ReceiveWindow window() {
    return window;
  }

  Timestamps timestamps() {
    return timestamps;
  }

  /** The sequence number expected next: RCV.NXT. */
  long next() {
    return next;
  }

  /** The peer's initial sequence number: IRS. */
  long synSequence() {
    return first - 1;
  }

  /** Whether the peer's FIN has come, and everything before it. */
  boolean finReached() {
    return finReached;
  }

  /**
   * Whether a segment from {@code sequence} to {@code end} touches the window. Laxer than RFC 9293,
   * table 6, at both edges: a segment that ends where we expect the next is a repeated one whose
   * acknowledgment may be news, and one without data may lie at the right edge where its sender has
   * used up the window and lost something.
   */
  boolean isAcceptable(long sequence, long end) {
    return end >= next && sequence <= Math.max(next, window.announcedEdge());
  }

  /** A segment outside the window: if its text arrived before, that is reported. RFC 2883. */
  void noteOutside(long sequence, long end) {
    if (sequence < end && end <= next && sequence >= first) {
      duplicate(sequence, end);
    }
  }

  /**
   * Whether sequence number and timestamp show a SYN to come after all that this connection has
   * received: it opens a new one. RFC 9293, section 3.10.7.4; RFC 6191.
   */
  boolean isSucceededBy(TcpSegment syn) {
    boolean later = SequenceNumbers.extend(syn.sequence(), next) >= next;
    if (!timestamps.enabled() || !syn.options().hasTimestamps()) {
      return later;
    }
    int age = syn.options().timestampValue() - timestamps.echo();
    return age > 0 || (age == 0 && later);
  }

  /** Whether a timestamp shows the segment to be an old duplicate. RFC 7323, section 5.2, R1. */
  boolean isOld(TcpSegment segment, long nowNanos) {
    return timestamps.enabled()
        && segment.options().hasTimestamps()
        && timestamps.isOld(segment.options().timestampValue(), nowNanos);
  }

  /** Remembers the timestamp of an acceptable segment, if it is the one to echo. */
  void noteTimestamp(TcpSegment segment, long sequence, long nowNanos) {
    var options = segment.options();
    if (timestamps.enabled()
        && options.hasTimestamps()
        && sequence <= lastAckSent
        && !timestamps.isOld(options.timestampValue(), nowNanos)) {
      timestamps.update(options.timestampValue(), nowNanos);
    }
  }

  /**
   * Takes the text of an acceptable segment. What can be delivered afterwards comes from {@link
   * #poll}.
   *
   * @return the bytes to deliver at once, which the caller owns, or {@code null}
   */
  @Nullable ByteBuf receive(long sequence, ByteBuf payload, boolean hasFin, long nowNanos) {
    int length = payload.readableBytes();
    if (length == 0 && !hasFin) {
      return null;
    }
    if (finReached) {
      duplicate(sequence, Math.min(sequence + length, next));
      return null;
    }
    long end = Math.min(sequence + length, fin);
    if (hasFin && fin == NONE) {
      receiveFin(end);
    }
    if (end > window.announcedEdge()) {
      end = window.announcedEdge();
      ack.request();
    }
    long from = Math.max(sequence, next);
    if (from >= end) {
      if (length > 0) {
        duplicate(sequence, Math.min(sequence + length, next));
      }
      ack.request();
      return null;
    }
    if (sequence < next) {
      duplicate(sequence, next);
    }
    int index = payload.readerIndex() + (int) (from - sequence);
    if (from > next) {
      receiveOutOfOrder(from, end, payload, index);
      return null;
    }
    return receiveInOrder(payload, index, (int) (end - from), nowNanos);
  }

  /** A FIN needs no room, so it may lie right at the edge of the window, even a closed one. */
  private void receiveFin(long end) {
    ack.request();
    if (end >= next && end <= window.announcedEdge() && (queue.isEmpty() || end >= queue.end())) {
      fin = end;
    }
  }

  private void duplicate(long left, long right) {
    counters.duplicateData++;
    ack.request();
    if (sack && left < right) {
      blocks.addDuplicate(left, right);
    }
  }

  private void receiveOutOfOrder(long from, long end, ByteBuf payload, int index) {
    ack.request();
    counters.outOfOrder++;
    long taken = queue.insert(from, end, payload, index, this::keep);
    if (taken < 0) {
      if (taken == ReassemblyQueue.FULL) {
        counters.droppedByBound++;
      } else {
        counters.droppedForMemory++;
      }
      return;
    }
    if (taken == 0) {
      duplicate(from, end);
    }
    if (sack) {
      blocks.add(queue.runStart(from), queue.runEnd(from));
    }
  }

  private @Nullable ByteBuf receiveInOrder(ByteBuf payload, int index, int length, long nowNanos) {
    if (unconsumedPieces >= maxPieces) {
      counters.droppedByBound++;
      ack.request();
      return null;
    }
    var data = keep(payload, index, length);
    if (data == null || !account.admits(MemoryFootprint.of(data))) {
      if (data != null) {
        data.release();
      }
      counters.droppedForMemory++;
      ack.request();
      return null;
    }
    if (!queue.isEmpty()) {
      ack.request();
    }
    ack.received(length, window.size(), nowNanos);
    return deliver(data);
  }

  /** Bytes to hold, which the caller owns; {@code null} if there is no memory for them. */
  private @Nullable ByteBuf keep(ByteBuf payload, int index, int length) {
    // A few bytes must not pin a large buffer: what is held would be many times our capacity.
    if (length >= config.copyBelowBytes() && !MemoryFootprint.isWasteful(payload, length)) {
      return payload.retainedSlice(index, length);
    }
    try {
      return payload.alloc().buffer(length).writeBytes(payload, index, length);
    } catch (OutOfMemoryError e) {
      account.allocationFailed(e);
      return null;
    }
  }

  private ByteBuf deliver(ByteBuf data) {
    int length = data.readableBytes();
    next += length;
    window.delivered(length);
    unconsumedPieces++;
    blocks.removeBefore(next);
    return data;
  }

  /** The next bytes in order that waited for others, which the caller owns; or {@code null}. */
  @Nullable ByteBuf poll() {
    var data = queue.poll(next);
    return data == null ? null : deliver(data);
  }

  /**
   * Takes the FIN, if everything before it has been delivered.
   *
   * @return whether that happened just now
   */
  boolean pollFin() {
    if (finReached || next != fin) {
      return false;
    }
    finReached = true;
    next++;
    ack.request();
    release();
    return true;
  }

  /**
   * Memory is short: gives up what arrived out of order, which the peer must be ready to send again
   * although it was reported. RFC 2018, section 8.
   */
  void dropOutOfOrder() {
    if (!queue.isEmpty()) {
      counters.reneged++;
      queue.clear();
      blocks.clear();
    }
  }

  /** Whether the bytes up to {@code end} hold one that was not received in order. */
  boolean isNews(long end) {
    return !finReached && end > next;
  }

  void consumed(int bytes, long roundTripNanos, long nowNanos) {
    if (bytes < 0 || bytes > window.unconsumed()) {
      throw new IllegalArgumentException(
          "consumed " + bytes + " bytes of " + window.unconsumed() + " delivered");
    }
    if (bytes == window.unconsumed()) {
      unconsumedPieces = 0;
    } else {
      unconsumedPieces -= unconsumedPieces * bytes / window.unconsumed();
    }
    window.consumed(bytes, next, roundTripNanos, nowNanos);
    if (!finReached && window.updateIsDue(next)) {
      ack.request();
    }
  }

  /** When to acknowledge. */
  DelayedAck ack() {
    return ack;
  }

  /**
   * A segment with our acknowledgment and window is being sent.
   *
   * @param withData whether it would have been sent without those
   */
  void ackIsSent(boolean withData) {
    ack.sent(withData);
    lastAckSent = next;
  }

  /** Bytes of options in a segment sent now, other than a SYN. */
  int optionsLength() {
    int blockCount = sack ? blocks.size(mostBlocks()) : 0;
    return timestamps.optionLength() + (blockCount > 0 ? 4 + 8 * blockCount : 0);
  }

  /** Fills in the options of a segment other than a SYN. */
  void fillOptions(TcpOptions options, long nowNanos) {
    options.clear();
    if (timestamps.enabled()) {
      options.timestamps(timestamps.value(nowNanos), timestamps.echo());
    }
    if (sack) {
      blocks.fill(options, mostBlocks());
    }
  }

  private int mostBlocks() {
    return timestamps.enabled() ? TcpOptions.MAX_SACK_BLOCKS - 1 : TcpOptions.MAX_SACK_BLOCKS;
  }

  /** Releases what waits for what will not come any more. */
  void release() {
    queue.clear();
    ack.stop();
  }
}
