/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The onion network, stage 2: ping into the tunnel's network. */
@Execution(ExecutionMode.CONCURRENT)
class OnionTrafficTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final int LARGEST = 1500 - 28;

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

  @Test
  void theLogsTellAPacketsWholeWay() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "3")) {
      var ping = machine.script("ping -n -c 1 -W 5 10.5.51.9").out();
      assertThat(ping).contains("64 bytes from 10.5.51.9: icmp_seq=1");
      var there = line(proxy, "echo request 10.5.51.2 > 10.5.51.9 id ", "from tun1; to router ");
      var id = group(there, "id (\\d+) seq 1, 84 bytes");
      int router = Integer.parseInt(group(there, "to router (\\d+)"));
      assertThat(proxy.log(router))
          .anyMatch(line ->
              line.contains("echo request 10.5.51.2 > 10.5.51.9 id " + id + " seq 1, 84 bytes")
                  && line.endsWith("from the proxy; answered"));
      line(
          proxy,
          "echo reply 10.5.51.9 > 10.5.51.2 id " + id + " seq 1, 84 bytes",
          "from router " + router,
          "to tun1");
    }
  }

  private static String line(OnionProxy proxy, String... parts) throws Exception {
    return Waiting.forValue(
        "a line in the proxy's log with " + String.join(" and ", parts),
        Duration.ofSeconds(10),
        () ->
            proxy.log().stream()
                .filter(line -> java.util.Arrays.stream(parts).allMatch(line::contains))
                .findFirst());
  }

  private static String group(String text, String pattern) {
    var matcher = Pattern.compile(pattern).matcher(text);
    assertThat(matcher.find()).as("%s in %s", pattern, text).isTrue();
    return matcher.group(1);
  }

  /** ping itself compares payload, identifier and sequence number. */
  @Test
  void payloadIsRightAtEverySizeUpToTheMtu() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "2")) {
      var result =
          machine
              .run(
                  DEADLINE,
                  "bash",
                  "-uc",
                  """
                  for ((size = 0; size <= $1; size += 1 + size / 64)); do sizes+=($size); done
                  for size in "${sizes[@]}" $1; do
                    ping -n -c 2 -i 0.002 -W 5 -s $size -p a5 10.5.51.$((size % 100 + 100)) >/tmp/ping ||
                      echo "no answer: $size"
                    grep -E 'wrong|differ|DUP|truncated' /tmp/ping
                    grep -q " $((size + 8)) bytes from\\|^$((size + 8)) bytes from" /tmp/ping ||
                      echo "wrong length: $size"
                  done
                  echo "${#sizes[@]} sizes"
                  """,
                  "bash",
                  Integer.toString(LARGEST))
              .orThrow();
      assertThat(result.line()).matches("\\d{2,} sizes");
      assertThat(proxy.log()).noneMatch(line -> line.contains("dropped"));
    }
  }

  private static boolean isComplete(String summary) {
    return summary.contains("200 packets transmitted, 200 received, 0% packet loss");
  }

  /** What each of thirty floods of pings side by side has come to. */
  private List<String> flood() throws Exception {
    return machine
        .run(
            DEADLINE,
            "bash",
            "-uc",
            """
            for i in {1..30}; do
              ping -q -n -f -c 200 -W 10 -s $((i * 45)) 10.5.51.$((i + 50)) >/tmp/ping.$i &
            done
            wait
            cat /tmp/ping.*
            """)
        .orThrow()
        .out()
        .lines()
        .filter(line -> line.contains(" packets transmitted"))
        .toList();
  }

  @Test
  @Tag("alone")
  void aFloodOfParallelPingsLosesNone() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "3")) {
      // A queue of the kernel may overflow while a busy machine does not run who reads it.
      var replies = flood();
      for (int i = 0; i < 2 && !replies.stream().allMatch(OnionTrafficTest::isComplete); i++) {
        replies = flood();
      }
      assertThat(replies).hasSize(30).allMatch(OnionTrafficTest::isComplete);
      for (int router = 1; router <= 3; router++) {
        assertThat(proxy.log(router))
            .as("the flows are spread")
            .anyMatch(line -> line.endsWith("answered"));
      }
    }
  }

  /** As in the seed: the device and its address are made by hand. */
  @Test
  void aDeviceThatIsThereIsUsedAndStays() throws Exception {
    machine.script("ip tuntap add dev tun1 mode tun; ifconfig tun1 10.6.52.3/24 up");
    try (var proxy = OnionProxy.start(machine, "--routers", "1")) {
      assertThat(machine.script("ping -n -c 1 -W 5 10.6.52.200").out())
          .contains("64 bytes from 10.6.52.200");
      proxy.stop(Signal.INT);
    }
    assertThat(machine.script("ip -o -4 addr show dev tun1").out()).contains("10.6.52.3/24");
  }

  @Test
  void whatTheHostGetsOrLosesLaterIsNoticed() throws Exception {
    machine.script(
        """
        for i in 0 1 2; do
          ip link add eth$i type veth peer name far$i
          ip link set far$i up
          ip addr add 192.168.20$i.2/24 dev eth$i
          ip link set eth$i up
        done
        """);
    try (var proxy =
        OnionProxy.start(
            machine,
            "--routers",
            "2",
            "--router-interface",
            "eth1",
            "--router-interface",
            "eth2")) {
      machine.script("ip addr add 192.168.200.77/24 dev eth0");
      assertThat(machine.script("ping -n -c 1 -W 5 -I 192.168.200.77 10.5.51.9").out())
          .contains("64 bytes from 10.5.51.9");
      machine.script("ip link delete eth2");
      proxy.command().awaitLine("torvtl: router 2 (process ", Duration.ofSeconds(10));
      assertThat(proxy.command().output()).contains("has no way to the world any more");
      // And the device itself.
      machine.script("ip link delete tun1");
      var result = proxy.await();
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err()).contains("tun1");
    }
  }

  @Test
  void whatIsNotCarriedIsRefusedAndCounted() throws Exception {
    try (var proxy = OnionProxy.start(machine, "--routers", "1")) {
      var tcp = machine.run(DEADLINE, "nc", "-v", "-w", "5", "10.5.51.9", "80");
      assertThat(tcp.exitStatus()).isEqualTo(1);
      assertThat(tcp.took()).isLessThan(Duration.ofSeconds(4));
      // Another host's address, which the kernel lets out of this one by force.
      machine.script(
          "ip addr add 192.0.2.77/32 dev lo; ping -n -c 1 -W 1 -I 192.0.2.77 10.5.51.9 || :");
      proxy.stop(Signal.TERM);
      assertThat(proxy.log().getLast()).isNotEmpty();
      assertThat(String.join("\n", proxy.log())).contains("drop.spoofed=1");
      assertThat(String.join("\n", proxy.log(1))).contains("drop.protocol=");
    }
  }
}
