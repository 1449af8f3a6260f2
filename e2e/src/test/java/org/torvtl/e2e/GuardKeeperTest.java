/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The process that keeps CAP_NET_ADMIN for the gateway, asked by a program that has taken the
 * gateway over: it changes nothing but the guard's own table, and that only in the guard's ways.
 */
class GuardKeeperTest {
  /** What the keeper takes, so that a refusal is of the one statement that is put behind it. */
  private static final String FINE =
      """
      add table netdev torvtl_guard_br0
      add chain netdev torvtl_guard_br0 ingress_1_0a { type filter hook ingress device "lo" priority -500; }
      add rule netdev torvtl_guard_br0 ingress_1_0a drop
      """;

  private static final String MEMBER = "member 1\n";

  private static final String KEEPER =
      Machine.PROJECT + "/link/src/main/resources/org/torvtl/link/guard/keeper.sh";

  /** What the keeper is told first: marks, the gateway's MAC address, the gateway's devices. */
  private static final String SECRETS = "0x80000001 0x40000002\n02:54:6f:72:56:4c\n%s\n";

  /** Starts a keeper, for {@code tell}, which tells it something and waits for a line. */
  private static final String CONVERSATION =
      """
      coproc sh "$1" torvtl_guard_br0
      process=$COPROC_PID
      tell() { printf %s "$1" >&"${COPROC[1]}"; IFS= read -r answer <&"${COPROC[0]}"; echo "$answer"; }
      finish() { printf %s "$1" >&"${COPROC[1]}"; wait "$process"; }
      isolation() { bridge -d link show dev "$1" | grep -o 'isolated o[nf]*'; }
      """;

  @SuppressWarnings("NullAway.Init") // @BeforeEach
  private Machine machine;

  @BeforeEach
  void boot() throws Exception {
    machine = Machine.boot();
    machine.script("nft add table inet firewall");
  }

  @AfterEach
  void powerOff() throws Exception {
    machine.close();
  }

  static List<String> refused() {
    String table = "torvtl_guard_br0";
    return List.of(
        "flush ruleset",
        "delete table inet firewall",
        "add table ip " + table,
        "add table netdev %s; flush ruleset".formatted(table),
        "add table netdev %s { }".formatted(table),
        "include \"/etc/shadow\"",
        "add chain inet %s over { type nat hook prerouting priority -500; }".formatted(table),
        "add chain inet %s over { type filter hook forward priority -500; policy drop; }"
            .formatted(table),
        "add chain netdev %s ingress_1_0b { type filter hook ingress devices = { lo } priority -500; }"
            .formatted(table),
        "add chain netdev %s ingress_1_0b { type filter hook ingress device \"lo\" priority -500; } ; flush ruleset ; { }"
            .formatted(table),
        "add rule inet %s over iifname { \"lo\" } accept".formatted(table),
        "add rule inet %s over iifname { \"lo\"; } drop".formatted(table),
        "add rule netdev %s ingress_1_0a dup to \"lo\"".formatted(table),
        "add rule netdev %s ingress_1_0a fwd to \"lo\"".formatted(table),
        "add rule netdev %s ingress_1_0a meta mark set 0x00000001".formatted(table),
        "add rule netdev %s ingress_1_0a accept".formatted(table),
        "add element netdev %s owned { 02:00:00:00:00:02 } ; flush ruleset".formatted(table),
        "delete set netdev %s macs_1 ; flush ruleset".formatted(table),
        // A mark that is not the gateway's.
        "add rule netdev %s ingress_1_0a meta mark != 0x80000002 drop".formatted(table),
        // Sets without a bound.
        "add set netdev %s macs_1 { type ether_addr; size 1000000; flags dynamic; }"
            .formatted(table),
        "member 1",
        "release macs_1");
  }

  static List<String> refusedPorts() {
    return List.of(
        "entry 1 self ; touch /tmp/taken",
        "entry 1 own",
        "guest 1 2",
        "member $(touch /tmp/taken)",
        "entry $(touch /tmp/taken) self",
        "ours 1",
        "isolate lo",
        "fine");
  }

