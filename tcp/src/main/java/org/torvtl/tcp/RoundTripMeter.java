/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpSegment;

/**
 * Measures round trips for the retransmission timeout: RFC 6298, section 3. One flight after the
 * other has its first bytes timed. After a repetition no bytes are being timed; then a timestamp
 * serves (RFC 7323, section 4.1), but only if it was sent no earlier than the repetition: an older
 * one may be echoed because an acknowledgment was lost, and would measure the timeout.
 */
final class RoundTripMeter {
  private final RetransmissionTimeout timeout;
  private final Timestamps timestamps;
  private boolean timing;
  private long timedEnd;
  private long timedSinceNanos;
  private long lastRepeatNanos;

  RoundTripMeter(RetransmissionTimeout timeout, Timestamps timestamps, long nowNanos) {
    this.timeout = timeout;
    this.timestamps = timestamps;
    lastRepeatNanos = nowNanos;
  }

  /** The smoothed round trip, 0 before the first measurement. */
  long smoothedNanos() {
    return timeout.smoothedNanos();
  }

  /** New bytes were sent, up to {@code end}. */
  void sent(long end, long nowNanos) {
    if (!timing) {
      timing = true;
      timedEnd = end;
      timedSinceNanos = nowNanos;
    }
  }

  /** Something was sent again: what is being timed is not any more (Karn's algorithm). */
  void resent(long nowNanos) {
    timing = false;
    lastRepeatNanos = nowNanos;
  }

  /** The left edge has moved by this segment. */
  void acknowledged(TcpSegment segment, long acknowledgment, long nowNanos) {
    if (timing) {
      if (acknowledgment >= timedEnd) {
        timeout.measured(nowNanos - timedSinceNanos);
        timing = false;
      }
      return;
    }
    if (timestamps.enabled() && segment.options().hasTimestamps()) {
      long nanos = timestamps.sinceNanos(segment.options().timestampEcho(), nowNanos);
      if (nanos >= 0 && nanos <= nowNanos - lastRepeatNanos) {
        timeout.measured(nanos);
      }
    }
  }
}
