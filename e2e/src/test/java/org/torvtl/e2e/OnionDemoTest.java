/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code make onion-demo}: what it shows, and that it leaves nothing, however it ends. */
class OnionDemoTest {
  private static final List<String> MAKE_DEMO =
      List.of("make", "--no-print-directory", "-C", Machine.PROJECT, "onion-demo");
  private static final Duration DEADLINE = Duration.ofMinutes(1);

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeAll
  static void builtIsUpToDate() throws Exception {
    DemoTest.builtIsUpToDate();
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
  void showsAllThreeStagesOnOneScreenAndLeavesNothing() throws Exception {
    var before = machine.traces();
    var result = machine.start(MAKE_DEMO).await(DEADLINE);
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

  /** Wherever it is when Ctrl-C comes. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void leavesNothingWhenInterruptedAtAnyStage(int stage) throws Exception {
    long seed = Long.getLong("torvtl.seed", 0);
    var random = seed != 0 ? new SplittableRandom(seed + stage) : new SplittableRandom();
    var before = machine.traces();
    try (var demo = machine.startInForeground(MAKE_DEMO)) {
      var process = Machine.processOf(demo);
      int steps = stage == 0 ? 0 : random.nextInt(1, 12);
      for (int step = 0; step < steps && demo.isRunning(); step++) {
        int seen = demo.output().length();
        Waiting.until(
            "more of the demo's output",
            DEADLINE,
            () -> demo.output().length() > seen || !demo.isRunning());
      }
      if (demo.isRunning()) {
        Signal.INT.toGroupOf(process);
      }
      var result = demo.await(DEADLINE);
      assertThat(machine.traces()).as("after %d steps: %s", steps, result).isEqualTo(before);
    }
  }
}