  /** What makes all of the guard's tables anew. */
  private static final String ANEW =
      """
      add table netdev torvtl_guard_br0
      delete table netdev torvtl_guard_br0
      add table inet torvtl_guard_br0
      delete table inet torvtl_guard_br0
      add table arp torvtl_guard_br0
      delete table arp torvtl_guard_br0
      add table netdev torvtl_guard_br0
      """;

  private static String request(int number, String statements, String ports) {
    return "%-47s\n%s%s"
        .formatted(
            "transaction %d %d %d".formatted(number, statements.length(), ports.length()),
            statements,
            ports);
  }

  private static String request(int number, String word) {
    return "%-47s\n".formatted("%s %d 0 0".formatted(word, number));
  }

  /** What the keeper answers, and then its status, the tables and the files in /tmp. */
  private CommandResult tell(String devices, String... requests) throws Exception {
    return machine.script(
        """
        printf %s "$1" | sh "$2" torvtl_guard_br0
        echo "status $?"
        nft list tables
        ls /tmp
        """,
        SECRETS.formatted(devices) + String.join("", requests), KEEPER);
  }

  private CommandResult ask(String statements, String ports) throws Exception {
    return tell("1", request(1, statements, ports), request(2, "table"));
  }

  @ParameterizedTest
  @MethodSource
  void refused(String statement) throws Exception {
    assertThat(ask(FINE + statement + "\n", MEMBER).out().lines())
        .containsExactly("1 refused: " + statement, "2 none", "status 0", "table inet firewall");
  }

  @ParameterizedTest
  @MethodSource
  void refusedPorts(String line) throws Exception {
    assertThat(ask(FINE, MEMBER + line + "\n").out().lines())
        .containsExactly("1 refused: " + line, "2 none", "status 0", "table inet firewall");
  }

  @Test
  void itTakesWhatTheGuardWritesAndAnswersInOneLine() throws Exception {
    assertThat(ask(FINE, MEMBER).out().lines())
        .hasSize(5)
        .startsWith("1 ok")
        .contains("table inet firewall", "table netdev torvtl_guard_br0")
        .anyMatch(line -> line.startsWith("2 table netdev torvtl_guard_br0 { "));
    // What nft has to say of it is one line, too.
    assertThat(ask(FINE + "add rule netdev torvtl_guard_br0 nosuch_1 drop\n", MEMBER).out().lines())
        .anyMatch(line -> line.startsWith("1 failed: ") && line.contains("nosuch_1"))
        .anyMatch(line -> line.startsWith("2 table netdev torvtl_guard_br0 { "))
        .hasSize(5);
  }

  /** As when there is no memory, or no process may be made. */
  @ParameterizedTest
  @ValueSource(strings = {"grep", "awk", "ip", "tr"})
  void whatCannotBeLookedAtIsRefused(String program) throws Exception {
    machine.script(
        """
        printf '#!/bin/sh\\nexit 2\\n' >/tmp/failing
        chmod +x /tmp/failing
        mount --bind /tmp/failing "$(readlink -f "$(command -v "$1")")"
        """,
        program);
    assertThat(tell("1", request(1, FINE, MEMBER)).out().lines())
        .anyMatch(line -> line.startsWith("1 "))
        .doesNotContain("1 ok", "table netdev torvtl_guard_br0");
  }

  /** Numbers of interfaces that are still to come. */
  @Test
  void whatIsNotThereIsNoMember() throws Exception {
    makeBridges();
    var result =
        machine.script(
            """
            exec 3> >(sh "$1" torvtl_guard_br0 >/tmp/answers)
            keeper=$!
            printf %s "$2" >&3
            until [ -s /tmp/answers ]; do :; done
            ip link add name later index 90 type bridge
            printf %s "$3" >&3
            exec 3>&-
            wait "$keeper"
            cat /tmp/answers
            """,
            KEEPER,
            SECRETS.formatted("20")
                + request(1, "add table netdev torvtl_guard_br0\n", "member 90\nmember 21\n"),
            request(
                2,
                "add chain netdev torvtl_guard_br0 a_1 { type filter hook ingress device \"later\" priority -500; }\n",
                ""));
    assertThat(result.out().lines().toList().get(0)).isEqualTo("1 ok");
    assertThat(result.out().lines().toList().get(1)).startsWith("2 refused: add chain");
  }

