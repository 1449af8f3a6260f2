/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * What all congestion controls do that take a loss for a sign of congestion: the initial window of
 * RFC 6928, slow start of RFC 5681 with byte counting of RFC 3465, what happens at a loss and how
 * it is undone. How the window grows after slow start, and by how much a loss reduces it, is the
 * subclass's.
 */
abstract class LossBasedControl implements CongestionControl {
  /**
   * Segments the window may grow by for one acknowledgment in slow start. RFC 9406, section 4.2.
   */
  private static final int SLOW_START_LIMIT = 8;

  static final int MAX_WINDOW = 1 << 30;

  private int segmentSize;
  private int initialWindow;
  private int window;
  private int threshold = MAX_WINDOW;
  private int windowBefore;
  private int thresholdBefore = MAX_WINDOW;

  LossBasedControl(int segmentSize, boolean synLost) {
    this.segmentSize = segmentSize;
    initialWindow = synLost ? segmentSize : initialWindow(segmentSize);
    window = initialWindow;
  }

  private static int initialWindow(int segmentSize) {
    return Math.min(10 * segmentSize, Math.max(2 * segmentSize, 14_600));
  }

  /**
   * The window grows, after slow start.
   *
   * @param bytes newly acknowledged
   */
  abstract void avoidCongestion(int bytes, long roundTripNanos, long nowNanos);

  /** Congestion avoidance is interrupted: the window was not used up. */
  abstract void pause(long nowNanos);

  /**
   * A loss reduces the window.
   *
   * @param timeout whether it was found by the timer
   * @return the new slow-start threshold, of a window of which {@code flightBytes} were used
   */
  abstract int reduce(int flightBytes, boolean timeout);

  /** The state before the last {@link #reduce} is restored. */
  abstract void restore();

  final int segmentSize() {
    return segmentSize;
  }

  final int threshold() {
    return threshold;
  }

  final void window(int bytes) {
    window = Math.clamp(bytes, segmentSize, MAX_WINDOW);
  }

  @Override
  public final int windowBytes() {
    return window;
  }

  @Override
  public final void onAcknowledged(
      int bytes, boolean windowLimited, boolean afterTimeout, long roundTripNanos, long nowNanos) {
    if (!windowLimited) {
      pause(nowNanos);
      return;
    }
    int counted = bytes;
    if (window < threshold) {
      counted = Math.min(bytes, (afterTimeout ? 1 : SLOW_START_LIMIT) * segmentSize);
      int growth = Math.min(counted, threshold - window);
      window(window + growth);
      counted -= growth;
    }
    if (window >= threshold) {
      avoidCongestion(counted, roundTripNanos, nowNanos);
    } else {
      pause(nowNanos);
    }
  }

  private void remember() {
    windowBefore = window;
    thresholdBefore = threshold;
  }

  @Override
  public final void onLoss(int flightBytes, long nowNanos) {
    remember();
    threshold = Math.max(reduce(flightBytes, false), 2 * segmentSize);
    window(threshold);
  }

  @Override
  public final void onTimeout(int flightBytes, boolean again, long nowNanos) {
    if (!again) {
      remember();
      threshold = Math.max(reduce(flightBytes, true), 2 * segmentSize);
    }
    window(segmentSize);
  }

  @Override
  public final void onSpurious(long nowNanos) {
    if (windowBefore > 0) {
      threshold = Math.max(threshold, thresholdBefore);
      window(Math.max(window, windowBefore));
      windowBefore = 0;
      restore();
    }
  }

  @Override
  public final void onIdle(long nowNanos) {
    // What was reached before is remembered in the threshold. RFC 2861, section 3.
    threshold = Math.max(threshold, window - window / 4);
    pause(nowNanos);
    window(Math.min(window, initialWindow));
  }

  @Override
  public final void onSegmentSize(int bytes) {
    segmentSize = bytes;
    initialWindow = initialWindow(bytes);
    window(window);
  }
}
