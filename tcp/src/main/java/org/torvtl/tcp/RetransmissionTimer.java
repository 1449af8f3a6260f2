/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * The timer that runs while anything waits for the peer: it retransmits what is under way (RFC
 * 6298, section 5), or probes a closed window (RFC 9293, section 3.8.6.1), and never expires later
 * than the moment at which a silent peer is given up (section 3.8.3).
 */
final class RetransmissionTimer {
  private static final long NONE = Deadlines.NONE;

  private final RetransmissionTimeout timeout;
  private final long giveUpNanos;
  private long deadlineNanos = NONE;

  /** Whether it times window probes rather than retransmissions. */
  private boolean probing;

  private int timeoutsInARow;
  private int probesInARow;
  private long silentSinceNanos;

  /**
   * A timer that does not run.
   *
   * @param giveUpNanos how long a peer may be silent while we wait for it
   */
  RetransmissionTimer(RetransmissionTimeout timeout, long giveUpNanos, long nowNanos) {
    this.timeout = timeout;
    this.giveUpNanos = giveUpNanos;
    silentSinceNanos = nowNanos;
  }

  /** When it expires; {@link Long#MAX_VALUE} while it does not run. */
  long deadlineNanos() {
    return deadlineNanos;
  }

  boolean isExpired(long nowNanos) {
    return Deadlines.isPast(deadlineNanos, nowNanos);
  }

  /** Whether it has expired, and the peer was silent for so long that it is to be given up. */
  boolean isExhausted(long nowNanos) {
    return isExpired(nowNanos) && nowNanos - silentSinceNanos >= giveUpNanos;
  }

  /** Whether it times window probes. */
  boolean isProbing() {
    return probing;
  }

  /** Starts anew, for retransmission. */
  void start(long nowNanos) {
    probing = false;
    deadlineNanos = bounded(nowNanos + timeout.nanos());
  }

  /** Something is under way: starts, unless it runs for retransmission already. */
  void ensureRetransmission(long nowNanos) {
    if (deadlineNanos == NONE || probing) {
      start(nowNanos);
    }
  }

  /** The peer's window keeps us from sending: starts, unless it runs for probes already. */
  void ensureProbes(long nowNanos) {
    if (deadlineNanos == NONE || !probing) {
      silentSinceNanos = nowNanos;
      startProbes(nowNanos);
    }
  }

  private void startProbes(long nowNanos) {
    probing = true;
    deadlineNanos = bounded(nowNanos + timeout.backedOff(probesInARow));
  }

  private long bounded(long deadline) {
    long end = silentSinceNanos + giveUpNanos;
    return deadline - end > 0 ? end : deadline;
  }

  /**
   * It has expired for retransmission: backs off and starts anew.
   *
   * @return whether it had expired for the same data before
   */
  boolean expire(long nowNanos) {
    boolean again = timeoutsInARow > 0;
    timeoutsInARow++;
    timeout.backOff();
    start(nowNanos);
    return again;
  }

  /** A window probe is being sent: starts anew for the next one, which waits twice as long. */
  void probe(long nowNanos) {
    probesInARow++;
    startProbes(nowNanos);
  }

  /** Only from now on do we wait for the peer, or it has answered: it has not vanished. */
  void restartSilence(long nowNanos) {
    silentSinceNanos = nowNanos;
  }

  /** The left edge has moved. */
  void acknowledged(long nowNanos) {
    timeoutsInARow = 0;
    probesInARow = 0;
    silentSinceNanos = nowNanos;
  }

  /** Nothing waits for the peer any more. */
  void stop() {
    deadlineNanos = NONE;
    probing = false;
    probesInARow = 0;
  }
}
