/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The TCP engine against Linux as the guest, over a cable that delays, reorders, repeats, damages
 * and loses frames both ways. What is sent arrives, whole and unchanged, in both directions.
 */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadCableTest {
  private static final int PROXY = 9150;
  private static final Duration SOON = Duration.ofSeconds(30);
  private static final Pattern COUNTERS =
      Pattern.compile(
          "(?m)^(?:from|to) guest: frames=(\\d+) lost=(\\d+) duplicated=(\\d+) reordered=(\\d+)"
              + " corrupted=(\\d+) queueDrops=0$");

  private final long seed = seed();
  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  BadCableTest() {}

  private static long seed() {
    long given = Long.getLong("torvtl.seed", 0);
    return given != 0 ? given : new Random().nextLong(1, Integer.MAX_VALUE);
  }

  @BeforeAll
  void boot() throws Exception {
    System.out.println("bad cable: seed " + seed + " (repeat with -Dtorvtl.seed=" + seed + ")");
    machine = Machine.boot();
    world = TransferWorld.on(machine, PROXY);
  }

  @AfterAll
  void shutDown() throws Exception {
    world.close();
    machine.close();
  }

  @ParameterizedTest(name = "{0}, offloads {1}, {2}")
  @CsvSource({
    "tap, off, cubic, 1500000",
    "tap, on, reno, 1500000",
    "tun, off, reno, 1500000",
    "tun, off, bbr, 2500000",
    "tun, on, cubic, 1500000",
  })
  @Execution(ExecutionMode.CONCURRENT)
  void whatIsSentArrives(String kind, String offloads, String congestionControl, int bytes)
      throws Exception {
    var name = kind + "-" + offloads + "-" + congestionControl;
    machine.script("ip tuntap add dev \"$1\" mode \"$2\"", name, kind);
    try (var guest = new NetworkNamespace(machine, name);
        var gateway = machine.start(BadCableGateway.command(name, kind, offloads, PROXY, seed))) {
      try {
        gateway.awaitLine("ready", SOON);
        machine.script(
            """
            ip link set "$1" netns "$1"
            ip -n "$1" address add 10.0.0.2/24 dev "$1"
            ip -n "$1" link set "$1" up
            ip -n "$1" route add default via 10.0.0.1 dev "$1" congctl "$2"
            """,
            name,
            congestionControl);
        Transfers.bothWays(guest, bytes);
        Signal.TERM.to(Machine.processOf(gateway));
        assertTheCableWasBad(gateway.await(SOON).out());
      } catch (IllegalStateException | AssertionError e) {
        e.addSuppressed(new IllegalStateException(gateway.output()));
        throw e;
      }
    }
  }

  /** Otherwise the test would prove nothing. */
  private static void assertTheCableWasBad(String output) {
    assertThat(COUNTERS.matcher(output).results())
        .hasSize(2)
        .allSatisfy(counters -> {
          assertThat(count(counters, 4)).as(counters.group()).isPositive();
          assertThat(count(counters, 2) + count(counters, 3) + count(counters, 5))
              .as(counters.group())
              .isPositive();
        });
  }

  private static long count(MatchResult counters, int group) {
    return Long.parseLong(counters.group(group));
  }
}
