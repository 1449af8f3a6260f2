/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.ip.RateLimiter;
import org.torvtl.stack.StackCounters.Drop;

/**
 * Where defects of the gateway come to light: what must not happen, and when it does is to cost the
 * frame or the connection it happened to, and no more. Each is counted; the log gets a few, for a
 * guest that has found one may repeat it with every frame.
 */
final class FailureLog {
  private static final int PER_SECOND = 1, BURST = 5;

  private static final Logger log = LoggerFactory.getLogger(FailureLog.class);

  private final StackCounters counters;
  private final LongSupplier clock;
  private final RateLimiter logged;

  FailureLog(StackCounters counters, LongSupplier clock) {
    this.counters = counters;
    this.clock = clock;
    this.logged = new RateLimiter(PER_SECOND, BURST, clock.getAsLong());
  }

  void failed(RuntimeException cause) {
    counters.drop(Drop.FAILED);
    if (logged.tryAcquire(clock.getAsLong())) {
      log.error("a frame could not be handled; please report this", cause);
    }
  }
}
