/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Notices that a recovery was needless: nothing was lost, only late. Then what the recovery did to
 * the congestion window is undone (RFC 4015). It tells by one of two signs:
 *
 * <ul>
 *   <li>the acknowledgment of what was sent again echoes the timestamp of an earlier copy: the
 *       Eifel algorithm, RFC 3522;
 *   <li>the peer has reported everything that was sent again as a duplicate: RFC 2883 and 3708.
 * </ul>
 */
final class SpuriousRecovery {
  private boolean isOpen;
  private boolean waitsForEcho;
  private boolean hasTimestamp;
  private int timestamp;
  private long firstEnd;
  private long repairedBytes;
  private long began;

  /**
   * A recovery has begun, and nothing was sent again yet.
   *
   * @param unacknowledged the left edge: what lies below belongs to an earlier recovery
   */
  void begin(long unacknowledged) {
    began = unacknowledged;
    isOpen = true;
    waitsForEcho = true;
    hasTimestamp = false;
    repairedBytes = 0;
  }

  /** Bytes were sent again, with this timestamp in the header. */
  void resent(long from, long end, int timestampValue) {
    repairedBytes += end - from;
    if (isOpen && !hasTimestamp) {
      hasTimestamp = true;
      timestamp = timestampValue;
      firstEnd = end;
    }
  }

  /**
   * The left edge has moved, by an acknowledgment that echoes {@code echo}.
   *
   * @return whether the recovery was needless
   */
  boolean acknowledged(long acknowledgment, boolean hasEcho, int echo) {
    if (!isOpen || !waitsForEcho || !hasTimestamp) {
      return false;
    }
    // Of less than the first repetition it tells nothing; of more, only the first one counts.
    waitsForEcho = acknowledgment < firstEnd;
    if (waitsForEcho || !hasEcho || echo - timestamp >= 0) {
      return false;
    }
    isOpen = false;
    return true;
  }

  /**
   * The peer reports the bytes from {@code left} to {@code right} as duplicates.
   *
   * @return whether the recovery was needless
   */
  boolean duplicateReported(long left, long right) {
    if (!isOpen || repairedBytes == 0 || right <= began) {
      return false;
    }
    repairedBytes -= right - left;
    if (repairedBytes > 0) {
      return false;
    }
    isOpen = false;
    return true;
  }
}
