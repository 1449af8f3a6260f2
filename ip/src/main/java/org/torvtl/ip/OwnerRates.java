/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * A rate of each owner, such as that of ICMP errors. There is no rate in all: a total is what many
 * owners, such as MAC addresses that one guest makes up, would take from the others, and by which a
 * guest could tell what others get.
 */
public final class OwnerRates {
  private final int perSecond;
  private final int burst;

  /** More owners than this forget the limit of the one least recently seen. */
  static final int CAPACITY = 1024;

  private final LongUnaryOperator owners;
  private final Map<Long, RateLimiter> limiters =
      new LinkedHashMap<>(16, 0.75f, /* accessOrder= */ true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, RateLimiter> eldest) {
          return size() > CAPACITY;
        }
      };

  /**
   * Rates that nothing was taken of.
   *
   * @param owners who a guest belongs to, by its MAC address
   * @param perSecond tokens an owner gets in a second
   * @param burst tokens it may take at once
   */
  public OwnerRates(LongUnaryOperator owners, int perSecond, int burst) {
    this.owners = owners;
    this.perSecond = perSecond;
    this.burst = burst;
  }

  /** Takes a token of a guest's owner; {@code false} if there is none. */
  public boolean tryAcquire(long guest, long nowNanos) {
    return limiters
        .computeIfAbsent(
            owners.applyAsLong(guest), anew -> new RateLimiter(perSecond, burst, nowNanos))
        .tryAcquire(nowNanos);
  }

  /** Owners whose limit is remembered. */
  int size() {
    return limiters.size();
  }
}
