/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The lines of the log that packets cause: so many a second are written, the others are counted. A
 * flood neither fills the disk with lines nor pushes out what the log said before, and what is not
 * written is not put into words either.
 */
final class PacketLines {
  static final int PER_SECOND = 500;

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Consumer<String> log;
  private long startNanos;
  private int written;
  private long leftOut;

  PacketLines(Consumer<String> log, long nowNanos) {
    this.log = log;
    startNanos = nowNanos;
  }

  /** Whether there is room for a line, to be given to {@link #write}; otherwise it is left out. */
  boolean admits() {
    if (written == PER_SECOND) {
      leftOut++;
      return false;
    }
    written++;
    return true;
  }

  /** Writes the line that was admitted. */
  void write(String line) {
    log.accept(line);
  }

  /** To be called with each event: when a second is over, tells how many lines it left out. */
  void advance(long nowNanos) {
    if (nowNanos - startNanos >= SECOND_NANOS) {
      startNanos = nowNanos;
      written = 0;
      tell();
    }
  }

  /** Tells how many lines were left out until now. */
  void tell() {
    if (leftOut > 0) {
      log.accept(
          "%d lines about packets left out: more than %d a second".formatted(leftOut, PER_SECOND));
      leftOut = 0;
    }
  }
}
