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
  @CsvSource({
    "run --devise tap0, there is no option '--devise', --device",
    "run --adress 10.0.0.1, there is no option '--adress', --address",
    "run --prox 1, there is no option '--prox', --proxy-address or --proxy-port",
    "rnu, there is no command 'rnu', torvtl run",
    "lab upp, there is no command 'upp', torvtl lab up"
  })
  void namesWhatMayHaveBeenMeant(String arguments, String wrong, String meant) throws Exception {
    var result = torvtl(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(2);
    assertThat(result.err().lines().toList())
        .hasSize(3)
        .satisfies(lines -> assertThat(lines.getFirst()).endsWith(": " + wrong))
        .contains("did you mean: " + meant + "?");
  }

  @Test
  void namesNothingThatIsNotMeant() throws Exception {
    assertThat(torvtl("run", "--foo").err().lines())
        .containsExactly("torvtl run: there is no option '--foo'", "see: torvtl run --help");
  }

  @Test
  void theUsageOfRunBeginsWithWhatIsNeeded() throws Exception {
    assertThat(torvtl("run", "--help").out().lines().toList())
        .startsWith(
            "Usage: torvtl run -d DEV [-d DEV]... [-a ADDR -p PORT | -a unix:PATH] [OPTION]...");
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
        "lab up --socks-port 70000 | torvtl lab up: Invalid value for option '--socks-port': '70000' is not a TCP port (0 to 65535)",
        "run -d tap7 -a 127.0.0.1 -p x | torvtl run: Invalid value for option '--proxy-port': 'x' is not a TCP port (1 to 65535)",
        "run -d tap7 -a ::1 -p 0 | torvtl run: Invalid value for option '--proxy-port': '0' is not a TCP port (1 to 65535)",
        "doctor -a 127.0.0.1 -p many | torvtl doctor: Invalid value for option '--proxy-port': 'many' is not a TCP port (1 to 65535)",
        "run -d tap7 -a localhostx -p 1 | torvtl run: -a: 'localhostx' is not an IP address",
        "run -d tap7 --lanes x | torvtl run: Invalid value for option '--lanes': 'x' is not a whole number",
        "run -d tap7 --address 10.0.0.1/8 | torvtl run: --address: '10.0.0.1/8' is not an IPv4 address, such as 10.0.0.1",
        "run -d tap7 --address 127.0.0.1 | torvtl run: --address: 127.0.0.1 is no address a host can have on a link",
        "run -d a/b | torvtl run: -d: 'a/b' cannot be the name of a network interface",
        "run -r a/b -t c | torvtl run: -r: 'a/b' cannot be the name of a network interface",
        "run --tun tun7 --route x | torvtl run: --route: 'x' is no destination, such as 203.0.113.0/24",
        "run --tun tun7 --route 1.2.3.4/8 | torvtl run: --route: '1.2.3.4/8' has bits behind the first 8 (say 1.0.0.0/8)",
        "run -d tap7 --pcap /tmp/x --pcap-size x | torvtl run: --pcap-size: 'x' is no size, such as 100M",
        "tap create a/b | torvtl tap create: NAME: 'a/b' cannot be the name of a network interface",
        "lab up --relays x | torvtl lab up: Invalid value for option '--relays': 'x' is not a whole number",
        "lab up --relays 1000 | torvtl lab up: --relays is from 0 to ",
        "lab up --name .. | torvtl lab up: --name: not a lab's name: '..'",
        "onion proxy --routers 65 | torvtl onion proxy: --routers is from 1 to 64, not 65",
        "onion proxy --address x | torvtl onion proxy: --address: 'x' is not an IPv4 address and the length of its prefix",
        "onion proxy --router-interface lo=x | torvtl onion proxy: --router-interface: 'x' is not an IPv4 address",
        "onion route up --from x --to 18.0.0.0/8 --dev tun1 | torvtl onion route up: --from: 'x' is not an IPv4 address, such as",
        "onion route up --from 10.0.0.1 --to x --dev tun1 | torvtl onion route up: --to: 'x' is no destination, such as",
        "onion route up --from 10.0.0.1 --to 18.0.0.0/8 --dev tun1 --table x | torvtl onion route up: Invalid value for option '--table': 'x' is not a whole number",
        "onion route up --from 10.0.0.1 --to 18.0.0.0/8 --dev tun1 --table 254 | torvtl onion route up: --table 254 is a table of the kernel's own"
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

  /** Each was called another cause's name before: a program that is attached, a missing address. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tap delete lo | not a TAP",
        "tap create lo --multi-queue | not a TAP",
        "run --tun lo --lanes 2 -a 127.0.0.1 -p 1 | not a TUN",
        "onion proxy --router-interface nosuch | there is no such interface",
        "onion proxy --log-dir /proc/x | no such file or folder"
      })
  void whatCannotBeUsedIsCalledWhatItIs(String arguments, String cause) throws Exception {
    var result = torvtl(arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains(cause).doesNotContain("attached");
  }

  private static final List<String> AS_NOBODY =
      List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lab up | cannot make network namespaces: not root (run it as root)",
        "onion route down --from 10.0.0.1 --to 18.0.0.0/8 --dev tun1 | CAP_NET_ADMIN is missing (run as root)"
      })
  void withoutRootItIsOneLine(String arguments, String cause) throws Exception {
    openHome();
    var result = withWrapper(AS_NOBODY, arguments.split(" "));
    assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
    assertThat(result.err().strip()).matches(ONE_LINE).contains(cause);
  }

  /** Capabilities do not open a file. */
  @Test
  void theDriversFileThatIsClosedIsOneLine() throws Exception {
    openHome();
    machine.script(
        """
        mknod -m 600 /run/tun c 10 200
        mount --bind /run/tun /dev/net/tun
        """);
    try {
      var capable = new ArrayList<>(AS_NOBODY);
      capable.addAll(
          List.of("--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"));
      var result = withWrapper(capable, "tap", "create", "tap7");
      assertThat(result.exitStatus()).as("%s", result).isEqualTo(1);
      assertThat(result.err().strip())
          .matches(ONE_LINE)
          .contains("/dev/net/tun: Permission denied", "mode 0666");
      var doctor = withWrapper(capable, "doctor");
      assertThat(doctor.out())
          .contains("problem  TUN device: cannot open /dev/net/tun: Permission denied")
          .contains("fix: the file is closed to this user");
    } finally {
      machine.script("umount /dev/net/tun; rm /run/tun");
    }
  }

  /** Others than root may run the program: it is root's home. */
  private static void openHome() throws Exception {
    machine.script("chmod 755 \"$1\"", Machine.HOME);
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
