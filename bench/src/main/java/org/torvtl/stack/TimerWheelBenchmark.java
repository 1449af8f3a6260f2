/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * The wheel of a lane with 10,000 connections. In this package since the wheel is no one else's.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class TimerWheelBenchmark {
  private static final int TIMERS = 10_000;
  private static final long SECOND = 1_000_000_000L;

  private final SplittableRandom random = new SplittableRandom(4711);
  private final TimerWheel wheel = new TimerWheel(deadlineNanos -> {}, 0);
  private final Timeout[] timers = new Timeout[TIMERS];
  private int next;
  private long nowNanos;
  private long fired;

  private final class Timeout extends TimerWheel.Timer {
    @Override
    void fire(long nowNanos) {
      fired++;
    }
  }

  /** All timers set, each somewhere in the next second. */
  @Setup
  public void setAll() {
    Arrays.setAll(timers, i -> new Timeout());
    for (var timer : timers) {
      wheel.set(timer, random.nextLong(SECOND));
    }
  }

  /** What each segment does: its connection's timer moves by 200 ms. */
  @Benchmark
  public void move() {
    wheel.set(timers[next], nowNanos + SECOND / 5);
    next = (next + 1) % TIMERS;
    nowNanos += 100;
  }

  /** A turn of a millisecond, in which some timers fire and are set again. */
  @Benchmark
  public long turn() {
    nowNanos += 1_000_000;
    wheel.advance(nowNanos);
    for (int i = 0; i < 10; i++) {
      wheel.set(timers[next], nowNanos + random.nextLong(SECOND));
      next = (next + 1) % TIMERS;
    }
    return fired;
  }
}
