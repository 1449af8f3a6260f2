/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The onion network, stage 1: how proxy and routers start and end. */
@Execution(ExecutionMode.CONCURRENT)
class OnionStartTest {
  private static final Duration SOON = Duration.ofSeconds(10);
  private static final Duration START = Duration.ofMinutes(1);

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Traces before;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    before = machine.traces();
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  @Test
  void routersAreProcessesThatSayTheyAreUp() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "3")) {
      assertThat(proxy.announced().keySet()).containsExactly(1, 2, 3);
      assertThat(Set.copyOf(proxy.announced().values())).hasSize(3);
      for (var router : proxy.announced().entrySet()) {
        var commandLine =
            machine.script("tr '\\0' ' ' </proc/$1/cmdline", router.getValue().toString()).line();
        assertThat(commandLine)
            .contains("onion router --number " + router.getKey())
            .contains("--proxy-port " + proxy.port());
        assertThat(proxy.log())
            .anyMatch(line ->
                line.contains(
                        "router %d (pid %d) at 127.0.0.1:"
                            .formatted(router.getKey(), router.getValue()))
                    && line.endsWith("says: I'm up"));
        assertThat(proxy.log(router.getKey()))
            .anyMatch(line -> line.endsWith("I'm up, process " + router.getValue()));
      }
      assertThat(machine.script("ss -H -a -u -n").out())
          .containsPattern("127\\.0\\.0\\.1:" + proxy.port() + "\\b");
    }
  }

  @Test
  void neitherProxyNorRouterIsRootWhenItServes() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "2", "--user", "nobody")) {
      var pids = new ArrayList<>(proxy.announced().values());
      pids.add(proxy.pid());
      for (long pid : pids) {
        var may =
            machine.script(
                "cat /proc/$1/task/*/status | grep -E '^(Uid|Gid|Groups|Cap(Prm|Eff|Amb)):' | sort -u",
                Long.toString(pid));
        assertThat(may.out().lines().map(line -> line.replaceAll("\\s+", " ").strip()))
            .as("every thread of %d", pid)
            .containsExactlyInAnyOrder(
                "CapAmb: 0000000000000000",
                "CapEff: 0000000000000000",
                "CapPrm: 0000000000000000",
                "Uid: 65534 65534 65534 65534",
                "Gid: 65534 65534 65534 65534",
                "Groups:");
        assertThat(machine.script("cat /proc/$1/task/*/status", Long.toString(pid)).out())
            .containsPattern("Name:\\s+onion-(proxy|router)");
      }
      machine.script("ping -q -c 1 -W 5 10.5.51.9");
    }
  }

  @Test
  void twoProxiesLiveSideBySide() throws Exception {
    try (var one = OnionProxy.start(machine, "--routers", "1");
        var other =
            OnionProxy.start(
                machine, "--routers", "1", "--dev", "tun2", "--address", "10.5.52.2/24")) {
      machine.script("ping -q -c 1 -W 5 10.5.51.9; ping -q -c 1 -W 5 10.5.52.9");
      var third = OnionProxy.launch(machine, "--routers", "1").await();
      assertThat(third.exitStatus()).as("%s", third).isEqualTo(1);
      assertThat(third.err().strip()).hasLineCount(1).contains("tun1");
      other.stop(Signal.INT);
      machine.script("ping -q -c 1 -W 5 10.5.51.9");
      assertThat(one.command().isRunning()).isTrue();
    }
  }

  @Test
  void nobodyButItsOwnerReadsTheLogs() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "1")) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(proxy.logs())))
          .isEqualTo("rwx------");
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(proxy.logs().resolve("router-1.log"))))
          .isEqualTo("rw-------");
    }
  }

  /** Ctrl-C in a terminal goes to the whole process group. */
  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  void endsDecently(Signal signal, int exitStatus) throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "2")) {
      var routers = proxy.routers();
      assertThat(routers).hasSize(2);
      signal.toGroupOf(proxy.process());
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(exitStatus);
      assertThat(result.err()).isEmpty();
      assertThat(routers).noneMatch(ProcessHandle::isAlive);
      assertThat(proxy.log(2)).anyMatch(line -> line.contains(": ends;"));
      proxy.removeLogs();
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @Test
  void aProxyThatIsKilledTakesItsRoutersAlong() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "3")) {
      var routers = proxy.routers();
      // Not even a router that cannot act outlives it.
      Signal.STOP.to(routers.getLast());
      assertThat(proxy.stop(Signal.KILL).exitStatus()).isEqualTo(128 + 9);
      Waiting.until(
          "the routers' end", SOON, () -> routers.stream().noneMatch(ProcessHandle::isAlive));
      proxy.removeLogs();
      Waiting.until("no trace", SOON, () -> machine.traces().equals(before));
    }
  }

  @Test
  void aProxyThatIsKilledWhileRoutersStartLeavesNone() throws Exception {
    try (var proxy = OnionProxy.launch(machine, "--routers", "3")) {
      Waiting.until("a router's process", SOON, () -> !proxy.routers().isEmpty());
      assertThat(proxy.stop(Signal.KILL).exitStatus()).isEqualTo(128 + 9);
      // One that was started a moment before sees that nobody is there once it gets so far.
      Waiting.until(
          "the end of all routers, also of those not seen yet",
          Duration.ofSeconds(30),
          () -> machine.script("ps -e -o args= | grep '[o]nion router' || :").out().isEmpty());
    }
  }

  @Test
  void aRouterThatDiesIsReportedAndTheOthersCarryOn() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "3")) {
      var victim = proxy.routers().get(1);
      Signal.KILL.to(victim);
      proxy.command().awaitLine("torvtl: router 2 (process ", SOON);
      assertThat(proxy.command().output())
          .containsPattern("router 2 \\(process \\d+\\) was killed by signal 9; its flows go to");
      var ping =
          machine.script(
              "for i in {10..29}; do ping -q -c 1 -W 2 10.5.51.$i >/dev/null || echo $i; done");
      assertThat(ping.out()).isEmpty();
      assertThat(proxy.log().stream().filter(line -> line.contains("; to router 2"))).isEmpty();
    }
  }

  /** It is there, but does nothing: nobody's packets wait for it. */
  @Test
  void aRouterThatIsStoppedIsReportedAndComesBack() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "2")) {
      var victim = proxy.routers().get(1);
      Signal.STOP.to(victim);
      proxy.command().awaitLine("torvtl: router 2 (process ", SOON);
      assertThat(proxy.command().output()).contains("does not answer any more; its flows go to");
      var ping =
          machine.script(
              "for i in {10..19}; do ping -q -c 1 -W 2 10.5.51.$i >/dev/null || echo $i; done");
      assertThat(ping.out()).isEmpty();
      Signal.CONT.to(victim);
      proxy.command().awaitOutput("'answers again'", text -> text.contains("answers again"), SOON);
    }
  }

  @Test
  void aRouterThatDiesWhileItStartsIsReported() throws Exception {
    try (var proxy = OnionProxy.launch(machine, "--routers", "2")) {
      var first = jvmOf(proxy, 1);
      Signal.STOP.to(first);
      Signal.KILL.to(first);
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip())
          .hasLineCount(1)
          .contains("router 1", "was killed by signal 9 before it was up");
      proxy.removeLogs();
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void endsDecentlyWhileRoutersStart(Signal signal, int exitStatus) throws Exception {
    try (var proxy = OnionProxy.launch(machine, "--routers", "2")) {
      Signal.STOP.to(jvmOf(proxy, 1));
      signal.toGroupOf(proxy.process());
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(exitStatus);
      proxy.removeLogs();
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @Test
  void anAddressThatNoHostCanHaveIsWrongUsage() throws Exception {
    for (var address : List.of("10.5.51.0/24", "10.5.51.255/24")) {
      var result = OnionProxy.launch(machine, "--address", address).await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(2);
      assertThat(result.err()).contains("is no host's address: it stands for all of 10.5.51.0/24");
    }
  }

  @Test
  void theLastRoutersDeathIsTheEnd() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "1")) {
      Signal.KILL.to(proxy.routers().getFirst());
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err()).contains("router 1").contains("killed by signal 9").contains("last");
      proxy.removeLogs();
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @Test
  void saysWhichRouterStayedSilent() throws Exception {
    try (var proxy = OnionProxy.launch(machine, "--routers", "2")) {
      var router = jvmOf(proxy, 2);
      Signal.STOP.to(router);
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip())
          .startsWith("torvtl: router 2 did not say 'I'm up' within ")
          .hasLineCount(1);
      proxy.removeLogs();
      assertThat(machine.traces()).isEqualTo(before);
    }
  }

  @Test
  void aRouterThatCannotStartSaysWhy() throws Exception {
    var result =
        OnionProxy.launch(machine, "--routers", "1", "--router-interface", "lo=192.0.2.7").await();
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err()).contains("lo", "192.0.2.7", "ip addr add");
  }

  /**
   * Another program on the machine can send to the port while routers come up, but not speak for
   * one; and when they are up, nobody but they is heard at all.
   */
  @Test
  void whatOthersSendToThePortIsDropped() throws Exception {
    try (var proxy = OnionProxy.launch(machine, "--routers", "1")) {
      proxy.command().awaitLine("proxy: ", START);
      var router = jvmOf(proxy, 1);
      Signal.STOP.to(router);
      machine.script(
          """
          for i in 1 2 3; do
            head -c 100 /dev/zero >/dev/udp/127.0.0.1/$1
          done
          for i in {1..50}; do
            printf '\\1\\1\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0\\1AAAAAAAAAAAAAAAA' \
              >/dev/udp/127.0.0.1/$1
          done
          """,
          Integer.toString(proxy.port()));
      Signal.CONT.to(router);
      proxy.command().awaitLine("ready", START);
      var refused =
          machine.script(
              "exec 3<>/dev/udp/127.0.0.1/$1; echo x >&3; echo x 2>&1 >&3 || :",
              Integer.toString(proxy.port()));
      assertThat(refused.out() + refused.err()).contains("refused");
      machine.script("ping -q -c 1 -W 2 10.5.51.9");
      assertThat(proxy.stop(Signal.TERM).exitStatus()).isEqualTo(143);
      assertThat(proxy.log())
          .filteredOn(line -> line.contains(": closed; "))
          .singleElement()
          .asString()
          .contains("drop.message_malformed=3")
          .contains("drop.message_forged=50");
      assertThat(proxy.log().stream().filter(line -> line.contains("MESSAGE_FORGED")))
          .as("not a line for each")
          .hasSizeBetween(1, 5);
    }
  }

  /**
   * A router's process once it is the router's own JVM. In its first moment it still shares the
   * memory of the proxy, whose thread waits until it has not: stopped there, it stops both.
   */
  private static ProcessHandle jvmOf(OnionProxy proxy, int router) throws Exception {
    return Waiting.forValue(
        "a router's JVM",
        SOON,
        () ->
            proxy.routers().stream()
                .filter(process -> isJvm(process, "onion", "router", "--number", "" + router))
                .findFirst());
  }

  private static boolean isJvm(ProcessHandle process, String... words) {
    var info = process.info();
    return info.command().orElse("").endsWith("/java")
        && Collections.indexOfSubList(
                List.of(info.arguments().orElse(new String[0])), List.of(words))
            >= 0;
  }
}
