/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import java.time.Duration;
import org.torvtl.egress.EgressListener;

/**
 * Whether Tor is away, for all event loops: what one of them finds out is told once, and in the
 * order in which it happened, so under the lock. Safe for use by several threads.
 */
final class Outage {
  private final EgressListener listener;
  private boolean isAway;
  private long sinceNanos;

  Outage(EgressListener listener) {
    this.listener = listener;
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
    listener.gone();
    return true;
  }

  /** The egress was found to be there again. */
  synchronized void end(long nowNanos) {
    if (isAway) {
      isAway = false;
      listener.back(Duration.ofNanos(nowNanos - sinceNanos));
    }
  }
}
