/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * Whether the egress is away, for all lanes of a gateway: what one lane finds out is told once, and
 * in the order in which it happened, so under the lock. Safe for use by several threads.
 */
final class EgressOutage {
  private final Runnable gone;
  private final Consumer<Duration> back;
  private boolean isAway;
  private long sinceNanos;

  /**
   * @param gone told once when it goes; as the next, it must not block
   * @param back told once when it is back, with how long it was away
   */
  EgressOutage(Runnable gone, Consumer<Duration> back) {
    this.gone = gone;
    this.back = back;
  }

  /**
   * The egress was found not to be there.
   *
   * @return whether that is news: the caller is to look until it is back, and then to call {@link
   *     #end}
   */
  synchronized boolean begin(long nowNanos) {
    if (isAway) {
      return false;
    }
    isAway = true;
    sinceNanos = nowNanos;
    gone.run();
    return true;
  }

  /** The egress was found to be there again. */
  synchronized void end(long nowNanos) {
    if (isAway) {
      isAway = false;
      back.accept(Duration.ofNanos(nowNanos - sinceNanos));
    }
  }
}
