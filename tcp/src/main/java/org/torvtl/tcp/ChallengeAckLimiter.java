/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * Bounds the acknowledgments that answer segments not fit for the connection. RFC 5961, section 7.
 * One per connection: a limit shared by connections could be read by one of them to learn of
 * another.
 */
final class ChallengeAckLimiter {
  static final int LIMIT = 10;
  static final long PERIOD_NANOS = 5_000_000_000L;

  private long periodStartNanos;
  private int sent = -1;

  /** Whether one more may be sent; if so, it counts. */
  boolean tryAcquire(long nowNanos) {
    if (sent < 0 || nowNanos - periodStartNanos >= PERIOD_NANOS) {
      periodStartNanos = nowNanos;
      sent = 0;
    }
    if (sent == LIMIT) {
      return false;
    }
    sent++;
    return true;
  }
}
