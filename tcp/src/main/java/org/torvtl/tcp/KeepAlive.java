/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How to find out that an idle peer has vanished. RFC 9293, section 3.8.4.
 *
 * @param idleNanos how long nothing was heard before the peer is asked; {@link Long#MAX_VALUE} to
 *     never ask
 * @param intervalNanos how long to wait for an answer before asking again
 * @param probes how many questions may go unanswered before the connection ends, {@link
 *     CloseReason#TIMED_OUT}
 */
public record KeepAlive(long idleNanos, long intervalNanos, int probes) {
  /** Never ask. */
  public static final KeepAlive OFF = new KeepAlive(Long.MAX_VALUE, 1, 1);

  /**
   * Checks the bounds.
   *
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public KeepAlive {
    if (idleNanos < 1 || intervalNanos < 1 || probes < 1) {
      throw new IllegalArgumentException(
          "keep-alive must have an idle time, an interval and probes of at least 1: %d ns, %d ns, %d"
              .formatted(idleNanos, intervalNanos, probes));
    }
  }

  boolean isOn() {
    return idleNanos != Long.MAX_VALUE;
  }
}
