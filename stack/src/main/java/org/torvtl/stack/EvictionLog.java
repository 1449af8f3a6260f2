/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.ip.RareLog;
import org.torvtl.wire.MacAddress;

/** Tells of evictions, in one line a minute at most; the counters have each. */
final class EvictionLog {
  private static final Logger log = LoggerFactory.getLogger(EvictionLog.class);

  private final RareLog lines = new RareLog(TimeUnit.MINUTES.toNanos(1), log::warn);

  /**
   * @param what the plural of what was evicted
   */
  void evicted(String what, long guest, long nowNanos) {
    if (lines.admits(nowNanos)) {
      lines.write(
          "too many %s at a time: the stalest of the guest with most are evicted, of %s now"
              .formatted(what, MacAddress.toString(guest)));
    }
  }
}
