/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * The rate of ICMP errors, for each owner and in all. An owner's own limit is reached first, so
 * none is starved by another, and none can tell from its own errors what another got.
 */
final class OwnerRates {
  private static final int PER_SECOND = 250, BURST = 100;
  private static final int PER_SECOND_IN_ALL = 4000, BURST_IN_ALL = 1600;

  /** More owners than this forget the limit of the one least recently seen. */
  private static final int CAPACITY = 256;

  private final LongUnaryOperator owners;
  private final RateLimiter all;
  private final Map<Long, RateLimiter> limiters =
      new LinkedHashMap<>(16, 0.75f, /* accessOrder= */ true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, RateLimiter> eldest) {
          return size() > CAPACITY;
        }
      };

  OwnerRates(LongUnaryOperator owners, long nowNanos) {
    this.owners = owners;
    this.all = new RateLimiter(PER_SECOND_IN_ALL, BURST_IN_ALL, nowNanos);
  }

  /** Takes a token of a guest's owner; {@code false} if there is none. */
  boolean tryAcquire(long guest, long nowNanos) {
    return limiters
            .computeIfAbsent(
                owners.applyAsLong(guest),
                anew -> new RateLimiter(PER_SECOND, BURST, nowNanos))
            .tryAcquire(nowNanos)
        && all.tryAcquire(nowNanos);
  }
}
