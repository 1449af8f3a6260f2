/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Guests hold as many bytes as they can, of every kind, on all connections they may have: the
 * gateway's resident memory stays below what it states, and another guest is served.
 */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HoardingGuestsTest {
  private static final int PROXY = 9150, EXCHANGES_AFTER = 20;

  /** More than the table has places: the other guest gets its own all the same. */
  private static final int CONNECTIONS = 17_000;

  /** A small part of these takes all there is. */
  private static final int CONNECTIONS_WITHOUT_MEMORY = 4_000;

  private static final Pattern COUNTERS = Pattern.compile("\\{link.*}");
  private static final Duration SOON = Duration.ofSeconds(30);

  /** 384 MiB of buffers, a heap of 256, and 150 of the JVM's own: see {@code MemoryAccount}. */
  private static final long MOST_RESIDENT_KIB = (384 + 256 + 150) << 10;

  private Machine machine;
  private RunningCommand proxy;

  @SuppressWarnings("NullAway.Init") // by boot()
  HoardingGuestsTest() {}

  @BeforeAll
  void boot() throws Exception {
    machine = Machine.boot();
    proxy = machine.start(HoldingProxy.command(Machine.PROJECT, PROXY));
    proxy.awaitLine("listening", SOON);
  }

  @AfterAll
  void shutDown() throws Exception {
    proxy.close();
    machine.close();
  }

  @ParameterizedTest(name = "MTU {0}, {1} guests")
  @CsvSource({"1500, 20", "65521, 1"})
  void residentMemoryStaysBelowTheLimitAndAnotherGuestIsServed(int mtu, int guests)
      throws Exception {
    attack("tap" + mtu + "x" + guests, mtu, guests, CONNECTIONS, List.of());
  }

  @Tag("long")
  @ParameterizedTest(name = "MTU {0}, {1} guests")
  @CsvSource({"1500, 1", "65521, 2"})
  void soItIsWithOtherNumbersOfGuests(int mtu, int guests) throws Exception {
    attack("tap" + mtu + "x" + guests, mtu, guests, CONNECTIONS, List.of());
  }

  /**
   * Where memory for buffers runs out although it is accounted for. The JVM's limit is above that
   * of the allocator, as in {@code scripts/jvm.args}.
   */
  @Test
  void allocationsThatFailCostFramesAndFlows() throws Exception {
    attack(
        "tapshort",
        1500,
        2,
        CONNECTIONS_WITHOUT_MEMORY,
        List.of(
            "env",
            "TORVTL_JAVA_OPTS=-Dio.netty.maxDirectMemory=16777216 -XX:MaxDirectMemorySize=80m"));
  }

  private void attack(String device, int mtu, int guests, int connections, List<String> environment)
      throws Exception {
    var command = new ArrayList<>(environment);
    command.addAll(
        Machine.torvtl(
            "run", "-v", "-d", device, "-a", "127.0.0.1", "-p", Integer.toString(PROXY)));
    try (var guest = new NetworkNamespace(machine, device)) {
      // Several guests, so the device is a bridge's: alone it would be one guest.
      machine.script(
          """
          ip link add "b$1" mtu "$2" type bridge
          ip tuntap add dev "$1" mode tap
          ip link set "$1" mtu "$2" master "b$1"
          ip link add "p$1" mtu "$2" type veth peer name "$1" mtu "$2" netns "$1"
          ip link set "p$1" master "b$1" up
          ip link set "b$1" up
          ip -n "$1" address add 10.0.0.2/24 dev "$1"
          ip -n "$1" link set "$1" up
          ip -n "$1" route add default via 10.0.0.1 dev "$1"
          """,
          device,
          Integer.toString(mtu));
      attack(guest, guests, connections, command);
    }
  }

  private void attack(NetworkNamespace guest, int guests, int connections, List<String> command)
      throws Exception {
    try (var gateway = machine.start(command)) {
      gateway.awaitLine("ready", SOON);
      var process = Machine.processOf(gateway);
      try {
        attack(
            guest,
            gateway,
            process,
            HoardingGuests.command(Machine.PROJECT, guest.name(), guests, connections));
      } finally {
        Signal.TERM.to(process);
        COUNTERS
            .matcher(gateway.await(SOON).err())
            .results()
            .forEach(counters -> System.out.println(guest.name() + ": " + counters.group()));
      }
    }
  }

  private static void attack(
      NetworkNamespace guest,
      RunningCommand gateway,
      ProcessHandle process,
      List<String> hoardingGuests)
      throws Exception {
    exchange(guest, gateway);
    long idleKib = residentKib(process);
    long slowest = 0;
    int exchanges = 0;
    try (var attack = guest.start(hoardingGuests)) {
      for (int after = 0; after < EXCHANGES_AFTER; exchanges++) {
        assertThat(attack.isRunning()).as(attack.output()).isTrue();
        after += attack.output().contains("asked") ? 1 : 0;
        slowest = Math.max(slowest, exchange(guest, gateway));
      }
      System.out.printf(
          "%s: %s; resident: %d MiB idle, %d at most; another guest: %d exchanges, slowest %d ms%n",
          guest.name(),
          attack.output().strip(),
          idleKib >> 10,
          residentKib(process) >> 10,
          exchanges,
          slowest / 1_000_000);
    }
    assertThat(residentKib(process)).isLessThan(MOST_RESIDENT_KIB);
  }

  /** The most that was resident. */
  private static long residentKib(ProcessHandle process) throws Exception {
    try (var lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
      return lines
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    }
  }

  /**
   * Another guest asks and is answered; one whose connection is cut asks again.
   *
   * @return how long it took, in nanoseconds
   */
  private static long exchange(NetworkNamespace guest, RunningCommand gateway) throws Exception {
    long begun = System.nanoTime();
    var answer =
        guest.run(
            SOON,
            "timeout",
            "25",
            "bash",
            "-c",
            """
            until [ "$line" = hello ]; do
              line=$(exec 3<>/dev/tcp/192.0.2.1/%d && echo >&3 && cat <&3)
            done
            """
                .formatted(HoldingProxy.HELLO));
    assertThat(gateway.isRunning()).as(gateway.output()).isTrue();
    assertThat(answer.exitStatus()).as("%s", answer).isZero();
    return System.nanoTime() - begun;
  }
}
