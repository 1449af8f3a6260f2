/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.tor.process.SupervisedTor.Event;

/** What a user is told of torvtl's own tor, with timers that the test fires. */
class TorReportTest {
  private final StringWriter lines = new StringWriter();
  private final ByteArrayOutputStream bar = new ByteArrayOutputStream();
  private final Timers timers = new Timers();
  private long nowNanos;
  private final TorReport report =
      new TorReport(
          new PrintWriter(lines),
          new ProgressBar("tor", new PrintStream(bar, true, StandardCharsets.UTF_8), false),
          timers,
          () -> nowNanos);

  /** Keeps what is scheduled, until the time is there. */
  private final class Timers extends ScheduledThreadPoolExecutor {
    final Queue<ScheduledFuture<?>> scheduled = new ArrayDeque<>();
    final Queue<Long> delays = new ArrayDeque<>();
    final Queue<Runnable> actions = new ArrayDeque<>();

    Timers() {
      super(1);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable action, long delay, TimeUnit unit) {
      var future = super.schedule((Callable<Integer>) () -> 0, 1, TimeUnit.DAYS);
      actions.add(action);
      scheduled.add(future);
      delays.add(unit.toNanos(delay));
      return future;
    }

    /** Fires what is scheduled now, each when so much time has passed. */
    void fire() {
      for (int count = scheduled.size(); count > 0; count--) {
        var action = actions.remove();
        long delayNanos = delays.remove();
        if (!scheduled.remove().isCancelled()) {
          nowNanos += delayNanos;
          action.run();
        }
      }
    }
  }

  @AfterEach
  void end() {
    report.close();
  }

  private static Event.Bootstrap step(int percent, String tag, String summary) {
    return new Event.Bootstrap(percent, tag, summary);
  }

  private String told() {
    return lines.toString();
  }

  @Test
  void aWarningIsToldOnce() {
    report.event(
        new Event.Warning(
            "Problem bootstrapping. Stuck at 5% (conn): Connecting to a relay. (Network is"
                + " unreachable; NOROUTE; count 1; recommendation warn; host"
                + " 0123456789ABCDEF0123456789ABCDEF01234567 at 192.0.2.1:443)"));
    report.event(
        new Event.Warning(
            "Problem bootstrapping. Stuck at 5% (conn): Connecting to a relay. (Network is"
                + " unreachable; NOROUTE; count 2; recommendation warn; host"
                + " FEDCBA9876543210FEDCBA9876543210FEDCBA98 at 192.0.2.77:9001)"));
    assertThat(told().lines()).hasSize(1);
    assertThat(told()).startsWith("tor warns: Problem bootstrapping.").contains("NOROUTE");
    report.event(new Event.Warning("Our clock is 3 hours behind"));
    assertThat(told().lines()).hasSize(2);
  }

  @Test
  void whatItWaitsForIsToldAfterHalfAMinuteWithoutProgress() {
    report.event(step(0, "starting", "Starting"));
    report.event(step(5, "conn", "Connecting to a relay"));
    report.event(step(5, "conn", "Connecting to a relay"));
    assertThat(told()).isEmpty();
    timers.fire();
    assertThat(told().lines()).hasSize(1);
    assertThat(told())
        .contains("no progress for 30 s at 5 %", "Connecting to a relay", "conn")
        .contains("firewall", "clock", "bridges");
  }

  /** Else its user waits without knowing whether it still tries. */
  @Test
  void itIsToldAgainAsLongAsNothingMoves() {
    report.event(step(5, "conn", "Connecting to a relay"));
    timers.fire();
    timers.fire();
    timers.fire();
    assertThat(told().lines().map(line -> line.replaceFirst(" at .*", "")))
        .containsExactly(
            "tor has made no progress for 30 s",
            "tor has made no progress for 150 s",
            "tor has made no progress for 270 s");
    report.event(step(100, "done", "Done"));
    timers.fire();
    assertThat(told().lines()).hasSize(3);
  }

  @Test
  void oneThatGetsOnIsLeftAlone() {
    for (int percent : new int[] {0, 5, 50, 100}) {
      report.event(step(percent, "conn", "Step " + percent));
    }
    timers.fire();
    assertThat(told()).isEmpty();
    assertThat(bar.toString(StandardCharsets.UTF_8)).contains("Step 5", "Step 100");
  }

  @ParameterizedTest
  @CsvSource({
    "conn_pt, bridge",
    "conn, firewall",
    "handshake, firewall",
    "loading_descriptors, clock",
    "circuit_create, clock"
  })
  void theHintIsThatOfThePhase(String tag, String word) {
    assertThat(BootstrapHint.of(tag)).contains(word);
  }

  @Test
  void anOutageHasOneLineForItsBeginAndOneForItsEnd() {
    report.event(step(100, "done", "Done"));
    var killed = new Event.Down("tor was killed by signal 9", Duration.ofMillis(500));
    report.event(killed);
    report.event(killed);
    assertThat(told().lines()).hasSize(1);
    nowNanos += 3_200_000_000L;
    report.event(step(0, "starting", "Starting"));
    report.event(step(100, "done", "Done"));
    report.event(step(100, "done", "Done"));
    assertThat(told().lines()).hasSize(2);
    assertThat(told()).contains("killed by signal 9; no traffic passes", "again, after 3.2 s");
  }
}
