/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.tor.process.SupervisedTor;

/**
 * Tells the user how torvtl's own tor gets on: how far its bootstrap is, what it warns of, what it
 * waits for where nothing moves, and that it is down and up again. Nothing is told twice in a row.
 */
final class TorReport implements SupervisedTor.Listener, AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Until it is told again. */
  private static final Duration AGAIN = Duration.ofMinutes(2);

  private static final Logger log = LoggerFactory.getLogger(TorReport.class);
  private static final int MOST_KINDS = 32, DONE = 100;

  /** Words that are different each time tor says the same: fingerprints, addresses, counts. */
  private static final String VARIABLE = "\\$?[0-9A-F]{40}|\\d+";

  private final PrintWriter out;
  private final ProgressBar bar;
  private final ScheduledExecutorService timers;
  private final LongSupplier nanoClock;

  /** What was told of warnings, by kind; the oldest is forgotten, and told again. */
  private final Map<String, Boolean> told =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
          return size() > MOST_KINDS;
        }
      };

  private int percent = -1;
  private @Nullable ScheduledFuture<?> stall;
  private long downSinceNanos;
  private @Nullable String downFor;

  /**
   * @param out for lines
   * @param timers ended by {@link #close}
   * @param nanoClock as {@link System#nanoTime}
   */
  TorReport(
      PrintWriter out, ProgressBar bar, ScheduledExecutorService timers, LongSupplier nanoClock) {
    this.out = out;
    this.bar = bar;
    this.timers = timers;
    this.nanoClock = nanoClock;
  }

  @Override
  public synchronized void event(SupervisedTor.Event event) {
    switch (event) {
      case SupervisedTor.Event.Up up -> log.debug("tor listens at {}", up.socks());
      case SupervisedTor.Event.Bootstrap step -> bootstrap(step);
      case SupervisedTor.Event.Warning(String text) -> {
        if (told.put(text.replaceAll(VARIABLE, "#"), true) == null) {
          tell("tor warns: " + text);
        }
      }
      case SupervisedTor.Event.Down(String reason, Duration next) -> down(reason, next);
    }
  }

  private void bootstrap(SupervisedTor.Event.Bootstrap step) {
    if (downFor == null) {
      bar.show(step.percent(), step.summary());
    } else if (step.percent() == DONE) {
      tell(
          "tor carries traffic again, after %s"
              .formatted(seconds(nanoClock.getAsLong() - downSinceNanos)));
      downFor = null;
    }
    if (step.percent() != percent) {
      percent = step.percent();
      cancelStall();
      if (percent < DONE) {
        expectProgress(step, nanoClock.getAsLong(), PATIENCE);
      }
    }
  }

  private void expectProgress(SupervisedTor.Event.Bootstrap last, long lastNanos, Duration within) {
    stall =
        timers.schedule(() -> stalls(last, lastNanos), within.toMillis(), TimeUnit.MILLISECONDS);
  }

  private synchronized void stalls(SupervisedTor.Event.Bootstrap step, long sinceNanos) {
    if (step.percent() == percent) {
      expectProgress(step, sinceNanos, AGAIN);
      tell(
          "tor has made no progress for %d s at %d %% (%s%s): %s"
              .formatted(
                  TimeUnit.NANOSECONDS.toSeconds(nanoClock.getAsLong() - sinceNanos),
                  step.percent(),
                  step.summary(),
                  step.tag().isEmpty() ? "" : ", " + step.tag(),
                  BootstrapHint.of(step.tag())));
    }
  }

  private void down(String reason, Duration next) {
    if (downFor == null) {
      downSinceNanos = nanoClock.getAsLong();
    }
    percent = -1;
    cancelStall();
    if (!reason.equals(downFor)) {
      tell(
          "%s; no traffic passes; starting it again in %.1f s"
              .formatted(reason, next.toMillis() / 1000.0));
    }
    downFor = reason;
  }

  private void tell(String line) {
    bar.interrupt();
    out.println(line);
    out.flush();
  }

  static String seconds(long nanos) {
    return "%.1f s".formatted(nanos / 1e9);
  }

  private void cancelStall() {
    if (stall != null) {
      stall.cancel(false);
      stall = null;
    }
  }

  /** Ends the bar: what is told from here on are lines. */
  void endBar() {
    bar.close();
  }

  @Override
  public void close() {
    bar.close();
    timers.shutdownNow();
  }
}
