/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpOptions;

/**
 * Adjusts the congestion window to what {@link LossRecovery} finds: reduces it when a loss is
 * found, ends the reduction with the recovery (RFC 5681, section 3), and undoes it where the
 * recovery was spurious (RFC 4015).
 */
final class CongestionResponse {
  private final TcpCounters counters;
  private final CongestionControl congestion;
  private final LossRecovery recovery;
  private final SpuriousRecovery spurious = new SpuriousRecovery();
  private final Flight flight;
  private final Timestamps timestamps;
  private final RetransmissionTimeout timeout;

  /** Whether the segment at the left edge is to be sent again whatever the windows say. */
  private boolean headIsDue;

  CongestionResponse(
      TcpCounters counters,
      CongestionControl congestion,
      LossRecovery recovery,
      Flight flight,
      Timestamps timestamps,
      RetransmissionTimeout timeout) {
    this.counters = counters;
    this.congestion = congestion;
    this.recovery = recovery;
    this.flight = flight;
    this.timestamps = timestamps;
    this.timeout = timeout;
  }

  /** Whether the first lost segment is to be sent again whatever the windows say. */
  boolean headIsDue() {
    return headIsDue;
  }

  /** The first lost segment was sent again, or there is none. */
  void clearHead() {
    headIsDue = false;
  }

  /** Whether no loss is being repaired. */
  boolean isOpen() {
    return recovery.phase() == LossRecovery.Phase.OPEN;
  }

  /** When to call {@link #detectLosses} though nothing arrives. */
  long reorderingDeadlineNanos() {
    return recovery.reorderingDeadlineNanos();
  }

  /**
   * Looks for losses in what is known by now.
   *
   * @return whether fast recovery begins
   */
  boolean detectLosses(long nowNanos) {
    if (!recovery.detect(
        flight.unacknowledged(), flight.next(), timeout.smoothedNanos(), nowNanos)) {
      return false;
    }
    counters.fastRecoveries++;
    congestion.onLoss(flight.size(), nowNanos);
    spurious.begin(flight.unacknowledged());
    headIsDue = true;
    return true;
  }

  /** A duplicate acknowledgment. RFC 5681; with SACK, RFC 6675, section 2. */
  void duplicateAcknowledgment() {
    recovery.duplicate(flight.unacknowledged(), flight.next());
  }

  /**
   * The left edge has moved.
   *
   * @param options of the segment that moved it
   * @param bytes by how much
   * @param windowLimited whether the congestion window was used up
   */
  void acknowledged(TcpOptions options, long bytes, boolean windowLimited, long nowNanos) {
    boolean hasEcho = timestamps.enabled() && options.hasTimestamps();
    if (spurious.acknowledged(flight.unacknowledged(), hasEcho, options.timestampEcho())) {
      undo(nowNanos);
    }
    boolean afterTimeout = recovery.phase() == LossRecovery.Phase.TIMEOUT;
    boolean inFastRecovery = recovery.phase() == LossRecovery.Phase.FAST;
    if (recovery.acknowledged(flight.unacknowledged(), bytes)) {
      congestion.onRecovered(flight.size(), nowNanos);
    } else if (!inFastRecovery) {
      congestion.onAcknowledged(
          (int) bytes, windowLimited, afterTimeout, timeout.smoothedNanos(), nowNanos);
    }
    headIsDue = recovery.partialAcknowledgmentShowsLoss();
  }

  /** The peer reports the bytes from {@code left} to {@code right} as duplicates. */
  void duplicateReported(long left, long right, long nowNanos) {
    if (spurious.duplicateReported(left, right)) {
      undo(nowNanos);
    }
  }

  private void undo(long nowNanos) {
    counters.spuriousRecoveries++;
    recovery.undo();
    congestion.onSpurious(nowNanos);
  }

  /** Bytes are being sent again. */
  void resent(long from, long end, long nowNanos) {
    spurious.resent(from, end, timestamps.value(nowNanos));
  }

  /** A tail loss probe has repaired a loss: the window shrinks as at any other. RFC 8985, 7.4.2. */
  void tailProbeRepairedLoss(long nowNanos) {
    if (isOpen()) {
      counters.fastRecoveries++;
      congestion.onLoss(flight.size(), nowNanos);
      congestion.onRecovered(flight.size(), nowNanos);
    }
  }

  /**
   * The retransmission timer has expired. RFC 6298, section 5.
   *
   * @param again whether it had expired for the same data before
   */
  void timedOut(boolean again, long nowNanos) {
    counters.timeouts++;
    congestion.onTimeout(flight.size(), again, nowNanos);
    if (!again) {
      spurious.begin(flight.unacknowledged());
    }
    recovery.timeout(flight.next(), timeout.smoothedNanos(), nowNanos);
    headIsDue = true;
  }

  /** Nothing was sent for longer than a retransmission timeout. RFC 5681, section 4.1. */
  void idle(long nowNanos) {
    congestion.onIdle(nowNanos);
  }

  /** The path takes only segments of this size: what is under way goes out again. */
  void resized(int fullSegment) {
    congestion.onSegmentSize(fullSegment);
    recovery.resized(flight.next(), fullSegment);
  }

  /** Nothing is under way any more. */
  void stop() {
    recovery.stop();
  }
}
