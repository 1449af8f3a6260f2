/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/** Many runs, one for each seed of a range, on several threads that share nothing. */
final class Campaign {
  private final long end;
  private final AtomicLong next;
  private final AtomicLong done = new AtomicLong();
  private final ConcurrentLinkedQueue<Failure> failures = new ConcurrentLinkedQueue<>();
  private final List<Worker> workers = new ArrayList<>();
  private volatile boolean stopped;

  /** A seed whose run broke a promise, and which. */
  record Failure(long seed, String what) {
    @Override
    public String toString() {
      return "seed " + seed + ": " + what + "\n  replay with: make simulate SEED=" + seed;
    }
  }

  private final class Worker extends Thread {
    private final Tally tally = new Tally();
    private volatile long seed;
    private volatile long sinceNanos;

    @Override
    public void run() {
      while (!stopped) {
        long mine = next.getAndIncrement();
        if (mine >= end) {
          return;
        }
        sinceNanos = System.nanoTime();
        seed = mine;
        try {
          new Simulation(mine, tally, null).run();
        } catch (RuntimeException | Error e) {
          failures.add(new Failure(mine, describe(e)));
        }
        done.incrementAndGet();
      }
    }
  }

  /** Will run the seeds from {@code first}, {@code count} of them. */
  Campaign(long first, long count, int threads) {
    next = new AtomicLong(first);
    end = first + count;
    for (int i = 0; i < threads; i++) {
      var worker = new Worker();
      worker.setName("simulation " + i);
      worker.setDaemon(true);
      workers.add(worker);
    }
  }

  private static String describe(Throwable e) {
    var trace = e.getStackTrace();
    return e instanceof Broken || trace.length == 0
        ? String.valueOf(e.getMessage())
        : e + " at " + trace[0];
  }

  void start() {
    workers.forEach(Thread::start);
  }

  /**
   * Waits until all seeds were run.
   *
   * @return whether that is so; false if it takes longer
   */
  boolean await(long millis) throws InterruptedException {
    long deadline = System.nanoTime() + millis * 1_000_000;
    for (var worker : workers) {
      worker.join(Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
    }
    return workers.stream().noneMatch(Thread::isAlive);
  }

  /** Begins no further run. */
  void stop() {
    stopped = true;
  }

  boolean isStopped() {
    return stopped;
  }

  long done() {
    return done.get();
  }

  /** What broke so far, in the order it was found. */
  List<Failure> failures() {
    return List.copyOf(failures);
  }

  /** Seeds whose runs have been going on for longer than so many seconds. */
  List<Long> slow(long seconds) {
    long now = System.nanoTime();
    return workers.stream()
        .filter(worker -> worker.isAlive() && now - worker.sinceNanos > seconds * Scenario.SECOND)
        .map(worker -> worker.seed)
        .toList();
  }

  /** What happened in all runs together; to be asked when they are over. */
  Map<String, Long> figures() {
    var figures = new TreeMap<String, Long>();
    workers.forEach(worker -> worker.tally.addTo(figures));
    return figures;
  }
}
