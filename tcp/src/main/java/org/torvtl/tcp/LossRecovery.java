/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.jspecify.annotations.Nullable;

/**
 * Decides when a recovery begins and ends, and which bytes under way count as lost:
 *
 * <ul>
 *   <li>with SACK, what {@link Rack} finds, RFC 8985;
 *   <li>without, NewReno of RFC 6582: lost is one segment at the left edge, again at each partial
 *       acknowledgment; each duplicate acknowledgment says that one segment, unknown which, has
 *       left the network;
 *   <li>after a timeout, with SACK what is older than a round trip, without everything.
 * </ul>
 */
final class LossRecovery {
  /** Duplicate acknowledgments that mean loss: DupThresh of RFC 5681 and RFC 6675. */
  static final int DUPLICATE_THRESHOLD = 3;

  private static final long NONE = Long.MAX_VALUE;

  /** What is going on. */
  enum Phase {
    /** Nothing is known to be lost. */
    OPEN,
    /** A loss was found by what the peer acknowledged. */
    FAST,
    /** The retransmission timer has expired. */
    TIMEOUT
  }

  private final TransmissionLog log;

  /** Only with SACK. */
  private final @Nullable Rack rack;

  private int segmentSize;
  private Phase phase = Phase.OPEN;

  /** Where the phase ends: what had been sent when it began. */
  private long recoveryPoint;

  /** Whether the phase began because the path takes smaller packets, not because of a loss. */
  private boolean resizing;

  private int duplicates;
  private long duplicateBytes;
  private long reorderingDeadlineNanos = NONE;

  /**
   * Starts with nothing under way.
   *
   * @param first the first sequence number that can be sent
   */
  LossRecovery(TransmissionLog log, @Nullable Rack rack, int segmentSize, long first) {
    this.log = log;
    this.rack = rack;
    this.segmentSize = segmentSize;
    recoveryPoint = first - 1;
  }

  Phase phase() {
    return phase;
  }

  void segmentSize(int bytes) {
    segmentSize = bytes;
  }

  /**
   * Whether an acknowledgment of less than what was sent shows the next loss. RFC 6582, 3.2 (3).
   */
  boolean partialAcknowledgmentShowsLoss() {
    return rack == null && phase == Phase.FAST;
  }

  /** When to call {@link #detect} though nothing arrives; {@link Long#MAX_VALUE} for never. */
  long reorderingDeadlineNanos() {
    return reorderingDeadlineNanos;
  }

  /** A duplicate acknowledgment, in the sense of RFC 5681 or, with SACK, RFC 6675, section 2. */
  void duplicate(long unacknowledged, long next) {
    if (phase == Phase.TIMEOUT) {
      return;
    }
    duplicates++;
    if (rack == null) {
      duplicateBytes =
          Math.max(0, Math.min(duplicateBytes + segmentSize, next - unacknowledged - segmentSize));
    }
  }

  /**
   * The left edge moved.
   *
   * @param bytes by how much
   * @return whether fast recovery from a loss has ended by that
   */
  boolean acknowledged(long unacknowledged, long bytes) {
    duplicates = 0;
    duplicateBytes =
        phase == Phase.FAST ? Math.max(0, duplicateBytes - Math.max(0, bytes - segmentSize)) : 0;
    if (rack != null) {
      rack.acknowledged(unacknowledged);
    }
    if (phase == Phase.OPEN) {
      return false;
    }
    if (unacknowledged >= recoveryPoint) {
      boolean recovered = phase == Phase.FAST && !resizing;
      phase = Phase.OPEN;
      resizing = false;
      duplicateBytes = 0;
      if (rack != null) {
        rack.recovered();
      }
      return recovered;
    }
    if (phase == Phase.FAST && rack == null) {
      log.loseFirst((int) Math.min(segmentSize, recoveryPoint - unacknowledged));
    }
    return false;
  }

  /**
   * Looks at what is known by now.
   *
   * @return whether fast recovery begins: the segment at the left edge is to be sent again at once
   */
  boolean detect(long unacknowledged, long next, long smoothedNanos, long nowNanos) {
    boolean enough = duplicates >= DUPLICATE_THRESHOLD;
    reorderingDeadlineNanos = NONE;
    if (rack != null && (log.reportedBytes() > 0 || phase != Phase.OPEN)) {
      long wait = rack.detect(log, isCertain(), smoothedNanos, nowNanos);
      if (wait > 0) {
        reorderingDeadlineNanos = nowNanos + wait;
      }
    }
    if (phase != Phase.OPEN || unacknowledged == next) {
      return false;
    }
    // Without SACK, duplicates right after a recovery may stem from what it sent needlessly:
    // RFC 6582, section 3.2, step 2.
    if (rack == null && enough && unacknowledged > recoveryPoint) {
      log.loseFirstAgain(segmentSize);
    }
    if (log.lostBytes() == 0) {
      return false;
    }
    phase = Phase.FAST;
    recoveryPoint = next;
    return true;
  }

  /** Whether what the peer has reported needs no more time to show a loss. */
  private boolean isCertain() {
    return phase != Phase.OPEN
        || duplicates >= DUPLICATE_THRESHOLD
        || log.reportedBytes() > (DUPLICATE_THRESHOLD - 1L) * segmentSize
        || log.reportedRuns() >= DUPLICATE_THRESHOLD;
  }

  /** The retransmission timer expired. */
  void timeout(long next, long smoothedNanos, long nowNanos) {
    if (rack == null) {
      log.loseAll();
    } else {
      if (log.firstIsReported()) {
        // The peer reported what it does not acknowledge: it has thrown it away. RFC 2018, 8.
        log.forgetReports();
      }
      log.loseFirstAgain(segmentSize);
      rack.timeout(log, smoothedNanos, nowNanos);
    }
    phase = Phase.TIMEOUT;
    resizing = false;
    recoveryPoint = next;
    duplicates = 0;
    duplicateBytes = 0;
    reorderingDeadlineNanos = NONE;
  }

  /** What is under way was too large for the path: it goes out again, and nothing was congested. */
  void resized(long next, int newSegmentSize) {
    segmentSize = newSegmentSize;
    log.loseAll();
    if (phase == Phase.OPEN) {
      phase = Phase.FAST;
      resizing = true;
    }
    recoveryPoint = next;
    duplicates = 0;
    duplicateBytes = 0;
  }

  /** Nothing was lost: the recovery, if it still goes on, ends. */
  void undo() {
    log.forgetLosses();
    phase = Phase.OPEN;
    resizing = false;
    duplicates = 0;
    duplicateBytes = 0;
  }

  /** How many bytes the network still holds. */
  long pipe() {
    return Math.max(0, log.pipe() - duplicateBytes);
  }

  /** Everything is acknowledged, or the connection ends. */
  void stop() {
    reorderingDeadlineNanos = NONE;
  }
}
