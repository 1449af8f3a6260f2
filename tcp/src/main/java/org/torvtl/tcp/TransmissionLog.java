/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import java.util.Arrays;

/**
 * What is under way: which bytes were sent, when they were sent last, and what is known of them.
 * The scoreboard of RFC 6675, section 3, with the times that RFC 8985, section 5.2 asks for.
 *
 * <p>From the first byte not acknowledged to the next one to send, sequence numbers fall into
 * ranges without gaps. A range is what was sent at about the same moment and has the same fate; it
 * is cut where its bytes part ways. So a super-segment is one range, and a window full of segments
 * is a few dozen. How many the peer's reports can make is bounded.
 */
final class TransmissionLog {
  /** The most ranges of a log, and the least that its bound may be. */
  static final int MAX_RANGES = 1024, LEAST_RANGES = 64;

  /** A full queue of segments of usual length needs fewer ranges. */
  private static final int BYTES_PER_RANGE = 1024;

  /** The peer has reported it by SACK. */
  private static final byte REPORTED = 1;

  /** It counts as lost and was not sent again since. */
  private static final byte LOST = 2;

  /** It was sent more than once. */
  private static final byte RESENT = 4;

  /** Hears of bytes that have arrived. */
  interface Delivery {
    /**
     * A range has arrived.
     *
     * @param end the sequence number just after it
     * @param sentNanos when it was sent last
     * @param resent whether it was sent more than once
     */
    void delivered(long end, long sentNanos, boolean resent);
  }

  /** So many ranges, and no report that makes more of them is taken. */
  private final int maxRanges;

  private long first;
  private int count;
  private long[] ends = new long[4];
  private long[] times = new long[4];
  private byte[] marks = new byte[4];
  private long reportedBytes;
  private long lostBytes;

  TransmissionLog(long first) {
    this(first, Integer.MAX_VALUE);
  }

  /**
   * An empty log.
   *
   * @param first the sequence number of the first byte
   * @param capacityBytes what may be queued to be sent; bounds the ranges, and so what a peer can
   *     make of a connection that is allowed little memory
   */
  TransmissionLog(long first, int capacityBytes) {
    this.first = first;
    this.maxRanges = Math.clamp(capacityBytes / BYTES_PER_RANGE, LEAST_RANGES, MAX_RANGES);
  }

  private long start(int index) {
    return index == 0 ? first : ends[index - 1];
  }

  private long length(int index) {
    return ends[index] - start(index);
  }

  private boolean is(int index, byte mark) {
    return (marks[index] & mark) != 0;
  }

  /** The sequence number just after what was sent. */
  long end() {
    return count == 0 ? first : ends[count - 1];
  }

  int ranges() {
    return count;
  }

  /** Bytes the peer has reported. */
  long reportedBytes() {
    return reportedBytes;
  }

  /** Bytes that count as lost and were not sent again since. */
  long lostBytes() {
    return lostBytes;
  }

  /** Bytes that the network still holds, as far as is known. */
  long pipe() {
    return end() - first - reportedBytes - lostBytes;
  }

  /** Index of the range that holds the byte at {@code sequence}; {@code count} if none does. */
  private int find(long sequence) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (ends[middle] > sequence) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /**
   * New bytes were sent, up to {@code end}.
   *
   * @param togetherNanos what was sent no longer ago than this is taken as sent at the same time
   */
  void sent(long end, long nowNanos, long togetherNanos) {
    int last = count - 1;
    boolean joins =
        last >= 0
            && marks[last] == 0
            && (nowNanos - times[last] <= togetherNanos || count >= maxRanges);
    if (joins) {
      ends[last] = end;
    } else {
      insert(count, end, nowNanos, (byte) 0);
    }
  }

  private void insert(int index, long end, long time, byte mark) {
    if (count == ends.length) {
      ends = Arrays.copyOf(ends, 2 * count);
      times = Arrays.copyOf(times, 2 * count);
      marks = Arrays.copyOf(marks, 2 * count);
    }
    move(index, index + 1);
    ends[index] = end;
    times[index] = time;
    marks[index] = mark;
    count++;
  }

  private void move(int from, int to) {
    System.arraycopy(ends, from, ends, to, count - from);
    System.arraycopy(times, from, times, to, count - from);
    System.arraycopy(marks, from, marks, to, count - from);
  }

  private void remove(int from, int to) {
    move(to, from);
    count -= to - from;
  }

  /** Makes a range begin at {@code sequence}; its index. */
  private int cut(long sequence) {
    int index = find(sequence);
    if (index < count && start(index) != sequence) {
      insert(index, sequence, times[index], marks[index]);
      index++;
    }
    return index;
  }

  /** Joins ranges around {@code index} that have become alike. */
  private void join(int index) {
    for (int i = Math.min(index + 1, count - 1); i > Math.max(0, index - 1); i--) {
      boolean alike = marks[i] == marks[i - 1];
      if (alike && (is(i, REPORTED) || times[i] == times[i - 1] || count >= maxRanges)) {
        ends[i - 1] = ends[i];
        remove(i, i + 1);
      }
    }
  }

