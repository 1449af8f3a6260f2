/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.torvtl.bench.socket.EventLoop;

/** A loop's work that must come to its end. */
final class Deadline {
  private Deadline() {}

  /** Serves until the condition holds; fails if it does not in time. */
  static void run(EventLoop loop, String what, long seconds, BooleanSupplier done)
      throws IOException {
    long endNanos = System.nanoTime() + seconds * 1_000_000_000L;
    loop.runUntil(() -> done.getAsBoolean() || System.nanoTime() - endNanos > 0);
    if (!done.getAsBoolean()) {
      throw new IOException("after %d s still waiting for %s".formatted(seconds, what));
    }
  }
}
