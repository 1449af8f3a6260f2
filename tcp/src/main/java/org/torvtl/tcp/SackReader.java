/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpOptions;

/**
 * Reads the peer's SACK blocks into the {@link TransmissionLog} (RFC 2018, section 4), and
 * recognizes the block that reports a duplicate (RFC 2883, section 4).
 */
final class SackReader {
  private final TcpCounters counters;
  private final TransmissionLog log;
  private final Rack rack;
  private boolean hasDuplicate;
  private long duplicateLeft;
  private long duplicateRight;

  SackReader(TcpCounters counters, TransmissionLog log, Rack rack) {
    this.counters = counters;
    this.log = log;
    this.rack = rack;
  }

  /** An acknowledgment has come that echoes a timestamp, or does not. Before all else. */
  void begin(boolean hasEcho, int echo, long nowNanos) {
    rack.begin(hasEcho, echo, nowNanos);
  }

  /**
   * Looks whether the first block reports what has arrived twice: it is acknowledged already, or
   * lies in the second block.
   *
   * @param unacknowledged the left edge
   * @param pastBytes how far before the acknowledgment a duplicate is still believed
   */
  boolean readDuplicate(
      TcpOptions options, long acknowledgment, long unacknowledged, long pastBytes) {
    hasDuplicate = false;
    if (options.sackCount() == 0) {
      return false;
    }
    long left = SequenceNumbers.extend(options.sackLeft(0), unacknowledged);
    long right = SequenceNumbers.extend(options.sackRight(0), unacknowledged);
    boolean inSecond = false;
    if (options.sackCount() > 1) {
      long outerLeft = SequenceNumbers.extend(options.sackLeft(1), unacknowledged);
      long outerRight = SequenceNumbers.extend(options.sackRight(1), unacknowledged);
      inSecond = outerLeft <= left && right <= outerRight;
    }
    if (left >= right
        || acknowledgment - left > pastBytes
        || !(right <= acknowledgment || inSecond)) {
      return false;
    }
    counters.duplicatesReported++;
    hasDuplicate = true;
    duplicateLeft = left;
    duplicateRight = right;
    return true;
  }

  /** Where the duplicate begins that was found last. */
  long duplicateLeft() {
    return duplicateLeft;
  }

  /** The sequence number just after that duplicate. */
  long duplicateRight() {
    return duplicateRight;
  }

  /** The duplicate was a retransmission nothing asked for: the path reorders more than assumed. */
  void widenReordering(long next) {
    rack.duplicateReported(next);
  }

  /**
   * Takes the other blocks, after {@link #readDuplicate}: the lowest first, as they were meant; a
   * higher one before a lower one would look as if the path had reordered.
   *
   * @param unacknowledged the left edge
   * @param next the next sequence number to send
   * @return how many bytes are reported for the first time
   */
  long readReports(TcpOptions options, long unacknowledged, long next) {
    int count = options.sackCount();
    int first = hasDuplicate ? 1 : 0;
    long news = 0;
    long above = Long.MIN_VALUE;
    for (int i = first; i < count; i++) {
      int lowest = -1;
      long lowestLeft = Long.MAX_VALUE;
      for (int j = first; j < count; j++) {
        long left = SequenceNumbers.extend(options.sackLeft(j), unacknowledged);
        if (left > above && left < lowestLeft) {
          lowest = j;
          lowestLeft = left;
        }
      }
      if (lowest < 0) {
        break;
      }
      above = lowestLeft;
      long right = SequenceNumbers.extend(options.sackRight(lowest), unacknowledged);
      news += readBlock(lowestLeft, right, unacknowledged, next);
    }
    return news;
  }

  private long readBlock(long left, long right, long unacknowledged, long next) {
    if (left >= right || right > next) {
      counters.badSackBlocks++;
      return 0;
    }
    if (right <= unacknowledged) {
      // A report of long ago.
      return 0;
    }
    long added = log.report(Math.max(left, unacknowledged), right, rack);
    if (added < 0) {
      counters.badSackBlocks++;
    }
    return Math.max(0, added);
  }
}
