/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code torvtl lab} from up to down, on a machine where nothing else is. */
class LabTest {
  private static final Duration UP = Duration.ofSeconds(90);
  private static final Duration DOWN = Duration.ofSeconds(30);

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  private CommandResult torvtl(Duration deadline, String... arguments) throws Exception {
    return machine.start(Machine.torvtl(arguments)).await(deadline);
  }

  private void awaitFirstTor(RunningCommand up, Traces before) throws Exception {
    Waiting.until(
        "the lab's first tor",
        UP,
        () ->
            !up.isRunning()
                || machine.traces().since(before).stream()
                    .anyMatch(line -> line.matches("process: (\\S*/)?tor .*")));
    assertThat(up.isRunning()).as("%s", up.output()).isTrue();
  }

  @Test
  void goesUpTellsItsStatusAndLeavesNothingWhenDown() throws Exception {
    var before = machine.traces();
    var up = torvtl(UP, "lab", "up", "--name", "one").orThrow();
    assertThat(up.out())
        .as("the addresses to use")
        .contains("127.0.0.1:" + PrivateLab.SOCKS_PORT)
        .contains("127.0.0.1:" + PrivateLab.CONTROL_PORT);
    assertThat(
            machine
                .run(
                    DOWN,
                    "curl",
                    "-sS",
                    "--socks5-hostname",
                    "127.0.0.1:" + PrivateLab.SOCKS_PORT,
                    "http://web.lab.test/")
                .orThrow()
                .out())
        .contains("You came from");

    var status = torvtl(DOWN, "lab", "status", "--name", "one").orThrow();
    assertThat(status.out().lines().filter(line -> line.contains("Authority")).count())
        .as("directory authorities in: %s", status)
        .isGreaterThanOrEqualTo(3);
    assertThat(status.out().lines().filter(line -> line.contains("Running")).count())
        .as("running relays in: %s", status)
        .isGreaterThanOrEqualTo(6);
    assertThat(status.out()).contains("Exit").contains("Guard");

    var second = torvtl(UP, "lab", "up", "--name", "one");
    assertThat(second.exitStatus()).as("%s", second).isEqualTo(1);
    assertThat(second.err().strip()).contains("one").doesNotContain("\n");

    torvtl(DOWN, "lab", "down", "--name", "one").orThrow();
    assertThat(machine.traces()).isEqualTo(before);
  }

  @Test
  void leavesNothingWhenItsStartIsInterrupted() throws Exception {
    var before = machine.traces();
    var up = machine.startInForeground(Machine.torvtl("lab", "up", "--name", "two"));
    awaitFirstTor(up, before);
    Signal.INT.toGroupOf(Machine.processOf(up));
    var result = up.await(DOWN);
    assertThat(result.exitStatus()).as("%s", result).isNotZero();
    assertThat(machine.traces()).isEqualTo(before);
  }

  @Test
  void aLabThatWasKilledDoesNotStopTheNext() throws Exception {
    var before = machine.traces();
    var up = machine.startInForeground(Machine.torvtl("lab", "up", "--name", "three"));
    awaitFirstTor(up, before);
    Signal.KILL.to(Machine.processOf(up));
    var unused = up.await(DOWN);

    torvtl(UP, "lab", "up", "--name", "three").orThrow();
    torvtl(DOWN, "lab", "down", "--name", "three").orThrow();
    assertThat(machine.traces()).isEqualTo(before);
  }
}
