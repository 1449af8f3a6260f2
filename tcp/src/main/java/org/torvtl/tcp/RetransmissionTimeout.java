/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** How long to wait for an acknowledgment, from round trips measured. RFC 6298, section 2. */
final class RetransmissionTimeout {
  private static final long GRANULARITY_NANOS = 1_000_000;
  private static final long AFTER_LOST_SYN_NANOS = 3_000_000_000L;

  private final long minNanos;
  private final long maxNanos;
  private long smoothedNanos;
  private long variationNanos;
  private long baseNanos;
  private int backoff;
  private boolean measured;

  RetransmissionTimeout(TcpConfig config) {
    minNanos = config.minRtoNanos();
    maxNanos = config.maxRtoNanos();
    baseNanos = config.initialRtoNanos();
  }

  /**
   * A round trip was measured, on bytes sent once or by a timestamp: never on bytes sent twice
   * (Karn's algorithm). That also ends the backoff.
   */
  void measured(long roundTripNanos) {
    long sample = Math.max(0, roundTripNanos);
    if (measured) {
      variationNanos += (Math.abs(smoothedNanos - sample) - variationNanos) / 4;
      smoothedNanos += (sample - smoothedNanos) / 8;
    } else {
      smoothedNanos = sample;
      variationNanos = sample / 2;
      measured = true;
    }
    baseNanos = smoothedNanos + Math.max(GRANULARITY_NANOS, 4 * variationNanos);
    backoff = 0;
  }

  /** The SYN was lost and nothing measured: be careful with the first data. RFC 6298, (5.7). */
  void handshakeWasRepeated() {
    backoff = 0;
    if (!measured) {
      baseNanos = AFTER_LOST_SYN_NANOS;
    }
  }

  /** The timer expired: wait twice as long from now on. RFC 6298, (5.5). */
  void backOff() {
    if (nanos() < maxNanos) {
      backoff++;
    }
  }

  /** How long to wait. */
  long nanos() {
    return backedOff(backoff);
  }

  /** How long to wait after doubling so many times, whatever the backoff. */
  long backedOff(int doublings) {
    long nanos = Math.max(minNanos, Math.min(baseNanos, maxNanos));
    for (int i = 0; i < doublings && nanos < maxNanos; i++) {
      nanos *= 2;
    }
    return Math.min(nanos, maxNanos);
  }

  /** The smoothed round trip, 0 before the first measurement. */
  long smoothedNanos() {
    return smoothedNanos;
  }
}
