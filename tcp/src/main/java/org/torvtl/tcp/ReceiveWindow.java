/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How much the peer may send. The window counts what was delivered and is not consumed; what waits
 * in the reassembly queue lies inside the window already, so it needs no counting.
 *
 * <p>The right edge never moves back (RFC 9293, section 3.8.6), except that what is announced is
 * rounded up to the unit of the window scale, so within that unit it may (RFC 7323, section 2.4);
 * what was announced once is taken. It only moves on in steps worth a segment: the receiver's half
 * of avoiding the silly window syndrome, section 3.8.6.2.2.
 */
final class ReceiveWindow {
  private static final int MAX_FIELD = 65_535;
  private static final int MAX_SCALE = 14;

  private final int segmentSize;
  private final ReceiveBufferTuner tuner;
  private int scale;
  private long edge;
  private long announcedEdge;
  private long unconsumed;

  /**
   * Starts with what a SYN can announce.
   *
   * @param tuner says how large the window should be
   * @param first the sequence number of the first byte of data
   */
  ReceiveWindow(ReceiveBufferTuner tuner, int segmentSize, long first) {
    this.tuner = tuner;
    this.segmentSize = segmentSize;
    edge = first;
    announcedEdge = first;
  }

  /**
   * The shift count to offer for a capacity: the least that lets the field express it. RFC 7323.
   */
  static int scaleFor(int capacity) {
    int scale = 0;
    while (scale < MAX_SCALE && capacity >> scale > MAX_FIELD) {
      scale++;
    }
    return scale;
  }

  /** Both sent the window scale option; without this the window is what the plain field holds. */
  void scale(int shift) {
    scale = shift;
  }

  /** The window field of a SYN, which is never scaled. RFC 7323, section 2.2. */
  int synField(long next) {
    int field = Math.min(tuner.limit(), MAX_FIELD);
    edge = Math.max(edge, next + field);
    announcedEdge = Math.max(announcedEdge, edge);
    return field;
  }

  /** The window field to send beside acknowledgment {@code next}; from now on it binds us. */
  int field(long next) {
    long target = target(next);
    if (target - edge >= worthwhile()) {
      edge = target;
    }
    // Rounded up: rounded down, less would be announced than was before.
    long rounding = (1L << scale) - 1;
    int field = (int) Math.min(MAX_FIELD, (Math.max(0, edge - next) + rounding) >> scale);
    announcedEdge = Math.max(announcedEdge, next + ((long) field << scale));
    return field;
  }

  private long target(long next) {
    // The field says how much may follow, not how much may lie here: the last is the buffer's.
    return next + Math.min(tuner.limit() - unconsumed, (long) MAX_FIELD << scale);
  }

  private int worthwhile() {
    return Math.max(1, Math.min(tuner.limit() / 2, segmentSize));
  }

  /**
   * Whether to tell the peer now, without data to acknowledge, how far the window has reopened:
   * once it would at least double what the peer knows of.
   */
  boolean updateIsDue(long next) {
    long target = target(next);
    return target - edge >= worthwhile() && target - next >= 2 * Math.max(0, edge - next);
  }

  /** The sequence number just after the last one we have ever allowed. */
  long announcedEdge() {
    return announcedEdge;
  }

  void delivered(int bytes) {
    unconsumed += bytes;
  }

  void consumed(int bytes, long next, long roundTripNanos, long nowNanos) {
    unconsumed -= bytes;
    tuner.consumed(next, unconsumed, roundTripNanos, nowNanos);
  }

  /** Bytes of the window where nothing is left to consume. */
  int size() {
    return tuner.limit();
  }

  int unconsumed() {
    return (int) unconsumed;
  }
}
