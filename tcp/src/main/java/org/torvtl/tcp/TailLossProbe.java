/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * When the last segments of a flight get lost, nothing behind them tells. So where no
 * acknowledgment comes for two round trips, one more segment is sent to draw one, well before the
 * retransmission timer expires and takes the congestion window with it. RFC 8985, section 7.
 */
final class TailLossProbe {
  /** The least time before a probe: a peer that was not scheduled has lost nothing. */
  static final long LEAST_NANOS = 10_000_000;

  private static final long UNKNOWN_NANOS = 1_000_000_000;
  private static final long NONE = Deadlines.NONE;

  private final long maxAckDelayNanos;
  private long deadlineNanos = NONE;
  private long end = NONE;
  private boolean repetition;

  /**
   * A probe not scheduled yet.
   *
   * @param maxAckDelayNanos how long the peer may delay the acknowledgment of a lone segment
   */
  TailLossProbe(long maxAckDelayNanos) {
    this.maxAckDelayNanos = maxAckDelayNanos;
  }

  long deadlineNanos() {
    return deadlineNanos;
  }

  /** Whether a probe was sent and what became of it is not known. */
  boolean isUnderWay() {
    return end != NONE;
  }

  /**
   * Schedules a probe: section 7.2.
   *
   * @param lone whether no more than one segment is under way
   * @param smoothedNanos the smoothed round trip; 0 where there is none yet
   * @param timeoutNanos when the retransmission timer expires: no later than that
   */
  void schedule(boolean lone, long smoothedNanos, long timeoutNanos, long nowNanos) {
    long wait = UNKNOWN_NANOS;
    if (smoothedNanos > 0) {
      wait = Math.max(LEAST_NANOS, 2 * smoothedNanos + (lone ? maxAckDelayNanos : 0));
    }
    deadlineNanos = nowNanos + wait - timeoutNanos > 0 ? timeoutNanos : nowNanos + wait;
  }

  void cancel() {
    deadlineNanos = NONE;
  }

  /**
   * A probe was sent.
   *
   * @param next the next sequence number to send, behind it
   * @param again whether the probe is a repetition and not new data
   */
  void sent(long next, boolean again) {
    deadlineNanos = NONE;
    end = next;
    repetition = again;
  }

  /**
   * The peer reports that it got twice what ends at {@code right}.
   *
   * @return whether that is the probe: nothing had been lost
   */
  boolean reports(long right) {
    if (end == NONE || !repetition || right != end) {
      return false;
    }
    end = NONE;
    return true;
  }

  /**
   * An acknowledgment has come: section 7.4.2.
   *
   * @param isDuplicate whether it is a duplicate acknowledgment without a report
   * @return whether the probe has repaired a loss that would have gone unnoticed otherwise
   */
  boolean acknowledged(long acknowledgment, boolean isDuplicate) {
    if (end == NONE || acknowledgment < end) {
      return false;
    }
    boolean repaired = repetition && acknowledgment > end;
    if (repaired || !repetition || isDuplicate) {
      end = NONE;
    }
    return repaired;
  }

  /** Recovery has begun: what became of the probe does not matter any more. */
  void forget() {
    deadlineNanos = NONE;
    end = NONE;
  }
}
