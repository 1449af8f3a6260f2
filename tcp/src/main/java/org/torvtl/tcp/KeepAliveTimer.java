/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** When to ask an idle peer whether it is still there. RFC 9293, section 3.8.4. */
final class KeepAliveTimer {
  private final KeepAlive how;
  private long sinceNanos;
  private int asked;

  KeepAliveTimer(KeepAlive how, long nowNanos) {
    this.how = how;
    sinceNanos = nowNanos;
  }

  /** The peer has sent something acceptable. */
  void heard(long nowNanos) {
    sinceNanos = nowNanos;
    asked = 0;
  }

  /** When to ask, or give up; {@link Long#MAX_VALUE} for never. */
  long deadlineNanos() {
    if (!how.isOn()) {
      return Deadlines.NONE;
    }
    return sinceNanos + (asked == 0 ? how.idleNanos() : how.intervalNanos());
  }

  /** Whether the peer was asked often enough. */
  boolean isExhausted() {
    return asked == how.probes();
  }

  /** The peer is being asked. */
  void asked(long nowNanos) {
    asked++;
    sinceNanos = nowNanos;
  }
}
