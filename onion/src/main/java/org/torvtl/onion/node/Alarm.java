/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Wakes a state machine at its next deadline. Used on its event loop only. */
final class Alarm {
  private final EventLoop loop;
  private final Runnable action;
  private @Nullable ScheduledFuture<?> scheduled;
  private long scheduledNanos;

  Alarm(EventLoop loop, Runnable action) {
    this.loop = loop;
    this.action = action;
  }

  /**
   * Sets the alarm. One that is set for an earlier time stays: an alarm too many does no harm, and
   * most deadlines are moved away with every packet.
   */
  void set(OptionalLong deadlineNanos) {
    if (deadlineNanos.isEmpty()
        || (scheduled != null && scheduledNanos - deadlineNanos.getAsLong() <= 0)) {
      return;
    }
    cancel();
    scheduledNanos = deadlineNanos.getAsLong();
    scheduled =
        loop.schedule(
            () -> {
              scheduled = null;
              action.run();
            },
            scheduledNanos - System.nanoTime(),
            TimeUnit.NANOSECONDS);
  }

  void cancel() {
    if (scheduled != null) {
      scheduled.cancel(false);
      scheduled = null;
    }
  }
}
