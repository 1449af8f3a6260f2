/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;

/** A token bucket whose tokens are nanoseconds of work. */
final class TokenBucket {
  /** Fills any bucket, and is far from an overflow. */
  private static final long MOST_ELAPSED_NANOS = TimeUnit.MINUTES.toNanos(1);

  private long tokens;
  private long filledNanos;

  TokenBucket(long tokens, long nowNanos) {
    this.tokens = tokens;
    this.filledNanos = nowNanos;
  }

  /**
   * Takes tokens if any are left; the last packet may take more than that.
   *
   * @param percent tokens that come in, for 100 ns that pass, for all sharers together
   * @param burstNanos the most tokens that wait
   */
  boolean take(long costNanos, int percent, int sharers, long burstNanos, long nowNanos) {
    long elapsed = Math.min(nowNanos - filledNanos, MOST_ELAPSED_NANOS);
    long fresh = elapsed * percent / (100L * sharers);
    if (fresh > 0) {
      tokens += fresh;
      filledNanos = nowNanos;
    }
    tokens = Math.min(tokens, burstNanos);
    if (tokens <= 0) {
      return false;
    }
    tokens -= costNanos;
    return true;
  }
}