  /** Everything before {@code sequence} is acknowledged. */
  void acknowledge(long sequence, Delivery delivery) {
    int index = 0;
    while (index < count && start(index) < sequence) {
      long length = Math.min(ends[index], sequence) - start(index);
      if (is(index, REPORTED)) {
        reportedBytes -= length;
      } else {
        if (is(index, LOST)) {
          lostBytes -= length;
        }
        delivery.delivered(start(index) + length, times[index], is(index, RESENT));
      }
      if (ends[index] > sequence) {
        break;
      }
      index++;
    }
    remove(0, index);
    first = sequence;
  }

  /**
   * The peer has reported the bytes from {@code left} to {@code right}, which are under way.
   *
   * @return how many of them are new; -1 if there is no room for the report
   */
  long report(long left, long right, Delivery delivery) {
    int head = find(left);
    long from = head < count && is(head, REPORTED) ? Math.min(ends[head], right) : left;
    if (from == right) {
      return 0;
    }
    int tail = find(right - 1);
    long to = tail < count && is(tail, REPORTED) ? start(tail) : right;
    if (count + 2 > maxRanges && (start(find(from)) != from || ends[find(to - 1)] != to)) {
      return -1;
    }
    int index = cut(from);
    int limit = cut(to);
    long news = 0;
    for (int i = index; i < limit; i++) {
      if (!is(i, REPORTED)) {
        news += length(i);
        if (is(i, LOST)) {
          lostBytes -= length(i);
        }
        delivery.delivered(ends[i], times[i], is(i, RESENT));
        marks[i] = REPORTED;
      }
    }
    reportedBytes += news;
    ends[index] = to;
    remove(index + 1, limit);
    join(index);
    return news;
  }

  /** How many separate runs of bytes the peer has reported. */
  int reportedRuns() {
    int runs = 0;
    for (int i = 0; reportedBytes > 0 && i < count; i++) {
      runs += marks[i] & REPORTED;
    }
    return runs;
  }

  /** Whether the peer has reported the first byte, which it does not acknowledge. */
  boolean firstIsReported() {
    return count > 0 && is(0, REPORTED);
  }

  /** What the peer has reported, it no longer has: all of it counts as lost. */
  void forgetReports() {
    for (int i = 0; i < count; i++) {
      if (is(i, REPORTED)) {
        lostBytes += length(i);
        marks[i] = LOST | RESENT;
      }
    }
    reportedBytes = 0;
  }

  private void lose(int index) {
    if (!is(index, REPORTED) && !is(index, LOST)) {
      lostBytes += length(index);
      marks[index] |= LOST;
    }
  }

  /** Everything under way and not reported is lost. */
  void loseAll() {
    for (int i = 0; i < count; i++) {
      lose(i);
    }
  }

  /** The first bytes, at most so many and only what was not sent again before, are lost. */
  void loseFirst(int bytes) {
    if (count == 0 || is(0, REPORTED) || is(0, RESENT) || is(0, LOST)) {
      return;
    }
    if (first + bytes < ends[0]) {
      cut(first + bytes);
    }
    lose(0);
  }

  /** The bytes in the first range are lost, though they may have been sent again. */
  void loseFirstAgain(int bytes) {
    if (count > 0 && first + bytes < ends[0] && !is(0, LOST)) {
      cut(first + bytes);
    }
    if (count > 0) {
      lose(0);
    }
  }

  /**
   * What was sent before the bytes that end at {@code end} were sent, at {@code sentNanos}, is lost
   * if it was sent at {@code lostNanos} or before. RFC 8985, section 6.2, step 5.
   *
   * @return how much later than {@code lostNanos} the latest of what may still get lost was sent; 0
   *     if there is none
   */
  long loseSentBefore(long sentNanos, long end, long lostNanos) {
    long longest = 0;
    for (int i = 0; i < count; i++) {
      if (is(i, REPORTED) || is(i, LOST)) {
        continue;
      }
      long later = times[i] - sentNanos;
      if (later < 0 || (later == 0 && ends[i] < end)) {
        long remaining = times[i] - lostNanos;
        if (remaining <= 0) {
          lose(i);
        } else {
          longest = Math.max(longest, remaining);
        }
      }
    }
    return longest;
  }

  /** Nothing was lost after all. */
  void forgetLosses() {
    for (int i = 0; i < count; i++) {
      marks[i] &= ~LOST;
    }
    lostBytes = 0;
  }

  /** The first byte that counts as lost, or {@code none}. */
  long firstLost(long none) {
    for (int i = 0; lostBytes > 0 && i < count; i++) {
      if (is(i, LOST)) {
        return start(i);
      }
    }
    return none;
  }

  /** Where the bytes that count as lost end that begin at {@code from}. */
  long lostUntil(long from) {
    int index = find(from);
    while (index < count && is(index, LOST)) {
      index++;
    }
    return start(index);
  }

  /** The bytes from {@code from} to {@code end} were sent again. */
  void resent(long from, long end, long nowNanos) {
    int index = cut(from);
    int limit = cut(end);
    for (int i = index; i < limit; i++) {
      if (is(i, LOST)) {
        lostBytes -= length(i);
      }
      times[i] = nowNanos;
      marks[i] = RESENT;
    }
    ends[index] = end;
    remove(index + 1, limit);
    join(index);
  }
}
