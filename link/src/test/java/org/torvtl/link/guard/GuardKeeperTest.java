/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The child with an nft, an ip and a bridge of the test's own: it changes nothing. The loopback
 * interface is the gateway's device.
 */
@Timeout(60)
class GuardKeeperTest {
  private static final String TABLE = "torvtl_guard_lo";
  private static final GuardRules RULES = new GuardRules(TABLE, 0x8000_0001, 0x4000_0002, 1);
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final List<String> STATEMENTS =
      List.of("add table netdev " + TABLE, "add rule netdev " + TABLE + " ingress_1_0a drop");

  /** Far more than a pipe holds. */
  private static final List<String> MANY =
      IntStream.range(0, 20_000)
          .mapToObj(i -> "add rule netdev %s ingress_%d_0a drop".formatted(TABLE, i))
          .toList();

  @SuppressWarnings("NullAway.Init")
  @TempDir
  private Path programs;

  @SuppressWarnings("NullAway.Init")
  private GuardKeeper keeper;

  private void program(String name, String script) throws IOException {
    var file = programs.resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  private void start(String nft, Duration limit) throws IOException {
    program("nft", nft);
    program("ip", "echo '[{\"ifindex\":1,\"ifname\":\"lo\"}]'");
    program("bridge", "exit 0");
    keeper =
        GuardKeeper.start(
            RULES,
            List.of(new Attachment(Attachment.Role.SOCKET, 1, "lo")),
            programs + ":/usr/sbin:/usr/bin:/sbin:/bin",
            limit);
  }

  @AfterEach
  void end() throws Exception {
    keeper.close();
    signal("CONT");
    keeper.process().onExit().get(30, SECONDS);
  }

  private void signal(String name) throws Exception {
    new ProcessBuilder("kill", "-" + name, Long.toString(keeper.process().pid())).start().waitFor();
  }

  @Test
  void statementsReachNftAsTheyAreAndAnswersTheirQuestions() throws Exception {
    start(
        "case $1 in -f) cat >%s/heard ;; *) [ \"$2\" = tables ] ;; esac".formatted(programs), LONG);
    keeper.apply(STATEMENTS, Segment.NONE);
    assertThat(Files.readAllLines(programs.resolve("heard")))
        .startsWith(STATEMENTS.toArray(String[]::new));
    keeper.apply(MANY, Segment.NONE);
    assertThat(Files.readAllLines(programs.resolve("heard")))
        .startsWith(MANY.toArray(String[]::new));
    assertThat(keeper.table()).isEmpty();
    assertThatThrownBy(keeper::owned).hasMessage("there is no table " + TABLE);
    assertThatThrownBy(() -> keeper.apply(List.of("flush ruleset"), Segment.NONE))
        .hasMessage("refused: flush ruleset");
    program("nft", "echo no; echo memory; exit 1");
    assertThatThrownBy(() -> keeper.apply(STATEMENTS, Segment.NONE))
        .hasMessage("failed: no memory");
    program(
        "nft",
        "echo 'set macs_7 { type ether_addr elements = { 02:00:00:00:00:01, 02:00:00:00:00:02 } }'");
    assertThat(keeper.owned()).isEqualTo(Map.of(7, Set.of(0x0200_0000_0001L, 0x0200_0000_0002L)));
    assertThat(keeper.ended()).isNotDone();
  }

  /** A guard that is there was taken for none: the addresses of its ports were given away. */
  @Test
  void aTableThatCannotBeListedIsNotTakenForNone() throws Exception {
    String tables = "[ \"$2\" = tables ] && echo 'table netdev %s%s'";
    start(tables.formatted(TABLE, ""), LONG);
    assertThatThrownBy(keeper::table).hasMessageContaining("does not tell of the table");
    program("nft", tables.formatted(TABLE, "2"));
    assertThat(keeper.table()).isEmpty();
    program("nft", "exit 1");
    assertThatThrownBy(keeper::table).hasMessageContaining("does not tell of the table");
  }

  @Test
  void theTableTellsWhatItGuards() throws Exception {
    start(
        "echo 'table netdev %s { chain guest_0a { } chain egress_12_0a { type filter } chain ingress_13_0a { } chain egress_7_0a { } }'"
            .formatted(TABLE),
        LONG);
    assertThat(keeper.table()).hasValue(new GuardKeeper.Table(Map.of(), Set.of(7, 12)));
  }

  /** Every user may read the arguments of all processes. */
  @Test
  void itsArgumentsTellNoMark() throws Exception {
    start("exit 0", LONG);
    keeper.apply(List.of(), Segment.NONE);
    var process = Path.of("/proc", Long.toString(keeper.process().pid()));
    for (var file : List.of("cmdline", "environ")) {
      assertThat(Files.readString(process.resolve(file)))
          .doesNotContain(GuardRules.text(RULES.mark()), GuardRules.text(RULES.heard()));
    }
  }

  @Test
  void anEndThatNobodyAskedForIsToldAtOnce() throws Exception {
    start("exit 0", LONG);
    keeper.apply(STATEMENTS, Segment.NONE);
    signal("KILL");
    assertThat(keeper.ended().get(30, SECONDS))
        .isEqualTo("the process that keeps the packet filter has ended");
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> keeper.apply(MANY, Segment.NONE))
          .hasMessage("the process that keeps the packet filter has ended");
      assertThatThrownBy(keeper::owned)
          .hasMessage("the process that keeps the packet filter has ended");
    }
    assertThatThrownBy(keeper::remove)
        .hasMessage("a packet filter is left (nft delete table netdev " + TABLE + " removes it)");
  }

  @Test
  void anEndWhileItIsAskedIsTheAnswer() throws Exception {
    start("exit 0", LONG);
    keeper.apply(STATEMENTS, Segment.NONE);
    program("nft", "kill -KILL %d".formatted(keeper.process().pid()));
    assertThatThrownBy(() -> keeper.apply(STATEMENTS, Segment.NONE))
        .hasMessage("the process that keeps the packet filter has ended");
  }

  /** Though the request does not fit into the pipe. */
  @Test
  void aChildThatDoesNotAnswerIsLost() throws Exception {
    start("exit 0", Duration.ofSeconds(10));
    keeper.apply(STATEMENTS, Segment.NONE);
    signal("STOP");
    long before = System.nanoTime();
    assertThatThrownBy(() -> keeper.apply(MANY, Segment.NONE))
        .hasMessage("the process that keeps the packet filter does not answer within 10 s");
    assertThat(keeper.ended().get(30, SECONDS)).contains("does not answer");
    assertThatThrownBy(() -> keeper.apply(STATEMENTS, Segment.NONE))
        .hasMessageContaining("does not answer");
    assertThatThrownBy(keeper::remove).hasMessageContaining("a packet filter is left");
    keeper.close();
    assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(LONG);
    keeper.process().onExit().get(30, SECONDS);
  }

  /** The thread's interrupt is kept. */
  @Test
  void anInterruptDoesNotEndTheWait() throws Exception {
    start("exit 0", LONG);
    Thread.currentThread().interrupt();
    keeper.apply(STATEMENTS, Segment.NONE);
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void whatIsTooLongIsNotAsked() throws Exception {
    start("exit 0", LONG);
    var line = "x".repeat(1 << 20);
    assertThatThrownBy(() -> keeper.apply(Collections.nCopies(8, line), Segment.NONE))
        .hasMessageContaining("too long");
    keeper.apply(STATEMENTS, Segment.NONE);
  }

  @Test
  void itEndsWhenItIsToldTo() throws Exception {
    start("cat >>%s/heard".formatted(programs), LONG);
    keeper.apply(STATEMENTS, Segment.NONE);
    keeper.remove();
    assertThat(Files.readAllLines(programs.resolve("heard")))
        .endsWith("add table arp " + TABLE, "delete table arp " + TABLE);
    keeper.ended().get(30, SECONDS);
    assertThatThrownBy(keeper::owned).isInstanceOf(IOException.class);
    keeper.close();
  }
}
