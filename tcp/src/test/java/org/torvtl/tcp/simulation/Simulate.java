/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import java.time.Duration;
import java.util.Locale;

/**
 * The command behind {@code make simulate}: runs many seeds and says which fail, or one with a
 * trace.
 */
final class Simulate {
  private static final int SLOW_SECONDS = 20;
  private static final int MOST_SHOWN = 20;

  private final Campaign campaign;
  private final long count;
  private final long startNanos = System.nanoTime();
  private final boolean interactive;
  private int shown;
  private long slowShown = -1;

  private Simulate(long first, long count, boolean interactive) {
    campaign = new Campaign(first, count, Runtime.getRuntime().availableProcessors());
    this.count = count;
    this.interactive = interactive;
  }

  /**
   * Runs.
   *
   * @param args {@code seed N}, or {@code seeds COUNT FIRST}, then {@code interactive} if the
   *     output is a terminal
   */
  public static void main(String[] args) throws InterruptedException {
    boolean interactive = args[args.length - 1].equals("interactive");
    if (args[0].equals("seed")) {
      System.exit(replay(Long.parseLong(args[1])) ? 0 : 1);
    }
    var simulate = new Simulate(Long.parseLong(args[2]), Long.parseLong(args[1]), interactive);
    System.exit(simulate.run() ? 0 : 1);
  }

  private static boolean replay(long seed) {
    var simulation = new Simulation(seed, new Tally(), System.out::println);
    try {
      simulation.run();
    } catch (RuntimeException | Error e) {
      System.out.println("seed " + seed + " FAILED: " + simulation);
      e.printStackTrace(System.out);
      return false;
    }
    System.out.println("seed " + seed + " passed: " + simulation);
    return true;
  }

  private boolean run() throws InterruptedException {
    var interrupted =
        new Thread(() -> {
          campaign.stop();
          clearLine();
          System.out.println("stopped; " + summary());
        });
    Runtime.getRuntime().addShutdownHook(interrupted);
    campaign.start();
    int seconds = 0;
    while (!campaign.await(1000)) {
      showFailures();
      seconds++;
      if (interactive) {
        System.out.print("\r\033[K" + summary());
        System.out.flush();
      } else if (seconds % 10 == 0) {
        System.out.println(summary());
      }
    }
    if (campaign.isStopped()) {
      return false;
    }
    Runtime.getRuntime().removeShutdownHook(interrupted);
    showFailures();
    clearLine();
    System.out.println(summary());
    campaign.figures().forEach((name, value) -> System.out.printf("  %-26s %,16d%n", name, value));
    return campaign.failures().isEmpty();
  }

  private void clearLine() {
    if (interactive) {
      System.out.print("\r\033[K");
    }
  }

  private void showFailures() {
    var failures = campaign.failures();
    for (; shown < Math.min(failures.size(), MOST_SHOWN); shown++) {
      clearLine();
      System.out.println(failures.get(shown));
    }
    for (long seed : campaign.slow(SLOW_SECONDS)) {
      if (seed != slowShown) {
        slowShown = seed;
        clearLine();
        System.out.printf("seed %d has been running for %d s%n", seed, SLOW_SECONDS);
      }
    }
  }

  private String summary() {
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    long done = campaign.done();
    double rate = done / seconds;
    long rest = (long) ((count - done) / Math.max(1, rate));
    var time = done == count ? "in %.0f s".formatted(seconds) : left(Duration.ofSeconds(rest));
    return String.format(
        Locale.ROOT,
        "%,d of %,d seeds, %d failed, %,.0f seeds/s, %s",
        done,
        count,
        campaign.failures().size(),
        rate,
        time);
  }

  private static String left(Duration time) {
    return String.format(
        Locale.ROOT,
        "%d:%02d:%02d left",
        time.toHours(),
        time.toMinutesPart(),
        time.toSecondsPart());
  }
}
