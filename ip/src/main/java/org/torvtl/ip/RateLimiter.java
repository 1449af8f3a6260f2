/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import java.util.concurrent.TimeUnit;

/** A token bucket, such as for the ICMP errors a host may send. RFC 1812, section 4.3.2.8. */
public final class RateLimiter {
  private final long nanosPerToken;
  private final long burst;
  private long tokens;
  private long filledNanos;

  /**
   * @param perSecond tokens that come back in a second
   * @param burst tokens the bucket holds; it begins full
   */
  public RateLimiter(int perSecond, int burst, long nowNanos) {
    this.nanosPerToken = TimeUnit.SECONDS.toNanos(1) / perSecond;
    this.burst = burst;
    this.tokens = burst;
    this.filledNanos = nowNanos;
  }

  /** Takes a token; {@code false} if there is none. */
  public boolean tryAcquire(long nowNanos) {
    long fresh = (nowNanos - filledNanos) / nanosPerToken;
    if (fresh > 0) {
      tokens = Math.min(burst, tokens + fresh);
      filledNanos += fresh * nanosPerToken;
    }
    if (tokens == 0) {
      return false;
    }
    tokens--;
    return true;
  }
}