  /** The guard's devices are gone with the gateway, or one of them is there under any name. */
  @Test
  void theTablesStayAsLongAsAnyOfTheirDevicesIsThere() throws Exception {
    assertThat(ask(FINE, MEMBER).out()).contains("table netdev torvtl_guard_br0\n");
    var gone = ask(FINE, "member 4711\n").out().lines().toList();
    assertThat(gone.subList(gone.indexOf("status 0"), gone.size()))
        .contains("table inet firewall")
        .doesNotContain("table netdev torvtl_guard_br0");
  }

  /**
   * A gateway that is killed while it is answered: the shell was killed by SIGPIPE, and the table
   * stayed.
   */
  @Test
  void theTablesOfDevicesThatAreGoneGoThoughNobodyReadsTheAnswers() throws Exception {
    var result =
        machine.script(
            """
            printf %s "$1" | sh "$2" torvtl_guard_br0 | true
            nft list tables
            """,
            SECRETS.formatted("1") + request(1, FINE, "member 4711\n") + request(2, "table"),
            KEEPER);
    assertThat(result.out()).contains("table inet firewall").doesNotContain("torvtl_guard_br0");
  }

  @Test
  void whatProgramsSayBesideDoesNotGetAnswersOutOfStep() throws Exception {
    machine.script("mount --bind /bin/false \"$(readlink -f \"$(command -v nft)\")\"");
    var result =
        machine.script(
            "printf %s \"$1\" | sh \"$2\" torvtl_guard_br0 2>&1",
            SECRETS.formatted("1")
                + request(1, "table")
                + request(2, "table")
                + request(3, FINE, MEMBER),
            KEEPER);
    assertThat(result.out().lines())
        .containsExactly(
            "1 failed: nftables does not tell of the table",
            "2 failed: nftables does not tell of the table",
            "3 failed: nftables gave no answer");
  }

  /** A bridge has index 20, its port 21; another 30 and 31; a macvlan 40. */
  private void makeBridges() throws Exception {
    machine.script(
        """
        for number in 2 3; do
          ip link add br$number index ${number}0 type bridge
          ip link add port$number index ${number}1 type veth peer name peer$number
          ip link set port$number master br$number
        done
        ip link add lower4 type veth peer name peer4
        ip link add macvlan4 link lower4 index 40 type macvlan
        """);
  }

