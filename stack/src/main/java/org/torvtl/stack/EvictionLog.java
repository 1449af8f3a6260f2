/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.wire.MacAddress;

/** Tells of evictions, in one line a minute at most; the counters have each. */
final class EvictionLog {
  private static final long PERIOD_NANOS = TimeUnit.MINUTES.toNanos(1);

  private static final Logger log = LoggerFactory.getLogger(EvictionLog.class);

  private long nextLineNanos;
  private long untold;

  EvictionLog(long nowNanos) {
    this.nextLineNanos = nowNanos;
  }

  /**
   * @param what the plural of what was evicted
   */
  void evicted(String what, long guest, long nowNanos) {
    untold++;
    if (nowNanos - nextLineNanos < 0) {
      return;
    }
    log.warn(
        "too many {} at a time: the stalest of the guest with most are evicted, of {} now ({} since"
            + " the last such line)",
        what,
        MacAddress.toString(guest),
        untold);
    nextLineNanos = nowNanos + PERIOD_NANOS;
    untold = 0;
  }
}
