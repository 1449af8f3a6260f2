/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Guests whose TCP is not Linux's but a small one, played by a script: windows of one segment and a
 * few, and the same first number each time. What Linux as the far end makes of the same guest is
 * measured in the same run.
 */
@Tag("alone")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SmallStacksTest {
  private static final int PROXY = 9150, SEGMENT = 1460, BYTES = 30_000;
  private static final Duration SOON = Duration.ofSeconds(40), LONG = Duration.ofMinutes(4);
  private static final String SCRIPT =
      Machine.PROJECT + "/e2e/src/test/resources/org/torvtl/e2e/small_stack.py";

  /** Besides what the start of the connection takes: one delayed acknowledgment at its end. */
  private static final double SLACK_SECONDS = 0.5;

  /** How much longer than with Linux a transfer may take: both are a matter of milliseconds. */
  private static final double RATIO = 3;

  /** A source without a proxy: sends as many bytes as the first line says. */
  private static final String LINUX =
      """
      import socket
      listener = socket.create_server(('203.0.113.7', 1001))
      print('listening', flush=True)
      while True:
        connection, _ = listener.accept()
        with connection:
          connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
          connection.sendall(bytes(int(connection.makefile().readline())))
      """;

  private Machine machine;
  private RunningCommand world;
  private Gateway gateway;
  private NetworkNamespace small;
  private NetworkNamespace linux;

  @SuppressWarnings("NullAway.Init") // by boot()
  SmallStacksTest() {}

  @BeforeAll
  void boot() throws Exception {
    machine = Machine.boot();
    world = TransferWorld.on(machine, PROXY);
    gateway =
        Gateway.start(machine, "tap0", "-v", "--no-offload", "-a", "127.0.0.1", "-p", "" + PROXY);
    small = new NetworkNamespace(machine, "small");
    linux = new NetworkNamespace(machine, "linux");
    machine.script(
        """
        ip link set tap0 netns small up
        ip link add cable0 netns small type veth peer name eth0 netns linux
        ip -n small link set cable0 up
        ip -n linux link set eth0 gso_max_segs 1
        ip -n linux link set eth0 up
        ip -n linux address add 203.0.113.7/32 dev lo
        ip -n linux route add 10.0.0.0/24 dev eth0
        """);
    linux.start(List.of("python3", "-c", LINUX)).awaitLine("listening", SOON);
  }

  @AfterAll
  void shutDown() throws Exception {
    assertThat(gateway.stop(Signal.TERM).toString()).doesNotContain("drop.failed", "flow.failed");
    world.close();
    machine.close();
  }

  /** Seconds, by window. */
  private Map<Integer, Double> fetch(String device, int port, List<String> runs, boolean isOurs)
      throws Exception {
    var command =
        new ArrayList<>(
            List.of(
                "python3",
                SCRIPT,
                device,
                "10.0.0.2",
                TransferWorld.ADDRESS,
                "" + TransferWorld.SOURCE,
                "" + BYTES,
                "" + BYTES,
                "" + port));
    command.addAll(runs);
    var result = small.start(command).await(LONG).orThrow();
    var seconds = new TreeMap<Integer, Double>();
    for (var line : result.out().lines().toList()) {
      var words = line.split(" ", -1);
      seconds.merge(Integer.valueOf(words[0]), Double.valueOf(words[2]), Double::sum);
      if (isOurs) {
        assertThat(words[3]).isEqualTo(TransferWorld.digest(BYTES));
      }
    }
    return seconds;
  }

  /** One of 1,460 to 2,000 bytes got 7 kB/s: 4 s for these. */
  @ParameterizedTest
  @ValueSource(strings = {"each", "second", "update"})
  void smallWindowsAreAsFastAsWithLinux(String acknowledgments) throws Exception {
    var runs =
        IntStream.rangeClosed(4, 16)
            .mapToObj(quarters -> quarters * SEGMENT / 4 + ":" + acknowledgments)
            .toList();
    int port = 20_000 + 100 * acknowledgments.charAt(0);
    var theirs = fetch("cable0", port, runs, false);
    var ours = fetch("tap0", port, runs, true);
    assertThat(ours).hasSameSizeAs(theirs);
    ours.forEach((window, seconds) ->
        assertThat(seconds)
            .as("window %d: ours %s, Linux's %s", window, ours, theirs)
            .isLessThan(RATIO * theirs.getOrDefault(window, 0.0) + SLACK_SECONDS));
  }

  /** As lwIP begins in each process. The second got no answer for 60 s. */
  @Test
  void oneThatBeginsAtTheSameNumberEachTimeGetsThrough() throws Exception {
    var runs = List.of("4380:again", "4380:again", "4380:again");
    assertThat(fetch("tap0", 30_000, runs, true).get(4380)).isLessThan(10);
  }
}
