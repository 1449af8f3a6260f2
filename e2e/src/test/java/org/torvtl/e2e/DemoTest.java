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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code make demo} and {@code make onion-demo}: what each shows, and that it leaves nothing,
 * however it ends.
 */
class DemoTest {
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

  private static List<String> make(String demo) {
    return List.of("make", "--no-print-directory", "-C", Machine.PROJECT, demo);
  }

  @Test
  void showsTheExitTheServerSawTwiceInARowAndLeavesNothing() throws Exception {
    var before = machine.traces();
    for (int run = 1; run <= 2; run++) {
      var result = machine.start(make("demo")).await(DEADLINE);
      assertThat(result.exitStatus()).as("run %d: %s", run, result).isZero();
      assertThat(result.out()).as("run %d", run).containsPattern("198\\.1[89]\\.\\d+\\.\\d+");
      assertThat(machine.traces()).as("run %d", run).isEqualTo(before);
    }
  }

  /** In the time a reader waits. */
  @Test
  @Tag("alone")
  void ofTheOnionShowsAllThreeStagesOnOneScreenAndLeavesNothing() throws Exception {
    var before = machine.traces();
    var result = machine.start(make("onion-demo")).await(DEADLINE);
    assertThat(result.exitStatus()).as("%s", result).isZero();
    assertThat(result.took()).isLessThan(Duration.ofSeconds(30));
    assertThat(result.out().lines().count()).isLessThan(40);
    assertThat(result.out())
        .containsPattern("router 1: process \\d+ is up, in the world as 192\\.168\\.201\\.2")
        .containsPattern("router 3: process \\d+ is up, in the world as 192\\.168\\.203\\.2")
        .contains("64 bytes from 10.5.51.9")
        .contains("64 bytes from 128.30.2.155")
        .containsPattern("the world saw: 192\\.168\\.20[123]\\.2, and not 192\\.168\\.200\\.2")
        .containsPattern(
            "echo request 192\\.168\\.200\\.2 > 128\\.30\\.2\\.155 .*: from tun1; to r")
        .containsPattern("through eth[123] as 192\\.168\\.20[123]\\.2 id \\d+")
        .containsPattern("through eth[123]; to the proxy for 192\\.168\\.200\\.2")
        .containsPattern("from router [123] \\(pid \\d+\\); to tun1")
        .contains("exit status 130, and of 3 routers are left: 0");
    assertThat(machine.traces()).isEqualTo(before);
  }

  /**
   * Wherever it is when Ctrl-C comes: at its very start, or after a random number of steps.
   *
   * @param stage 0 for the start
   * @param about how many steps it has
   */
  @ParameterizedTest
  @CsvSource({
    "demo, 0, 40",
    "demo, 1, 40",
    "demo, 2, 40",
    "onion-demo, 0, 12",
    "onion-demo, 1, 12",
    "onion-demo, 2, 12",
    "onion-demo, 3, 12"
  })
  void leavesNothingWhenInterruptedAtAnyStage(String name, int stage, int about) throws Exception {
    long seed = Long.getLong("torvtl.seed", 0);
    var random = seed != 0 ? new SplittableRandom(seed + stage) : new SplittableRandom();
    var before = machine.traces();
    try (var demo = machine.startInForeground(make(name))) {
      var process = Machine.processOf(demo);
      int steps = stage == 0 ? 0 : random.nextInt(1, about);
      // A step of the demo is a piece of its output; how many there are we need not know.
      for (int step = 0; step < steps && demo.isRunning(); step++) {
        int seen = demo.output().length();
        Waiting.until(
            "more of the demo's output",
            DEADLINE,
            () -> demo.output().length() > seen || !demo.isRunning());
      }
      System.out.printf(
          "%s: interrupted after %d steps, having printed: %s%n",
          name, steps, demo.output().strip().lines().reduce("", (first, last) -> last));
      if (demo.isRunning()) {
        Signal.INT.toGroupOf(process);
      }
      var result = demo.await(CLEANUP);
      assertThat(machine.traces()).as("after %d steps: %s", steps, result).isEqualTo(before);
    }
  }
}
