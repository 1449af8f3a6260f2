/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * The rate of ICMP errors of each owner. There is no rate in all: a total is what many owners, such
 * as MAC addresses that one guest makes up, would take from the others, and by which a guest could
 * tell what others get. An error costs about as much as the packet it is about.
 */
final class OwnerRates {
  private static final int PER_SECOND = 250, BURST = 100;

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
   * @param owners who a guest belongs to, by its MAC address
   */
  OwnerRates(LongUnaryOperator owners) {
    this.owners = owners;
  }

  /** Takes a token of a guest's owner; {@code false} if there is none. */
  boolean tryAcquire(long guest, long nowNanos) {
    return limiters
        .computeIfAbsent(
            owners.applyAsLong(guest), anew -> new RateLimiter(PER_SECOND, BURST, nowNanos))
        .tryAcquire(nowNanos);
  }

  /** Owners whose limit is remembered. */
  int size() {
    return limiters.size();
  }
}
