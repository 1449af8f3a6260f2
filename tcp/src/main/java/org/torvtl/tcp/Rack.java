/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Finds losses by time: what was sent well before something that has arrived is lost. RFC 8985,
 * section 6.
 *
 * <p>"Well before" is the reordering window. It is nothing where the peer has reported enough
 * (DupThresh) and its path was never seen to reorder; so where it does not, this finds what RFC
 * 6675 finds, when RFC 6675 finds it. It grows where reports of duplicates show that segments were
 * retransmitted needlessly.
 */
final class Rack implements TransmissionLog.Delivery {
  /** The least reordering window where there is one: no clock or timer is better than that. */
  static final long GRANULARITY_NANOS = 1_000_000;

  /** How long the shortest round trip is remembered, at least. */
  private static final long MINIMUM_LASTS_NANOS = 300_000_000_000L;

  /** Recoveries after which a grown reordering window is the usual one again. */
  private static final int PERSIST = 16;

  private static final int MAX_MULTIPLIER = 64;

  private static final long NONE = Long.MAX_VALUE;

  private final Timestamps timestamps;

  /** What arrived that was sent last: when it was sent, where it ends, what it took. */
  private long sentNanos;

  private long end;
  private long roundTripNanos;

  private long highest;
  private boolean reordering;
  private int multiplier = 1;
  private int persist;
  private long duplicateRound = NONE;

  private long minimumNanos = NONE;
  private long recentMinimumNanos = NONE;
  private long minimumSinceNanos;

  private long nowNanos;
  private boolean hasEcho;
  private int echo;

  /**
   * Starts with nothing under way.
   *
   * @param first the first sequence number that can be sent
   * @param handshakeNanos the round trip of the handshake, 0 where it is not known
   */
  Rack(Timestamps timestamps, long first, long handshakeNanos, long nowNanos) {
    this.timestamps = timestamps;
    end = first;
    highest = first;
    sentNanos = nowNanos;
    minimumSinceNanos = nowNanos;
    this.nowNanos = nowNanos;
    if (handshakeNanos > 0) {
      noteMinimum(handshakeNanos);
    }
  }

  /** An acknowledgment has come that echoes a timestamp, or does not. */
  void begin(boolean hasEcho, int echo, long nowNanos) {
    this.hasEcho = hasEcho;
    this.echo = echo;
    this.nowNanos = nowNanos;
  }

  @Override
  public void delivered(long deliveredEnd, long deliveredSentNanos, boolean resent) {
    long took = nowNanos - deliveredSentNanos;
    if (!resent) {
      noteMinimum(took);
      if (deliveredEnd < highest) {
        reordering = true;
      }
    }
    highest = Math.max(highest, deliveredEnd);
    boolean isTooSoon = minimumNanos != NONE && took < minimumNanos;
    if (resent && (isTooSoon || wasTheEarlierCopy(deliveredSentNanos))) {
      return;
    }
    roundTripNanos = took;
    long later = deliveredSentNanos - sentNanos;
    if (later > 0 || (later == 0 && deliveredEnd > end)) {
      sentNanos = deliveredSentNanos;
      end = deliveredEnd;
    }
  }

  private boolean wasTheEarlierCopy(long lastSentNanos) {
    return hasEcho && echo - timestamps.value(lastSentNanos) < 0;
  }

  private void noteMinimum(long took) {
    if (nowNanos - minimumSinceNanos > MINIMUM_LASTS_NANOS) {
      minimumNanos = recentMinimumNanos;
      recentMinimumNanos = NONE;
      minimumSinceNanos = nowNanos;
    }
    recentMinimumNanos = Math.min(recentMinimumNanos, took);
    minimumNanos = Math.min(minimumNanos, took);
  }

  /** Whether the path was seen to reorder. */
  boolean reordering() {
    return reordering;
  }

  /**
   * The peer reports that it got something twice: a retransmission was needless.
   *
   * @param next what is sent next: until it is acknowledged, more such reports tell nothing new
   */
  void duplicateReported(long next) {
    if (duplicateRound == NONE) {
      duplicateRound = next;
      multiplier = Math.min(multiplier + 1, MAX_MULTIPLIER);
      persist = PERSIST;
    }
  }

  /** The left edge has moved. */
  void acknowledged(long unacknowledged) {
    if (duplicateRound != NONE && unacknowledged >= duplicateRound) {
      duplicateRound = NONE;
    }
  }

  /** A recovery has ended. */
  void recovered() {
    if (persist > 0 && --persist == 0) {
      multiplier = 1;
    }
  }

  /**
   * The reordering window: section 6.2, step 4.
   *
   * @param certain whether we are in recovery, or enough is reported to begin one
   */
  long windowNanos(boolean certain, long smoothedNanos) {
    if (!reordering && certain) {
      return 0;
    }
    long quarter = minimumNanos == NONE ? 0 : minimumNanos / 4;
    return Math.max(GRANULARITY_NANOS, Math.min(multiplier * quarter, smoothedNanos));
  }

  /**
   * Marks what is lost by now.
   *
   * @return how long until more may be found lost by time alone; 0 for never
   */
  long detect(TransmissionLog log, boolean certain, long smoothedNanos, long atNanos) {
    long patience = roundTripNanos + windowNanos(certain, smoothedNanos);
    return log.loseSentBefore(sentNanos, end, atNanos - patience);
  }

  /** The retransmission timer expired: what was sent long enough ago is lost. Section 6.3. */
  void timeout(TransmissionLog log, long smoothedNanos, long atNanos) {
    long usual = roundTripNanos > 0 ? roundTripNanos : smoothedNanos;
    long patience = usual + windowNanos(true, smoothedNanos);
    log.loseSentBefore(atNanos, NONE, atNanos - patience);
  }
}
