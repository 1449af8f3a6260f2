/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Slow start and congestion avoidance in bytes. RFC 5681, section 3; initial window by RFC 6928;
 * byte counting by RFC 3465.
 */
final class NewReno implements CongestionControl {
  /**
   * Segments the window may grow by for one acknowledgment in slow start. RFC 9406, section 4.2.
   */
  private static final int SLOW_START_LIMIT = 8;

  private static final int MAX_WINDOW = 1 << 30;

  private final int segmentSize;
  private final int initialWindow;
  private int window;
  private int threshold = MAX_WINDOW;
  private int avoidanceBytes;

  /**
   * Starts a connection.
   *
   * @param segmentSize payload bytes of a full segment
   * @param synLost whether our SYN had to be repeated: then the window starts at one segment
   */
  NewReno(int segmentSize, boolean synLost) {
    this.segmentSize = segmentSize;
    initialWindow =
        synLost ? segmentSize : Math.min(10 * segmentSize, Math.max(2 * segmentSize, 14_600));
    window = initialWindow;
  }

  @Override
  public int windowBytes() {
    return window;
  }

  @Override
  public void onAcknowledged(
      int bytes, boolean windowLimited, boolean afterTimeout, long nowNanos) {
    if (!windowLimited) {
      return;
    }
    int rest = bytes;
    if (window < threshold) {
      int limit = (afterTimeout ? 1 : SLOW_START_LIMIT) * segmentSize;
      int growth = Math.min(Math.min(bytes, limit), threshold - window);
      grow(growth);
      if (window < threshold) {
        return;
      }
      rest = Math.min(bytes, limit) - growth;
    }
    avoidanceBytes += rest;
    if (avoidanceBytes >= window) {
      avoidanceBytes -= window;
      grow(segmentSize);
    }
  }

  private void grow(int bytes) {
    window = Math.min(MAX_WINDOW, window + bytes);
  }

  @Override
  public void onLoss(int flightBytes, long nowNanos) {
    reduce(flightBytes);
    window = threshold;
  }

  @Override
  public void onRecovered(int flightBytes, long nowNanos) {
    // RFC 6582, section 3.2, step 3, option 1: no burst where little is under way.
    window = Math.min(threshold, Math.max(flightBytes, segmentSize) + segmentSize);
  }

  @Override
  public void onTimeout(int flightBytes, boolean again, long nowNanos) {
    if (!again) {
      reduce(flightBytes);
    }
    window = segmentSize;
  }

  private void reduce(int flightBytes) {
    threshold = Math.max(flightBytes / 2, 2 * segmentSize);
    avoidanceBytes = 0;
  }

  @Override
  public void onIdle(long nowNanos) {
    window = Math.min(window, initialWindow);
  }
}
