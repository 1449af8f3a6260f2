/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code make demo}: what it shows, and that it leaves nothing, however it ends. */
class DemoTest {
  private static final List<String> MAKE_DEMO =
      List.of("make", "--no-print-directory", "-C", Machine.PROJECT, "demo");
  private static final Duration DEADLINE = Duration.ofMinutes(2);
  private static final Duration CLEANUP = Duration.ofSeconds(30);

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  /**
   * The build this test runs in has just made the program, so make need not, and cannot: there is
   * no network on the machine.
   */
  @BeforeAll
  static void builtIsUpToDate() throws IOException {
    var folder = Path.of(System.getProperty("torvtl.root", "."), "cli/target/dist");
    assertThat(folder.resolve("lib")).as("the built program").isNotEmptyDirectory();
    var stamp = folder.resolve(".built");
    if (Files.notExists(stamp)) {
      Files.createFile(stamp);
    }
    Files.setLastModifiedTime(stamp, FileTime.from(Instant.now()));
  }

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  @Test
  void showsTheExitTheServerSawTwiceInARowAndLeavesNothing() throws Exception {
    var before = machine.traces();
    for (int run = 1; run <= 2; run++) {
      var result = machine.start(MAKE_DEMO).await(DEADLINE);
      assertThat(result.exitStatus()).as("run %d: %s", run, result).isZero();
      assertThat(result.out()).as("run %d", run).containsPattern("198\\.1[89]\\.\\d+\\.\\d+");
      assertThat(machine.traces()).as("run %d", run).isEqualTo(before);
    }
  }

  /** At once; while the lab starts; wherever a random delay from there falls. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void leavesNothingWhenInterruptedAtAnyStage(int stage) throws Exception {
    long seed = Long.getLong("torvtl.seed", 0);
    var random = seed != 0 ? new SplittableRandom(seed + stage) : new SplittableRandom();
    var before = machine.traces();
    try (var demo = machine.startInForeground(MAKE_DEMO)) {
      var process = Machine.processOf(demo);
      int steps = stage == 0 ? 0 : random.nextInt(1, 40);
      // A step of the demo is a piece of its output; how many there are we need not know.
      for (int step = 0; step < steps && demo.isRunning(); step++) {
        int seen = demo.output().length();
        Waiting.until(
            "more of the demo's output",
            DEADLINE,
            () -> demo.output().length() > seen || !demo.isRunning());
      }
      System.out.printf(
          "demo: interrupted after %d steps, having printed: %s%n",
          steps, demo.output().strip().lines().reduce("", (first, last) -> last));
      if (demo.isRunning()) {
        Signal.INT.toGroupOf(process);
      }
      var result = demo.await(CLEANUP);
      assertThat(machine.traces()).as("after %d steps: %s", steps, result).isEqualTo(before);
    }
  }
}
