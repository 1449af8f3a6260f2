/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The child with an nft and an ip of the test's own. */
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
    start(limit, List.of("route one", "route two"), List.of());
  }

  private void start(Duration limit, List<String> ipv4, List<Integer> priorities)
      throws IOException {
    keeper =
        RouteKeeper.start(
            KILL_SWITCH,
            new RouteKeeper.Routes("tun9", "address add one", ipv4, List.of("route six")),
            new RouteKeeper.Removal(2_000_000_000, "116", priorities, ""),
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

  /**
   * Routes and rules that the kernel has are lines of a file, and it refuses to add those. A {@link
   * #fault} is what a command does that has a word.
   */
  private Path kernel(String... routes) throws IOException {
    program(
        "ip",
        """
        cd %s
        for word; do
          [ ! -e "fault-$word" ] || . "./fault-$word"
        done
        case "$*" in
        "-4 -N route show"*) cat routes ;;
        "-4 -o address show dev tun9") cat addresses ;;
        link* | address*) echo "$*" >>device ;;
        *-batch*)
          number=0
          while read -r line; do
            number=$((number + 1))
            if grep -qx "$line" routes; then
              echo "RTNETLINK answers: File exists" >&2
              echo "Command failed -:$number" >&2
            else
              echo "$line" >>routes
            fi
          done
          [ "$number" = 0 ]
          ;;
        esac
        """
            .formatted(programs));
    Files.createFile(programs.resolve("addresses"));
    return Files.write(programs.resolve("routes"), List.of(routes));
  }

  private void fault(String word, String script) throws IOException {
    Files.writeString(programs.resolve("fault-" + word), script + "\n");
  }

  @Test
  void routesThatAreGoneAreMadeAgain() throws Exception {
    var routes = kernel();
    start(LONG);
    assertThat(keeper.restoreRoutes()).isTrue();
    assertThat(keeper.restoreRoutes()).isFalse();
    Files.writeString(routes, "route two\nroute six\n");
    assertThat(keeper.restoreRoutes()).isTrue();
    assertThat(routes).hasContent("route two\nroute six\nroute one");
    Files.writeString(routes, "route one\nroute two\nroute six\n");
    assertThat(keeper.restoreRoutes()).isFalse();
    Files.writeString(routes, "route one\n");
    fault("-batch", "echo RTNETLINK answers: No buffer space >&2; exit 1");
    assertThatThrownBy(keeper::restoreRoutes)
        .hasMessage("failed: RTNETLINK answers: No buffer space");
    Files.delete(programs.resolve("fault--batch"));
    assertThat(keeper.restoreRoutes()).isTrue();
    // Another program's are its own.
    Files.writeString(routes, Files.readString(routes) + "another\n");
    assertThat(keeper.restoreRoutes()).isFalse();
    assertThat(losses).isEmpty();
  }

  /** What is there at first is no measure of what should be. */
  @Test
  void whatIsGoneBeforeTheFirstLookIsMissing() throws Exception {
    var routes = kernel("another");
    start(LONG);
    assertThat(keeper.restoreRoutes()).isTrue();
    assertThat(routes).hasContent("another\nroute one\nroute two\nroute six");
  }

  /** An argument of the kernel's has 128 KiB, and all of them together 2 MiB. */
  @Test
  void anyNumberOfRoutesIsCompared() throws Exception {
    var routes = kernel();
    var commands =
        IntStream.range(0, 1_000).mapToObj("route %d"::formatted).map(this::longer).toList();
    start(LONG, commands, List.of());
    Files.write(routes, commands);
    Files.writeString(routes, "route six\n", StandardOpenOption.APPEND);
    assertThat(keeper.restoreRoutes()).isFalse();
    var left = Files.readAllLines(routes);
    left.remove(500);
    Files.write(routes, left);
    assertThat(keeper.restoreRoutes()).isTrue();
    assertThat(routes).content().contains(commands.get(500) + "\n");
    assertThat(keeper.restoreRoutes()).isFalse();
  }

  private String longer(String route) {
    return route + " to somewhere".repeat(100);
  }

  @ParameterizedTest
  @CsvSource({
    "kill -KILL $$, failed: ip ended with status 137",
    "exit 127, failed: ip ended with status 127",
    "echo ip: not found >&2; exit 1, failed: ip: not found",
  })
  void aComparisonThatFailsIsNoAnswer(String fault, String failure) throws Exception {
    kernel("route one", "route two", "route six");
    start(LONG);
    assertThat(keeper.restoreRoutes()).isFalse();
    fault("show", "exit 2");
    // The kernel is asked then, which knows.
    assertThat(keeper.restoreRoutes()).isFalse();
    fault("-batch", fault);
    assertThatThrownBy(keeper::restoreRoutes).hasMessage(failure);
    assertThat(losses).isEmpty();
  }

  @Test
  void theDeviceIsBroughtUpAndHasAnAddress() throws Exception {
    kernel();
    start(LONG);
    keeper.restoreRoutes();
    var device = programs.resolve("device");
    assertThat(device).hasContent("link set dev tun9 up\naddress add one");
    Files.delete(device);
    Files.writeString(programs.resolve("addresses"), "tun9 inet 10.0.0.1/24\n");
    keeper.restoreRoutes();
    assertThat(device).hasContent("link set dev tun9 up");
    Files.writeString(programs.resolve("routes"), "");
    fault("link", "echo RTNETLINK answers: Operation not permitted >&2; exit 2");
    assertThatThrownBy(keeper::restoreRoutes)
        .hasMessage("failed: RTNETLINK answers: Operation not permitted");
  }

  /** The kill switch stays as long as it is not known that the rules are gone. */
  @Test
  void rulesThatCannotBeListedAreNotGone() throws Exception {
    kernel();
    start(LONG, List.of(), List.of(15_000));
    fault("rule", "exit 1");
    assertThat(keeper.remove()).isFalse();
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
