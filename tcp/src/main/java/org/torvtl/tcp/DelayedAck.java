/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * When to acknowledge what arrives in order. RFC 5681, section 4.2; RFC 1122, section 4.2.3.2.
 *
 * <p>Two full segments are acknowledged at once, and so is a batch of more. Less may wait a while
 * for an answer of ours to travel with, but only where that pays: a peer whose congestion window is
 * small, or that holds a last short segment back until the one before is acknowledged (Nagle's
 * algorithm), waits for us in that time. So a connection starts by acknowledging everything at
 * once, stops that when an answer has taken an acknowledgment along, and starts again when one has
 * waited for nothing.
 */
final class DelayedAck {
  /** So many segments are acknowledged at once before one may wait. */
  static final int QUICK = 16;

  /** Bytes of the least segment size a peer is taken to use, until a larger one is seen. */
  private static final int LEAST_SEGMENT = 536;

  private static final long NONE = Deadlines.NONE;

  private final long delayNanos;
  private final int maxSegmentSize;
  private boolean due;
  private long deadlineNanos = NONE;
  private int unacknowledged;
  private int segmentEstimate = LEAST_SEGMENT;
  private int quick = QUICK;

  /**
   * Nothing to acknowledge yet.
   *
   * @param delayNanos how long an acknowledgment may wait
   * @param maxSegmentSize the most bytes a segment of the peer has on the wire
   */
  DelayedAck(long delayNanos, int maxSegmentSize) {
    this.delayNanos = delayNanos;
    this.maxSegmentSize = maxSegmentSize;
  }

  /** Asks for an acknowledgment at the end of this call. */
  void request() {
    due = true;
  }

  boolean isDue() {
    return due;
  }

  /** When an acknowledgment has waited long enough; {@link Long#MAX_VALUE} if none waits. */
  long deadlineNanos() {
    return deadlineNanos;
  }

  /**
   * Bytes have arrived in order.
   *
   * @param windowBytes the window they arrived in: a peer that waits for a window of less than two
   *     segments must not wait for the timer
   */
  void received(int length, int windowBytes, long nowNanos) {
    segmentEstimate = Math.max(segmentEstimate, Math.min(length, maxSegmentSize));
    unacknowledged += length;
    if (unacknowledged >= Math.min(2 * segmentEstimate, windowBytes / 2)) {
      due = true;
    } else if (quick > 0) {
      quick--;
      due = true;
    } else if (deadlineNanos == NONE) {
      deadlineNanos = nowNanos + delayNanos;
    }
  }

  /** The deadline may have passed. */
  void onDeadline(long nowNanos) {
    if (Deadlines.isPast(deadlineNanos, nowNanos)) {
      due = true;
      quick = QUICK;
    }
  }

  /**
   * A segment that acknowledges everything is being sent.
   *
   * @param withData whether it would have been sent anyway
   */
  void sent(boolean withData) {
    if (withData && unacknowledged > 0) {
      quick = 0;
    }
    due = false;
    deadlineNanos = NONE;
    unacknowledged = 0;
  }

  void stop() {
    deadlineNanos = NONE;
  }
}