  private static String table(String statement) {
    return "add table netdev torvtl_guard_br0\n"
        + "add table inet torvtl_guard_br0\n"
        + "add chain inet torvtl_guard_br0 heard { type filter hook prerouting priority -500; }\n"
        + statement
        + "\n";
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "20 | add chain netdev torvtl_guard_br0 a_1 { type filter hook ingress device \"port2\" priority -500; } | member 21 | ok",
        "40 | add rule inet torvtl_guard_br0 heard iifname { \"lower4\" } drop | member 40 | ok",
        "40 | add rule inet torvtl_guard_br0 heard iifname { \"lower4\" } notrack | member 40 | statement",
        "40 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | member 40 | statement",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } notrack | guest 21 | ok",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"port2\" } drop | entry 20 self | ok",
        "21 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } notrack | entry 21 master | ok",
        "7 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } notrack | guest 21 | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } notrack | guest 21 | ok",
        "20 | add chain netdev torvtl_guard_br0 a_1 { type filter hook ingress device \"peer2\" priority -500; } | member 21 | statement",
        "20 | add chain netdev torvtl_guard_br0 a_1 { type filter hook egress device \"lo\" priority -500; } | member 21 | statement",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"port2\" } notrack | member 21 | statement",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\", \"lo\" } notrack | member 21 | statement",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\", \"port3\" } drop | member 21 | statement",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | guest 31 | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | guest 20 | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | guest 4711 | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | entry 30 self | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | entry 31 master | port",
        "20 | add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop | entry 21 self | port",
      })
  void onlyInterfacesOfTheGuardsLinkAreChanged(
      String devices, String statement, String port, String refused) throws Exception {
    makeBridges();
    String answer =
        switch (refused) {
          case "statement" -> "1 refused: " + statement;
          case "port" -> "1 refused: " + port;
          default -> "1 ok";
        };
    assertThat(tell(devices, request(1, table(statement), port + "\n")).out().lines())
        .startsWith(answer);
  }

  /** The gateway's own port is gone, but the guests behind the bridge are there. */
  @Test
  void aBridgeThatTheGatewayWasAPortOfIsGuardedOn() throws Exception {
    makeBridges();
    String drop = table("add rule inet torvtl_guard_br0 heard iifname { \"br2\", \"other\" } drop");
    String guests = "guest 22\n";
    var result =
        machine.script(
            CONVERSATION
                + """
                ip link add other index 22 type veth peer name peer
                ip link set other master br2
                tell "$2"
                ip link delete port2
                ip link set br2 name renamed
                tell "$3"
                """,
            KEEPER,
            SECRETS.formatted("21") + request(1, drop, guests),
            request(2, drop.replace("br2", "renamed"), guests));
    assertThat(result.out().lines()).containsExactly("1 ok", "2 ok");
  }

  @Test
  void aPortThatLeftItsBridgeAndCameBackIsIsolatedAgain() throws Exception {
    makeBridges();
    String statement = table("add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop");
    var result =
        machine.script(
            CONVERSATION
                + """
                tell "$2"
                isolation port2
                printf '%s\n' 'link set port2 nomaster' 'link set port2 master br2' | ip -batch -
                isolation port2
                tell "$3"
                isolation port2
                finish "$4"
                isolation port2
                """,
            KEEPER,
            SECRETS.formatted("20") + request(1, statement, "guest 21\n"),
            // Nothing but the port has changed.
            request(2, "", "guest 21\n"),
            request(0, "remove"));
    assertThat(result.out().lines())
        .containsExactly(
            "1 ok", "isolated on", "isolated off", "2 ok", "isolated on", "isolated off");
  }

  /** A gateway that is killed, and the next one: each port ends as it was before the first. */
  @ParameterizedTest
  @CsvSource({
    // Before the first, flushed between them, after the second.
    "off, no, off",
    "on, no, on",
    // Nobody knows any more whose it was.
    "off, yes, on",
    "on, yes, on",
  })
  void whatWasIsolatedBeforeStaysSo(String before, String flushed, String after) throws Exception {
    makeBridges();
    String statement = table("add rule inet torvtl_guard_br0 heard iifname { \"br2\" } drop");
    String anew =
        "add table netdev torvtl_guard_br0\ndelete table netdev torvtl_guard_br0\n" + statement;
    var result =
        machine.script(
            """
            bridge link set dev port2 isolated "$5"
            printf %s "$2" | sh "$1" torvtl_guard_br0
            [ "$6" = no ] || nft flush ruleset
            """
                + CONVERSATION
                + """
                tell "$3"
                isolation port2
                finish "$4"
                isolation port2
                """,
            KEEPER,
            SECRETS.formatted("20") + request(1, statement, "member 21\nguest 21\n"),
            SECRETS.formatted("20") + request(2, anew, "member 21\nguest 21\n"),
            request(0, "remove"),
            before,
            flushed);
    assertThat(result.out().lines())
        .containsExactly("1 ok", "2 ok", "isolated on", "isolated " + after);
  }

  /** Every user may read the arguments of all processes. */
  @Test
  void theMarksAreInNoArgumentAndInNoEnvironment() throws Exception {
    machine.script(
        """
        for program in nft grep awk; do
          at=$(readlink -f "$(command -v $program)")
          cp "$at" /tmp/$program
          printf '#!/bin/sh\ncat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>/tmp/seen 2>/dev/null\nexec /tmp/%s "$@"\n' $program >/tmp/$program.sh
          chmod +x /tmp/$program.sh
          mount --bind /tmp/$program.sh "$at"
        done
        printf %s "$1" >/tmp/request
        """,
        SECRETS.formatted("1")
            + request(
                1,
                FINE
                    + "add rule netdev torvtl_guard_br0 ingress_1_0a meta mark != 0x80000001 drop\n",
                MEMBER));
    var result =
        machine.script(
            """
            sh "$1" torvtl_guard_br0 </tmp/request
            tr '\\0' '\n' </tmp/seen | /tmp/grep -c torvtl_guard_br0
            tr '\\0' '\n' </tmp/seen | /tmp/grep -e '0x8000000[1]' -e '0x4000000[2]' || :
            """,
            KEEPER);
    assertThat(result.out().lines()).hasSize(2).startsWith("1 ok");
  }

  /** As when the gateway is killed while it asks. */
  @Test
  void halfARequestChangesNothing() throws Exception {
    String request = request(1, FINE, MEMBER);
    for (int length : List.of(20, 48, 100, 48 + FINE.length() - 50, request.length() - 3)) {
      assertThat(tell("1", request.substring(0, length)).out().lines())
          .containsExactly("status 0", "table inet firewall");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "printf '%-47s\\n' 'transaction 1 8388609 0'; cat /dev/zero",
        "printf '%-47s\\n' 'transaction 1 0 8388609'; cat /dev/zero",
        "printf '%-47s\\n' 'transaction 1 -1 0'; cat /dev/zero",
        "printf '%-47s\\n' 'transaction 1 8388608 0'; tr '\\0' '\\n' </dev/zero",
        "cat /dev/zero",
        "yes",
      })
  void anEndlessRequestEndsIt(String request) throws Exception {
    var result =
        machine.script(
            """
            { printf %%s "$1"; { %s; } 2>/dev/null; } |
              { ulimit -v 200000; sh "$2" torvtl_guard_br0; echo "status $?"; } || :
            nft list tables
            """
                .formatted(request),
            SECRETS.formatted("1"),
            KEEPER);
    assertThat(result.out().lines()).containsExactly("status 0", "table inet firewall");
  }

  @Test
  void moreLinesThanAGuardHasAreRefused() throws Exception {
    String flush = "flush chain netdev torvtl_guard_br0 ingress_1_0a\n";
    machine.script(
        """
        { printf %s "$1"; printf '%-47s\n' "transaction 1 $((${#2} * 32769)) 0"; for ((i = 0; i < 32769; i++)); do printf %s "$2"; done; } >/tmp/request
        """,
        SECRETS.formatted("1"), flush);
    assertThat(machine.script("sh \"$1\" torvtl_guard_br0 </tmp/request", KEEPER).out())
        .isEqualTo("1 refused: " + flush);
  }

  /** A guard that was changed for so long is made anew by the gateway. */
  @Test
  void statementsThatAddUpAreRefusedUntilTheTableIsMadeAnew() throws Exception {
    machine.script(
        """
        printf '#!/bin/sh\ncat >/dev/null\n' >/tmp/nft
        chmod +x /tmp/nft
        mount --bind /tmp/nft "$(readlink -f "$(command -v nft)")"
        element='add element netdev torvtl_guard_br0 owned { 02:00:00:00:00:02'
        for ((i = 0; i < 5000; i++)); do element+=', 02:00:00:00:00:02'; done
        element+=" }"
        add=$(for ((i = 0; i < 80; i++)); do echo "$element"; done)
        {
          printf %s "$1"
          for number in {1..9}; do
            printf '%-47s\n%s\n' "transaction $number $((${#add} + 1)) 0" "$add"
          done
          printf %s "$2"
          printf '%-47s\n%s\n' "transaction 11 $((${#add} + 1)) 0" "$add"
        } >/tmp/request
        """,
        SECRETS.formatted("1"), request(10, ANEW, ""));
    assertThat(machine.script("sh \"$1\" torvtl_guard_br0 </tmp/request", KEEPER).out().lines())
        .containsExactly(
            "1 ok",
            "2 ok",
            "3 ok",
            "4 ok",
            "5 ok",
            "6 ok",
            "7 ok",
            "8 ok",
            "9 refused: statements of more than 67108864 bytes since the tables were made anew",
            "10 ok",
            "11 ok");
  }
}
