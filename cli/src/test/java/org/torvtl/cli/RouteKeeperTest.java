/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The child with an nft of the test's own. It removes nothing: it knows no priorities. */
@Timeout(60)
class RouteKeeperTest {
  private static final String KILL_SWITCH = "table inet t {\n}\nadd chain inet t @marker@\n";
  private static final Duration LONG = Duration.ofSeconds(30);

  @SuppressWarnings("NullAway.Init")
  @TempDir
  private Path programs;

  private final BlockingQueue<String> losses = new LinkedBlockingQueue<>();

  @SuppressWarnings("NullAway.Init")
  private RouteKeeper keeper;

  private void nft(String script) throws IOException {
    program("nft", script);
  }

  private void program(String name, String script) throws IOException {
    var file = programs.resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  private void start(Duration limit) throws IOException {
    keeper =
        RouteKeeper.start(
            KILL_SWITCH,
            new RouteKeeper.Routes(List.of("route one", "route two"), List.of("route six")),
            new RouteKeeper.Removal(2_000_000_000, "116", List.of(), ""),
            losses::add,
            programs + ":/usr/sbin:/usr/bin:/sbin:/bin",
            limit);
  }

  @AfterEach
  void end() {
    keeper.abandon();
  }

  @Test
  void restoresByOneTransactionWithTheMarkerOfTheRequest() throws Exception {
    nft("cat >>%s/heard".formatted(programs));
    start(LONG);
    keeper.restore("mark_1");
    keeper.restore("mark_2");
    assertThat(programs.resolve("heard"))
        .hasContent(
            KILL_SWITCH.replace("@marker@", "mark_1") + KILL_SWITCH.replace("@marker@", "mark_2"));
    assertThat(keeper.remove()).isTrue();
    assertThat(losses).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "echo Warning: old >&2; echo more >&2                            | ",
        "kill -KILL $$                                                   | failed: nft was killed (it has 4 s)",
        "echo Warning: old >&2; echo Error: no such thing >&2; exit 1    | failed: Error: no such thing",
        "echo no; echo memory; exit 1                                    | failed: no",
        "exit 1                                                          | failed: nft ended with status 1",
        "exec sleep 1000                                                 | failed: nft was killed (it has 4 s)",
        "trap '' TERM; while :; do sleep 1000; done                      | failed: nft was killed (it has 4 s)",
      })
  void eachRequestHasOneAnswer(String nft, @Nullable String failure) throws Exception {
    nft(nft);
    start(LONG);
    if (failure == null) {
      keeper.restore("mark_1");
    } else {
      assertThatThrownBy(() -> keeper.restore("mark_1")).hasMessage(failure);
    }
    // No line of the answer is left to be taken for the next one's.
    nft("exit 0");
    keeper.restore("mark_2");
    nft("echo Error: again; exit 1");
    assertThatThrownBy(() -> keeper.restore("mark_3")).hasMessage("failed: Error: again");
    assertThat(losses).isEmpty();
  }

  /** Routes that ip knows are lines of a file. */
  @Test
  void routesThatAreGoneAreMadeAgain() throws Exception {
    program(
        "ip",
        """
        cd %s
        case "$*" in
        "-4 -N route show"*) cat routes ;;
        *-batch*)
          while read -r line; do
            if grep -qx "$line" routes; then echo "RTNETLINK answers: File exists" >&2
            elif [ -e broken ]; then echo "RTNETLINK answers: No buffer space" >&2
            else echo "$line" >>routes; fi
          done ;;
        esac
        """
            .formatted(programs));
    var routes = programs.resolve("routes");
    var all = "route one\nroute two\nroute six\n";
    Files.writeString(routes, all);
    start(LONG);
    keeper.noteRoutes();
    assertThat(keeper.restoreRoutes()).isFalse();
    Files.writeString(routes, "route two\n");
    assertThat(keeper.restoreRoutes()).isTrue();
    assertThat(routes).hasContent("route two\nroute one\nroute six");
    Files.writeString(routes, "route one\n");
    var broken = Files.createFile(programs.resolve("broken"));
    assertThatThrownBy(keeper::restoreRoutes)
        .hasMessage("failed: RTNETLINK answers: No buffer space");
    Files.delete(broken);
    assertThat(keeper.restoreRoutes()).isTrue();
    // Another program's are its own.
    Files.writeString(routes, all + "another\n");
    assertThat(keeper.restoreRoutes()).isFalse();
    assertThat(losses).isEmpty();
  }

  @Test
  void aMarkerIsNoCommand() throws Exception {
    nft("exit 0");
    start(LONG);
    for (var marker : List.of("x/; s/a/b", "a b", "$(id)")) {
      assertThatThrownBy(() -> keeper.restore(marker)).hasMessageContaining("no marker");
    }
  }

  @Test
  void aChildThatDoesNotAnswerIsKilledAndToldOnce() throws Exception {
    nft("exit 0");
    start(Duration.ofSeconds(1));
    keeper.restore("mark_1");
    var child = keeper.process();
    new ProcessBuilder("kill", "-STOP", Long.toString(child.pid())).start().waitFor();
    assertThatThrownBy(() -> keeper.restore("mark_2")).hasMessageContaining("does not answer");
    child.onExit().get(10, SECONDS);
    assertThat(losses.poll(10, SECONDS)).contains("does not answer within 1 s");
    assertThatThrownBy(() -> keeper.restore("mark_3")).hasMessageContaining("does not answer");
    assertThat(keeper.remove()).isFalse();
    assertThat(losses).isEmpty();
  }

  /** As systemd sends SIGTERM to all of a service, and a terminal SIGHUP and SIGINT. */
  @Test
  void signalsToAllProcessesDoNotEndIt() throws Exception {
    nft("exit 0");
    start(LONG);
    keeper.restore("mark_1");
    for (var signal : List.of("HUP", "INT", "TERM")) {
      new ProcessBuilder("kill", "-" + signal, Long.toString(keeper.process().pid()))
          .start()
          .waitFor();
    }
    keeper.restore("mark_2");
    assertThat(keeper.remove()).isTrue();
    assertThat(losses).isEmpty();
  }

  @Test
  void aChildThatEndsIsToldAtOnce() throws Exception {
    nft("exit 0");
    start(LONG);
    keeper.process().destroyForcibly();
    assertThat(losses.poll(10, SECONDS)).contains("has ended");
    assertThatThrownBy(() -> keeper.restore("mark_1")).hasMessageContaining("has ended");
    assertThat(keeper.remove()).isFalse();
  }

  @Test
  void aChildThatEndsWhileItIsWaitedForEndsTheWait() throws Exception {
    nft("exit 0");
    start(LONG);
    nft("kill -KILL " + keeper.process().pid());
    long before = System.nanoTime();
    assertThatThrownBy(() -> keeper.restore("mark_1")).hasMessageContaining("has ended");
    assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(LONG);
  }

  /** The thread's interrupt is kept, and its answer is not left to the next request. */
  @Test
  void anInterruptDoesNotEndTheWait() throws Exception {
    nft("echo Error: first; exit 1");
    start(LONG);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> keeper.restore("mark_1")).hasMessage("failed: Error: first");
    assertThat(Thread.interrupted()).isTrue();
    nft("exit 0");
    keeper.restore("mark_2");
  }
}
