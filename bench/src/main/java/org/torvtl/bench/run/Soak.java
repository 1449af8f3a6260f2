/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.torvtl.bench.load.Outcome;
import org.torvtl.bench.load.Workload;
import org.torvtl.e2e.Guest;

/**
 * Sends very much through one gateway in one sitting, both ways at the same time, each way in one
 * connection: what arrives must have the SHA-256 of what was sent, and the gateway must not grow.
 */
public final class Soak {
  private static final long GIB = 1L << 30;
  private static final int LINES = 40;
  private static final Duration SOON = Duration.ofSeconds(20);

  private Soak() {}

  /**
   * Prints the gateway's memory as it goes, then the hashes and every counter of the gateway. Ends
   * with status 1 if a hash is wrong: {@code GIB}, each way.
   */
  public static void main(String[] arguments)
      throws IOException, InterruptedException, ExecutionException {
    long bytes = (long) (Double.parseDouble(arguments[0]) * GIB);
    try (var world = World.start(2)) {
      // Verbose, so that it prints its counters when it ends.
      var gateway = world.gateway("tap0", List.of("--verbose"));
      var guest = world.guest(gateway);
      var side = world.behind(gateway, guest);
      var usage = side.tunnel().orElseThrow();
      double cpuBefore = usage.cpuSeconds();
      var soaking = CompletableFuture.supplyAsync(() -> soak(side, bytes));
      System.out.println(" time s   up GiB down GiB  RSS MiB");
      var shown = new Progress(guest, bytes);
      var over = new CountDownLatch(1);
      soaking.whenComplete((outcome, failure) -> over.countDown());
      do {
        shown.show(usage);
      } while (!over.await(1, TimeUnit.SECONDS));
      var outcome = soaking.get();
      shown.show(usage);
      double seconds = outcome.nanos() / 1e9;
      System.out.printf(
          "%.1f GiB each way in %.0f s, %.2f Gbit/s each way, %.2f s of CPU per GiB%n",
          (double) bytes / GIB,
          seconds,
          bytes * 8 / seconds / 1e9,
          (usage.cpuSeconds() - cpuBefore) / (2.0 * bytes / GIB));
      boolean right = compare("up", outcome.sentUp(), outcome.gotUp());
      right &= compare("down", outcome.sentDown(), outcome.gotDown());
      System.out.println("what the gateway logged, at its end every counter that is not zero:");
      System.out.println(world.stop(gateway).err());
      if (!right) {
        System.exit(1);
      }
    }
  }

  private static Outcome.Soaked soak(World.Loaded side, long bytes) {
    try {
      return side.load().run(new Workload.Soak(System.nanoTime(), bytes), Outcome.Soaked.class);
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private static boolean compare(String direction, String sent, String got) {
    boolean same = sent.equals(got);
    System.out.printf("SHA-256 %-4s sent %s%n             got  %s%n", direction, sent, got);
    System.out.println(same ? "             right" : "             WRONG");
    return same;
  }

  /** A line now and then, as the bytes come along. */
  private static final class Progress {
    private final Guest guest;
    private final long step;
    private final long startNanos = System.nanoTime();
    private long next;

    Progress(Guest guest, long bytes) {
      this.guest = guest;
      step = 2 * bytes / LINES;
    }

    void show(ProcessUsage usage) throws IOException, InterruptedException {
      long up = bytes("tx_bytes");
      long down = bytes("rx_bytes");
      if (up + down >= next) {
        System.out.printf(
            "%7.0f %8.2f %8.2f %8.1f%n",
            (System.nanoTime() - startNanos) / 1e9,
            (double) up / GIB,
            (double) down / GIB,
            usage.residentMebibytes());
        next = up + down + step;
      }
    }

    private long bytes(String counter) throws IOException, InterruptedException {
      return Long.parseLong(
          guest
              .run(
                  SOON, "cat", "/sys/class/net/%s/statistics/%s".formatted(guest.device(), counter))
              .orThrow()
              .line());
    }
  }
}
