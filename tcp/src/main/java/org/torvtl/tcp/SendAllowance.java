/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How many bytes may be sent now: what fits the peer's window and is no silly segment (RFC 9293,
 * section 3.8.6.2.1), and what fits the congestion window (RFC 5681).
 */
final class SendAllowance {
  /** The answer where nothing may be sent, not even a FIN. */
  static final int NOTHING = -1;

  /**
   * The most packets under way to a peer whose segments are small ({@link EffectiveMss#isSmall}):
   * one acknowledgment sets off no more.
   */
  static final int MOST_SMALL_UNDER_WAY = 512;

  private final SendWindow window;
  private final CongestionControl congestion;
  private final LossRecovery recovery;
  private final EffectiveMss mss;
  private boolean congestionLimited;

  SendAllowance(
      SendWindow window, CongestionControl congestion, LossRecovery recovery, EffectiveMss mss) {
    this.window = window;
    this.congestion = congestion;
    this.recovery = recovery;
    this.mss = mss;
  }

  /** Whether the congestion window has kept back anything since {@link #begin}. */
  boolean isCongestionLimited() {
    return congestionLimited;
  }

  /** A new round of sending begins. */
  void begin() {
    congestionLimited = false;
  }

  /**
   * How many lost bytes may be sent again.
   *
   * @param from where they begin
   * @param headIsDue whether one segment goes out whatever the windows say
   * @return at least 1, or {@link #NOTHING}
   */
  int lostBytes(long from, boolean headIsDue) {
    int size = mss.segment();
    if (headIsDue) {
      return size;
    }
    long most = windowBytes(size);
    long room = most - recovery.pipe();
    if (room < size && room < most) {
      congestionLimited = most == congestion.windowBytes();
      return NOTHING;
    }
    if (from >= window.edge()) {
      // The peer has shrunk its window: what lies beyond goes out by the timer only.
      return NOTHING;
    }
    return (int) Math.min(Math.max(size, room / size * size), mss.transmission(size));
  }

  /**
   * How many new bytes may be sent.
   *
   * @param next where they begin
   * @param unsent how many there are; 0 for a FIN alone
   * @return at most {@code unsent}, or {@link #NOTHING}
   */
  int newBytes(long next, int unsent) {
    long usable = window.edge() - next;
    if (usable <= 0) {
      return NOTHING;
    }
    int size = mss.segment();
    int length = (int) Math.min(Math.min(unsent, usable), mss.transmission(size));
    if (unsent > 0) {
      int allowed = allowedByCongestion(size, unsent);
      if (allowed == 0) {
        congestionLimited = windowBytes(size) == congestion.windowBytes();
        return NOTHING;
      }
      length = Math.min(length, allowed);
    }
    if (length < unsent) {
      if (length > size) {
        length -= length % size;
      } else if (length < size && length < window.largest() / 2) {
        return NOTHING;
      }
    }
    return length;
  }

  /** How many new bytes the congestion window allows, 0 if it is not worth a segment. */
  private int allowedByCongestion(int size, int unsent) {
    long pipe = recovery.pipe();
    long room = windowBytes(size) - pipe;
    if (room >= size) {
      return (int) Math.min(Integer.MAX_VALUE, room / size * size);
    }
    if (pipe == 0) {
      return size;
    }
    return unsent <= room ? unsent : 0;
  }

  /** How much may be under way: the congestion window, and not too many small packets. */
  private long windowBytes(int size) {
    long bytes = congestion.windowBytes();
    return mss.isSmall() ? Math.min(bytes, (long) MOST_SMALL_UNDER_WAY * size) : bytes;
  }
}
