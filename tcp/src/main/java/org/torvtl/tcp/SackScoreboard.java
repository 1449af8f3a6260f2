/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.util.Arrays;

/**
 * Which bytes under way the peer has reported to hold: disjoint ranges in order. RFC 6675, section
 * 3. The number of ranges is bounded, so a peer cannot make it grow.
 */
final class SackScoreboard {
  static final int MAX_RANGES = 512;

  /** Duplicate acknowledgments that mean loss: DupThresh of RFC 6675, section 2. */
  static final int DUPLICATE_THRESHOLD = 3;

  private long[] lefts = new long[8];
  private long[] rights = new long[8];
  private int count;

  boolean isEmpty() {
    return count == 0;
  }

  /** The sequence number just after the highest byte reported; only if not empty. */
  long highest() {
    return rights[count - 1];
  }

  /**
   * Adds a range.
   *
   * @return how many of its bytes are new, or -1 if there is no room for it
   */
  long add(long left, long right) {
    int from = firstEndingFrom(left);
    int to = from;
    long low = left;
    long high = right;
    long known = 0;
    while (to < count && lefts[to] <= right) {
      low = Math.min(low, lefts[to]);
      high = Math.max(high, rights[to]);
      known += rights[to] - lefts[to];
      to++;
    }
    if (from == to) {
      if (count == MAX_RANGES) {
        return -1;
      }
      insert(from);
    } else {
      remove(from + 1, to);
    }
    lefts[from] = low;
    rights[from] = high;
    return high - low - known;
  }

  /** Index of the first range whose right edge is at or above {@code left}. */
  private int firstEndingFrom(long left) {
    int index = count;
    while (index > 0 && rights[index - 1] >= left) {
      index--;
    }
    return index;
  }

  private void insert(int index) {
    if (count == lefts.length) {
      lefts = Arrays.copyOf(lefts, 2 * count);
      rights = Arrays.copyOf(rights, 2 * count);
    }
    System.arraycopy(lefts, index, lefts, index + 1, count - index);
    System.arraycopy(rights, index, rights, index + 1, count - index);
    count++;
  }

  private void remove(int from, int to) {
    System.arraycopy(lefts, to, lefts, from, count - to);
    System.arraycopy(rights, to, rights, from, count - to);
    count -= to - from;
  }

  /** Everything before this sequence number is acknowledged. */
  void removeBefore(long sequence) {
    int index = 0;
    while (index < count && rights[index] <= sequence) {
      index++;
    }
    remove(0, index);
    if (count > 0) {
      lefts[0] = Math.max(lefts[0], sequence);
    }
  }

  void clear() {
    count = 0;
  }

  boolean contains(long sequence) {
    int index = firstEndingFrom(sequence + 1);
    return index < count && lefts[index] <= sequence;
  }

  /** The first sequence number from {@code from} that is not in a range. */
  long firstHole(long from) {
    int index = firstEndingFrom(from + 1);
    return index < count && lefts[index] <= from ? rights[index] : from;
  }

  /** The first sequence number from {@code from} that is in a range, or {@code limit} if above. */
  long firstReported(long from, long limit) {
    int index = firstEndingFrom(from + 1);
    return index < count ? Math.min(limit, Math.max(from, lefts[index])) : limit;
  }

  /** How many bytes between the two sequence numbers are in no range. */
  long missing(long from, long to) {
    long bytes = Math.max(0, to - from);
    for (int i = 0; i < count; i++) {
      bytes -= Math.max(0, Math.min(to, rights[i]) - Math.max(from, lefts[i]));
    }
    return bytes;
  }

  /**
   * Where the bytes that count as lost end: bytes below it that are in no range are lost, because
   * enough above them has arrived. That is IsLost of RFC 6675, section 4.
   *
   * @param none what to answer if nothing is
   */
  long lostBelow(int segmentSize, long none) {
    long reported = 0;
    for (int i = count - 1; i >= 0; i--) {
      reported += rights[i] - lefts[i];
      if (count - i >= DUPLICATE_THRESHOLD || reported > (DUPLICATE_THRESHOLD - 1L) * segmentSize) {
        return lefts[i];
      }
    }
    return none;
  }
}
