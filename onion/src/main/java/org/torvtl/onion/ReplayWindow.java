/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

/**
 * Which of the latest sequence numbers were seen, so that no message is taken twice, while those
 * that overtook each other are. RFC 4303, section 3.4.3.
 */
final class ReplayWindow {
  /** How far back a message may come late. */
  static final int WIDTH = Long.SIZE;

  private long highest;

  /** Bit {@code n} is set if {@code highest - n} was seen. */
  private long seen;

  /**
   * Takes a number, of a message found authentic.
   *
   * @return {@code false} if it was taken before, is too old to know, or is not from 1 up
   */
  boolean accept(long sequence) {
    if (sequence <= 0) {
      return false;
    }
    if (sequence > highest) {
      long ahead = sequence - highest;
      seen = ahead >= WIDTH ? 1 : seen << ahead | 1;
      highest = sequence;
      return true;
    }
    long behind = highest - sequence;
    if (behind >= WIDTH || (seen & 1L << behind) != 0) {
      return false;
    }
    seen |= 1L << behind;
    return true;
  }
}
