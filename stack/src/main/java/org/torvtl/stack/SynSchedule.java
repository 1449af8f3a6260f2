/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;

/**
 * When a guest has given up a request, which it does without a word: it no longer repeats its SYN.
 * The time between two SYNs begins with 1 s or 3 s and doubles (RFC 6298, section 5; RFC 1122,
 * section 4.2.3.1), so what is due next follows from how long the guest has been asking. One SYN
 * may be lost in between.
 */
final class SynSchedule {
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private long firstNanos;
  private long lastNanos;

  SynSchedule(long nowNanos) {
    restart(nowNanos);
  }

  /** The guest asks for the first time, or with another sequence number than before. */
  void restart(long nowNanos) {
    firstNanos = nowNanos;
    lastNanos = nowNanos;
  }

  /** The guest has repeated its SYN. */
  void repeated(long nowNanos) {
    lastNanos = nowNanos;
  }

  /** The request is given up if the guest is silent until then. */
  long deadlineNanos() {
    return lastNanos + PATIENCE_NANOS + 3 * (lastNanos - firstNanos);
  }
}
