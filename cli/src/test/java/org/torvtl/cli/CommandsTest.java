/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.host.user.Privileges;

/**
 * What each command says, where, and its exit status, as far as it changes nothing: the program
 * itself is run by e2e's UsageTest.
 */
@Timeout(60)
class CommandsTest {
  private final StringWriter out = new StringWriter(), err = new StringWriter();

  private int torvtl(String line) {
    return Torvtl.execute(new PrintWriter(out), new PrintWriter(err), line.split(" "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "tap",
        "tap create",
        "tap delete",
        "lab",
        "lab up",
        "lab down",
        "lab status",
        "doctor",
        "demo",
        "onion",
        "onion proxy",
        "onion route",
        "onion route up",
        "onion route down",
        "onion demo",
        "onion router",
        "generate-completion",
        "help"
      })
  void helpIsItsUsageOnStandardOutput(String command) {
    assertThat(torvtl(command + " --help")).isZero();
    assertThat(out.toString()).startsWith("Usage: torvtl " + command).endsWith("\n");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void theProgramsHelpNamesEachCommand() {
    assertThat(torvtl("--help")).isZero();
    assertThat(out.toString())
        .startsWith("Usage: torvtl ")
        .contains("  run ", "  tap ", "  lab ", "  doctor ", "  demo ", "  onion ", "  help ")
        .contains("Exit status: 0 success, 1 failure");
    assertThat(err.toString()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"lab up", "onion route down", "run"})
  void helpOfWordsIsHelpOfTheCommand(String command) {
    assertThat(torvtl(command + " --help")).isZero();
    var usage = out.toString();
    out.getBuffer().setLength(0);
    assertThat(torvtl("help " + command)).isZero();
    assertThat(out.toString()).isEqualTo(usage);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--version", "run --version", "onion route up --version"})
  void theVersionIsOnStandardOutput(String line) {
    assertThat(torvtl(line)).isZero();
    assertThat(out.toString()).startsWith("torvtl ").contains("Java ");
    assertThat(err.toString()).isEmpty();
  }

  /** One line says what is wrong, and what follows how it is right. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run | torvtl run: where are the guests? say -d DEV, or -r DEV -t DEV, or --tun DEV",
        "run -r tap7 | torvtl run: -r says where to receive; -t DEV must say where to send",
        "run -d tap7 --tun tun7 | torvtl run: --tun is a device by itself: leave out -d, -r and -t",
        "run -d tap7 --route 18.0.0.0/8 | torvtl run: --route leads into a TUN: say --tun DEV",
        "run -d tap7 -a 127.0.0.1 -p 1 --torrc x | torvtl run: --torrc is for torvtl's own tor",
        "run -d tap7 --pcap-overwrite | torvtl run: --pcap-overwrite is for --pcap FILE",
        "tap | torvtl tap: say 'create' or 'delete'",
        "tap create | torvtl tap create: Missing required parameter: 'NAME'",
        "tap delete a/b | torvtl tap delete: NAME: 'a/b' cannot be the name of a network interface",
        "lab | torvtl lab: say 'up', 'down' or 'status'",
        "lab up --relays -1 | torvtl lab up: --relays is from 0 to 97, not -1",
        "lab down --name .. | torvtl lab down: --name: not a lab's name: '..'",
        "lab status now | torvtl lab status: 'now' belongs to no option",
        "doctor -a 127.0.0.1 | torvtl doctor: Missing required argument(s): --proxy-port=PORT",
        "doctor -d a/b | torvtl doctor: -d: 'a/b' cannot be the name of a network interface",
        "demo --no-such-option | torvtl demo: there is no option '--no-such-option'",
        "onion | torvtl onion: say 'proxy', 'route' or 'demo'",
        "onion demo now | torvtl onion demo: 'now' belongs to no option",
        "onion proxy --routers 65 | torvtl onion proxy: --routers is from 1 to 64, not 65",
        "onion route | torvtl onion route: say 'up' or 'down'",
        "onion route down | torvtl onion route down: Missing required options",
        "onion route up --from 192.0.2.1 --to default --dev tun1 | torvtl onion route up: --to cannot be everything",
        "help nothing | torvtl help: torvtl has no command 'nothing'",
        "runn | torvtl: there is no command 'runn'"
      })
  void wrongUsageIsStatusTwo(String line, String message) {
    assertThat(torvtl(line)).isEqualTo(2);
    assertThat(err.toString()).startsWith(message);
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void aCommandThatIsMisspeltIsNamed() {
    assertThat(torvtl("runn")).isEqualTo(2);
    assertThat(err.toString()).contains("did you mean: torvtl run?");
  }

  /** A failure is one line on standard error, and nothing on standard output. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tap delete torvtl-none0 | torvtl: cannot delete torvtl-none0: there is no such interface",
        "tap create torvtl-none0 --user torvtl-none | torvtl: --user: there is no user 'torvtl-none'",
        "lab status --name torvtl-none | torvtl: there is no lab named torvtl-none"
      })
  void aFailureIsStatusOneAndOneLine(String line, String message) {
    assertThat(torvtl(line)).isEqualTo(1);
    assertThat(err.toString()).startsWith(message).hasLineCount(1);
    assertThat(out.toString()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run -d torvtl-none0 --user torvtl-none | torvtl: cannot become user torvtl-none: no such user (name another by --user)",
        "onion route up --from 192.0.2.77 --to 198.51.100.0/24 --dev torvtl-none0 | torvtl: cannot route from 192.0.2.77: this host has no such address (ip addr shows those it has)"
      })
  void rootsFailureIsStatusOneAndOneLine(String line, String message) {
    assumeTrue(Privileges.isRoot(), "any other user is told that it is not root");
    assertThat(torvtl(line)).isEqualTo(1);
    assertThat(err.toString()).isEqualTo(message + System.lineSeparator());
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void theCompletionIsAScript() {
    assertThat(torvtl("generate-completion")).isZero();
    assertThat(out.toString()).startsWith("#!").contains("complete -F _complete_torvtl");
  }
}
