/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import java.util.function.Consumer;

/**
 * A line of a log that strangers can cause as often as they like: it is written once an interval at
 * most, and then tells how many were left out. Ask {@link #admits} first, so that a line that is
 * left out is not put into words either.
 */
public final class RareLog {
  private final long intervalNanos;
  private final Consumer<String> log;
  private boolean written;
  private long writtenNanos;
  private long leftOut;

  /**
   * Nothing was written yet: the first line is.
   *
   * @param intervalNanos the least time between two lines
   * @param log takes the lines
   */
  public RareLog(long intervalNanos, Consumer<String> log) {
    this.intervalNanos = intervalNanos;
    this.log = log;
  }

  /** Whether a line is to be written now, by {@link #write}; otherwise it counts as left out. */
  public boolean admits(long nowNanos) {
    if (written && nowNanos - writtenNanos < intervalNanos) {
      leftOut++;
      return false;
    }
    written = true;
    writtenNanos = nowNanos;
    return true;
  }

  /** Writes the line that was admitted, with how many were left out before it. */
  public void write(String line) {
    log.accept(leftOut == 0 ? line : line + " (and %d like it before)".formatted(leftOut));
    leftOut = 0;
  }
}
