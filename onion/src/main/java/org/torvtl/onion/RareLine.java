/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A line of the log that strangers can cause as often as they like: it is written once a second at
 * most, and then tells how many were left out.
 */
final class RareLine {
  private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Consumer<String> log;
  private boolean written;
  private long writtenNanos;
  private long leftOut;

  RareLine(Consumer<String> log) {
    this.log = log;
  }

  void write(String line, long nowNanos) {
    if (written && nowNanos - writtenNanos < INTERVAL_NANOS) {
      leftOut++;
      return;
    }
    log.accept(leftOut == 0 ? line : line + " (and %d like it before)".formatted(leftOut));
    written = true;
    writtenNanos = nowNanos;
    leftOut = 0;
  }
}
