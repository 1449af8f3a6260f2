/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line where no Tor network is needed: help, usage, errors, TAP devices. */
class UsageTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  /** What, to what, why, and what to do: one line, and no stack trace. */
  private static final String ONE_LINE = "[^\\n]{20,300}";

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private static Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Traces before;

  @BeforeAll
  static void boot() throws Exception {
    machine = Machine.boot();
  }

  @AfterAll
  static void powerOff() throws Exception {
    machine.close();
  }

  @BeforeEach
  void look() throws Exception {
    before = machine.traces();
  }

  /** Whatever it was told, it left nothing. */
  @AfterEach
  void lookAgain() throws Exception {
    assertThat(machine.traces().since(before)).isEmpty();
  }

  private static CommandResult torvtl(String... arguments) throws Exception {
    return machine.start(Machine.torvtl(arguments)).await(DEADLINE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "--version",
        "run --help",
        "tap --help",
        "tap create --help",
        "tap delete --help",
        "lab --help",
        "lab up --help",
        "lab down --help",
        "lab status --help",
        "demo --help",
        "onion --help",
        "onion proxy --help",
        "onion route --help",
        "onion route up --help",
        "onion route down --help"
      })
  void helpIsEverywhere(String arguments) throws Exception {
    var result = torvtl(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isZero();
    assertThat(result.out()).isNotBlank();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--version",
        "run --version",
        "run -V",
        "tap create --version",
        "lab -V",
        "lab up --version",
        "doctor -V",
        "demo --version",
        "help --version",
        "onion route up --version"
      })
  void theVersionIsEverywhere(String arguments) throws Exception {
    var result = torvtl(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isZero();
    assertThat(result.out()).startsWith("torvtl ").contains("Java ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "lab", "lab up", "onion route down", "tap create"})
  void helpIsThatOfTheCommandAskedFor(String command) throws Exception {
    var words = ("help " + command).split(" ");
    assertThat(torvtl(words).out())
        .isEqualTo(torvtl((command + " --help").split(" ")).out())
        .startsWith("Usage: torvtl " + command + " ");
  }

  @Test
  void helpIsAskedOfWhatThereIsNot() throws Exception {
    var result = torvtl("help", "lab", "upp");
    assertThat(result.exitStatus()).isEqualTo(2);
    assertThat(result.err()).contains("torvtl lab has no command 'upp'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "run --no-such-option",
        "run -d tap7 -p many",
        "run -d tap7 -a 127.0.0.1 -p 70000",
        "run -d tap7 -a 127.0.0.1 -p 9050 --lanes 0",
        "run -d tap7 -a 127.0.0.1 -p 9050 --lanes 17",
        "run -d tap7 -d tap8 -d tap7 -a 127.0.0.1 -p 9050",
        "run -d tap7 -d tap8 -d tap9 -a 127.0.0.1 -p 9050 --lanes 11",
        "run -d tap7 -d tap8 -a 127.0.0.1 -p 9050 --pcap -",
        "run -r tap7 -t br0 -a 127.0.0.1 -p 9050 --lanes 2",
        "run -d tap7 -a unix:/run/tor/socks -p 9050",
        "run -d tap7 -a unix:",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap-overwrite",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap-size 2M",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap /tmp/x --pcap-size 100K",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap /tmp/x --pcap-size much",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap - --lanes 2",
        "run -d tap7 -a 127.0.0.1 -p 9050 --pcap - --pcap-overwrite",
        "no-such-command",
        "tap create",
        "lab status --no-such-option",
        "onion",
        "onion proxy --routers 0",
        "onion proxy --address 10.5.51.2/40",
        "onion proxy --routers 3 --dev tun7 --address 10.5.51.2/30",
        "onion route up --from 10.0.0.1 --to 18.0.0.0/8",
        "onion route up --from 10.0.0.1 --to 18.0.0.0/8 --dev tun1 --table 254"
      })
  void wrongUsageIsStatusTwo(String arguments) throws Exception {
    var result = torvtl(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(2);
    assertThat(result.err()).startsWith("torvtl");
  }

  /** So that it is not scrolled out of sight; and of the command that was asked for. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run tap7 | torvtl run: 'tap7' belongs to no option",
        "run -d tap7 -a 127.0.0.1 | torvtl run: Missing required argument(s): --proxy-port=PORT",
        "lab up --socks-port 70000 | torvtl lab up: 70000 is no TCP port"
      })
  void wrongUsageIsTwoLines(String arguments, String message) throws Exception {
    var lines = torvtl(arguments.split(" ")).err().lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.getFirst()).startsWith(message);
    assertThat(lines.getLast())
        .isEqualTo("see: " + message.substring(0, message.indexOf(':')) + " --help");
  }

  @Test
  void aUnixSocketThatCannotBeReachedIsOneLine() throws Exception {
    var result = torvtl("run", "-d", "tap7", "-a", "unix:/run/no/socks");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("unix:/run/no/socks");
  }

  /** Nobody can tell whose the connections would be. */
  @Test
  void aPortWhereNoProcessAcceptsIsOneLine() throws Exception {
    try (var server =
        machine.start(
            List.of(
                "/usr/bin/python3",
                "-u",
                "-c",
                "import socket, time; s = socket.create_server(('127.0.0.1', 9999)); print('up');"
                    + " time.sleep(60)"))) {
      server.awaitLine("up", DEADLINE);
      var result = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "9999");
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip()).matches(ONE_LINE).contains("127.0.0.1:9999", "accepts");
    }
  }

  @Test
  void aProxyThatCannotBeReachedIsOneLine() throws Exception {
    var result = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "1");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("127.0.0.1:1");
  }

  @Test
  void aDeviceThatIsNoTapIsOneLine() throws Exception {
    var result = torvtl("run", "-d", "lo", "-a", "127.0.0.1", "-p", "1");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("lo");
  }

  @Test
  void withoutTheCapabilityItIsOneLine() throws Exception {
    var result =
        withWrapper(
            List.of("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"),
            "tap",
            "create",
            "tap7");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip())
        .matches(ONE_LINE)
        .contains("tap7")
        .contains("Operation not permitted")
        .contains("CAP_NET_ADMIN");
  }

  @Test
  void aUserThatIsNotThereIsOneLine() throws Exception {
    var result =
        torvtl("run", "-d", "tap7", "--user", "no-such-user", "-a", "127.0.0.1", "-p", "1");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("no-such-user").contains("--user");
  }

  /** It does not go on as root. */
  @ParameterizedTest
  @ValueSource(strings = {"setuid", "setgid"})
  void rootThatCannotBeGivenAwayIsOneLine(String missing) throws Exception {
    var result =
        withWrapper(
            List.of("setpriv", "--bounding-set=-" + missing, "--inh-caps=-" + missing),
            "run",
            "-d",
            "tap7",
            "-a",
            "127.0.0.1",
            "-p",
            "1");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip())
        .matches(ONE_LINE)
        .contains("Operation not permitted")
        .contains("CAP_SETUID")
        .contains("--user root");
  }

  /** A PATH with everything on it but tor. */
  @Test
  void withoutTorItIsOneLine() throws Exception {
    machine.script(
        """
        mkdir /tmp/path
        for folder in /usr/bin /bin /usr/sbin /sbin; do
          for program in "$folder"/*; do
            name=${program##*/}
            [ "$name" = tor ] || [ -e /tmp/path/"$name" ] || ln -s "$program" /tmp/path/"$name"
          done
        done
        """);
    try {
      var result = withWrapper(List.of("env", "PATH=/tmp/path"), "run", "-d", "tap7");
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip()).matches(ONE_LINE).contains("tor").contains("install");
    } finally {
      machine.script("rm -r /tmp/path");
    }
  }

  private static CommandResult withWrapper(List<String> wrapper, String... arguments)
      throws Exception {
    var command = new ArrayList<>(wrapper);
    command.addAll(Machine.torvtl(arguments));
    return machine.start(command).await(DEADLINE);
  }

  @Test
  void aTapDeviceIsCreatedAndStays() throws Exception {
    assertThat(torvtl("tap", "create", "tap7").exitStatus()).isZero();
    var device = machine.script("ip -d -o link show dev tap7").line();
    assertThat(device)
        .contains("tun type tap")
        .contains("persist on")
        .containsPattern("[<,]UP[,>]");

    var deleted = torvtl("tap", "delete", "tap7");
    assertThat(deleted.exitStatus()).as("%s", deleted).isZero();
    assertThat(machine.script("ip -o link show").out()).doesNotContain("tap7");
  }

  @Test
  void aTapDeviceForSeveralLanesIsForThoseOnly() throws Exception {
    assertThat(torvtl("tap", "create", "tap7", "--multi-queue").exitStatus()).isZero();
    assertThat(machine.script("ip -d -o link show dev tap7").line())
        .contains("tun type tap", "multi_queue", "persist on")
        .containsPattern("[<,]UP[,>]");
    var one = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "1");
    assertThat(one.exitStatus()).as("%s", one).isEqualTo(1);
    assertThat(one.err().strip()).matches(ONE_LINE).contains("made for several queues");
    // As far as to the proxy, which is not there.
    var two = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "1", "--lanes", "2");
    assertThat(two.err().strip()).matches(ONE_LINE).contains("127.0.0.1:1");
    assertThat(torvtl("tap", "delete", "tap7").exitStatus()).isZero();
  }

  @Test
  void aTapDeviceForOneLaneIsNoneForTwo() throws Exception {
    assertThat(torvtl("tap", "create", "tap7").exitStatus()).isZero();
    var result = torvtl("run", "-d", "tap7", "-a", "127.0.0.1", "-p", "1", "--lanes", "2");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("tap7", "multi_queue");
    assertThat(torvtl("tap", "delete", "tap7").exitStatus()).isZero();
  }

  /** Without the program, the kernel would take connections apart. */
  @Test
  void lanesThatCannotBeSharedOutAreRefused() throws Exception {
    assumeThat(machine.script("cat /proc/sys/kernel/unprivileged_bpf_disabled").line())
        .as("anybody may load programs here")
        .isNotEqualTo("0");
    var result =
        withWrapper(
            List.of("setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin"),
            "run",
            "-d",
            "tap7",
            "-a",
            "127.0.0.1",
            "-p",
            "1",
            "--lanes",
            "2");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip())
        .matches(ONE_LINE)
        .contains("Operation not permitted", "CAP_BPF", "queues");
  }

  /** As in the seed. */
  @Test
  void makeTap1MakesTheDevice() throws Exception {
    DemoTest.builtIsUpToDate();
    var made =
        machine
            .start(List.of("make", "--no-print-directory", "-C", Machine.PROJECT, "tap1"))
            .await(DEADLINE);
    assertThat(made.exitStatus()).as("%s", made).isZero();
    assertThat(machine.script("ip -d -o link show dev tap1").line())
        .contains("tun type tap", "persist on");
    assertThat(torvtl("tap", "delete", "tap1").exitStatus()).isZero();
  }

  @Test
  void aTapDeviceThatIsNotThereCannotBeDeleted() throws Exception {
    var result = torvtl("tap", "delete", "tap8");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("tap8");
  }

  @Test
  void aNameTheKernelCannotTakeIsRefused() throws Exception {
    var result = torvtl("tap", "create", "a-name-of-sixteen");
    assertThat(result.exitStatus()).as("%s", result).isIn(1, 2);
    assertThat(result.err()).contains("a-name-of-sixteen");
  }

  @Test
  void theLabThatIsNotUpHasNoStatus() throws Exception {
    var result = torvtl("lab", "status", "--name", "nowhere");
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains("nowhere");
  }
}
