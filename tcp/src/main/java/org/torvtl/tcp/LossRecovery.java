/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Decides which bytes under way count as lost, which to send again first, and how many bytes the
 * network still holds. One account serves all cases:
 *
 * <ul>
 *   <li>with SACK, RFC 6675: lost is what lies below enough reported bytes;
 *   <li>without, NewReno of RFC 6582: lost is one segment at the left edge, again at each partial
 *       acknowledgment; each duplicate acknowledgment says that one segment, unknown which, has
 *       left the network;
 *   <li>after a timeout, everything sent until then, less what was reported.
 * </ul>
 *
 * <p>In all three, bytes below {@code lostBelow} that the peer has not reported are lost, and those
 * below {@code repairedBelow} have been sent again since. So the bytes in the network are those
 * under way, less the reported, less the lost, plus the repaired: Pipe of RFC 6675, section 4.
 */
final class LossRecovery {
  /** What is going on. */
  enum Phase {
    /** Nothing is known to be lost. */
    OPEN,
    /** A loss was found by what the peer acknowledged. */
    FAST,
    /** The retransmission timer has expired. */
    TIMEOUT
  }

  private final SackScoreboard scoreboard = new SackScoreboard();
  private final int segmentSize;
  private final boolean sack;

  private Phase phase = Phase.OPEN;

  /** Where the phase ends: what had been sent when it began. */
  private long recoveryPoint;

  private long lostBelow;
  private long repairedBelow;
  private int duplicates;
  private long duplicateBytes;

  /**
   * Starts with nothing under way.
   *
   * @param first the first sequence number that can be sent
   */
  LossRecovery(int segmentSize, boolean sack, long first) {
    this.segmentSize = segmentSize;
    this.sack = sack;
    recoveryPoint = first - 1;
    lostBelow = first;
    repairedBelow = first;
  }

  Phase phase() {
    return phase;
  }

  SackScoreboard scoreboard() {
    return scoreboard;
  }

  /** A duplicate acknowledgment, in the sense of RFC 5681 or, with SACK, RFC 6675, section 2. */
  void duplicate(long unacknowledged, long next) {
    if (phase == Phase.TIMEOUT) {
      return;
    }
    duplicates++;
    if (!sack) {
      duplicateBytes =
          Math.max(0, Math.min(duplicateBytes + segmentSize, next - unacknowledged - segmentSize));
    }
  }

  /**
   * The left edge moved.
   *
   * @param bytes by how much
   * @return whether fast recovery has ended by that
   */
  boolean acknowledged(long unacknowledged, long bytes) {
    scoreboard.removeBefore(unacknowledged);
    lostBelow = Math.max(lostBelow, unacknowledged);
    repairedBelow = Math.max(repairedBelow, unacknowledged);
    duplicates = 0;
    duplicateBytes =
        phase == Phase.FAST ? Math.max(0, duplicateBytes - Math.max(0, bytes - segmentSize)) : 0;
    if (phase == Phase.OPEN) {
      return false;
    }
    if (unacknowledged >= recoveryPoint) {
      boolean recovered = phase == Phase.FAST;
      phase = Phase.OPEN;
      lostBelow = unacknowledged;
      repairedBelow = unacknowledged;
      duplicateBytes = 0;
      return recovered;
    }
    if (phase == Phase.FAST && !sack) {
      lostBelow = Math.max(lostBelow, Math.min(unacknowledged + segmentSize, recoveryPoint));
    }
    return false;
  }

  /**
   * Looks at what is known by now.
   *
   * @return whether fast recovery begins: the segment at the left edge is to be sent again at once
   */
  boolean detect(long unacknowledged, long next) {
    if (sack) {
      lostBelow = Math.max(lostBelow, scoreboard.lostBelow(segmentSize, lostBelow));
    }
    if (phase != Phase.OPEN || unacknowledged == next) {
      return false;
    }
    boolean enough = duplicates >= SackScoreboard.DUPLICATE_THRESHOLD;
    // Without SACK, duplicates right after a recovery may stem from what it sent needlessly:
    // RFC 6582, section 3.2, step 2.
    boolean lost =
        sack ? enough || lostBelow > unacknowledged : enough && unacknowledged > recoveryPoint;
    if (!lost) {
      return false;
    }
    phase = Phase.FAST;
    recoveryPoint = next;
    repairedBelow = unacknowledged;
    lostBelow = Math.max(lostBelow, Math.min(unacknowledged + segmentSize, next));
    return true;
  }

  /** The retransmission timer expired. */
  void timeout(long unacknowledged, long next) {
    if (scoreboard.contains(unacknowledged)) {
      // The peer reported what it does not acknowledge: it has thrown it away since. RFC 2018, 8.
      scoreboard.clear();
    }
    phase = Phase.TIMEOUT;
    recoveryPoint = next;
    lostBelow = next;
    repairedBelow = unacknowledged;
    duplicates = 0;
    duplicateBytes = 0;
  }

  /** The first lost byte that was not sent again, or {@code none}. */
  long nextLost(long unacknowledged, long none) {
    long hole = scoreboard.firstHole(Math.max(unacknowledged, repairedBelow));
    return hole < lostBelow ? hole : none;
  }

  /**
   * The first byte not sent again that lies below a reported one, though it does not count as lost
   * yet: worth sending where there is nothing else. RFC 6675, section 4, NextSeg (3).
   */
  long nextSuspect(long unacknowledged, long none) {
    if (phase != Phase.FAST || scoreboard.isEmpty()) {
      return none;
    }
    long hole = scoreboard.firstHole(Math.max(unacknowledged, repairedBelow));
    return hole < scoreboard.highest() ? hole : none;
  }

  /** Bytes below this sequence number have been sent again. */
  void repaired(long below) {
    repairedBelow = Math.max(repairedBelow, below);
  }

  /** How many bytes the network still holds. */
  long pipe(long unacknowledged, long next) {
    long pipe = scoreboard.missing(unacknowledged, next);
    pipe -= scoreboard.missing(unacknowledged, Math.min(lostBelow, next));
    pipe += scoreboard.missing(unacknowledged, Math.min(repairedBelow, next));
    return Math.max(0, pipe - duplicateBytes);
  }
}
