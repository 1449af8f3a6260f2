/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How large the receive window should be: it starts small, and doubles each time the peer has used
 * all of it up at once and the owner has consumed it as fast. So a connection is allowed as much
 * memory as makes it faster, and an idle or slow one little. It never gets smaller.
 *
 * <p>"At once" is a few round trips: a peer that takes longer is not held up by the window, which
 * it has back after one.
 */
final class ReceiveBufferTuner {
  private static final int ROUND_TRIPS = 4;

  /** On a link without delay, what a busy machine needs to get round to everybody. */
  private static final long LEAST_NANOS = 20_000_000;

  private final int capacity;
  private int limit;
  private long goal;
  private long sinceNanos;

  /**
   * Starts small.
   *
   * @param initial the window to start with
   * @param capacity the largest window
   * @param first the sequence number of the first byte of data
   */
  ReceiveBufferTuner(int initial, int capacity, long first, long nowNanos) {
    this.capacity = capacity;
    limit = initial;
    goal = first + initial;
    sinceNanos = nowNanos;
  }

  /** Bytes of the window. */
  int limit() {
    return limit;
  }

  /**
   * The owner has consumed bytes.
   *
   * @param next the sequence number expected next
   * @param unconsumed bytes delivered and not consumed yet
   * @param roundTripNanos the smoothed round trip, 0 where it is not known
   */
  void consumed(long next, long unconsumed, long roundTripNanos, long nowNanos) {
    if (next < goal || unconsumed > limit / 2) {
      return;
    }
    if (nowNanos - sinceNanos <= Math.max(LEAST_NANOS, ROUND_TRIPS * roundTripNanos)) {
      limit = (int) Math.min(capacity, 2L * limit);
    }
    goal = next + limit - unconsumed;
    sinceNanos = nowNanos;
  }
}
