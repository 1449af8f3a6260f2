/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpOptions;

/**
 * The SACK blocks we report: the one that holds what arrived last comes first, then those reported
 * before, so that each is repeated a few times. RFC 2018, section 4. What arrived twice is reported
 * once, in front of the others. RFC 2883.
 */
final class SackBlocks {
  private static final long[] NONE = {};

  private long[] lefts = NONE;
  private long[] rights = NONE;
  private int count;
  private long duplicateLeft;
  private long duplicateRight;

  /** The run of bytes from {@code left} to {@code right} has just grown or come into being. */
  void add(long left, long right) {
    if (lefts.length == 0) {
      lefts = new long[TcpOptions.MAX_SACK_BLOCKS];
      rights = new long[TcpOptions.MAX_SACK_BLOCKS];
    }
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (rights[i] < left || lefts[i] > right) {
        lefts[kept] = lefts[i];
        rights[kept] = rights[i];
        kept++;
      }
    }
    count = Math.min(kept + 1, lefts.length);
    System.arraycopy(lefts, 0, lefts, 1, count - 1);
    System.arraycopy(rights, 0, rights, 1, count - 1);
    lefts[0] = left;
    rights[0] = right;
  }

  /** Bytes arrived that we had already. */
  void addDuplicate(long left, long right) {
    duplicateLeft = left;
    duplicateRight = right;
  }

  /** Everything before {@code next} is acknowledged by the header's own field. */
  void removeBefore(long next) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (rights[i] > next) {
        lefts[kept] = lefts[i];
        rights[kept] = rights[i];
        kept++;
      }
    }
    count = kept;
  }

  /** Nothing is held any more that was reported. */
  void clear() {
    count = 0;
  }

  /** How many blocks {@link #fill} would write into a header with room for {@code most}. */
  int size(int most) {
    return Math.min(most, count + (hasDuplicate() ? 1 : 0));
  }

  private boolean hasDuplicate() {
    return duplicateLeft != duplicateRight;
  }

  /** Writes at most so many blocks; the report of a duplicate is given only once. */
  void fill(TcpOptions options, int most) {
    int room = most;
    if (hasDuplicate() && room > 0) {
      options.addSack((int) duplicateLeft, (int) duplicateRight);
      duplicateLeft = duplicateRight;
      room--;
    }
    for (int i = 0; i < Math.min(count, room); i++) {
      options.addSack((int) lefts[i], (int) rights[i]);
    }
  }
}
