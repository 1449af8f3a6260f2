/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

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
      member 1
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
        "entry 1 self ; touch /tmp/taken",
        "entry 1 own",
        "guest 1 2",
        "member $(touch /tmp/taken)",
        "entry $(touch /tmp/taken) self",
        "release macs_1");
  }

  private CommandResult ask(String statements) throws Exception {
    return machine.script(
        """
        printf 'transaction 1\\n%s.\\nowned 2\\n' "$1" |
          sh "$2" torvtl_guard_br0 0x80000001 0x40000002 02:54:6f:72:56:4c
        echo "status $?"
        nft list tables
        ls /tmp
        """,
        statements, Machine.PROJECT + "/link/src/main/resources/org/torvtl/link/guard/keeper.sh");
  }

  @ParameterizedTest
  @MethodSource
  void refused(String statement) throws Exception {
    assertThat(ask(FINE + statement + "\n").out().lines())
        .containsExactly("1 refused: " + statement, "2 none", "status 0", "table inet firewall");
  }

  @Test
  void itTakesWhatTheGuardWritesAndAnswersInOneLine() throws Exception {
    assertThat(ask(FINE).out().lines())
        .hasSize(5)
        .startsWith("1 ok")
        .contains("table inet firewall", "table netdev torvtl_guard_br0")
        .anyMatch(line -> line.startsWith("2 table netdev torvtl_guard_br0 { "));
    // What nft has to say of it is one line, too.
    assertThat(ask(FINE + "add rule netdev torvtl_guard_br0 nosuch_1 drop\n").out().lines())
        .anyMatch(line -> line.startsWith("1 failed: ") && line.contains("nosuch_1"))
        .anyMatch(line -> line.startsWith("2 table netdev torvtl_guard_br0 { "))
        .hasSize(5);
  }

  /** As when there is no memory, or no process may be made. */
  @Test
  void whatCannotBeLookedAtIsRefused() throws Exception {
    machine.script(
        """
        printf '#!/bin/sh\\nexit 2\\n' >/tmp/grep
        chmod +x /tmp/grep
        mount --bind /tmp/grep "$(readlink -f "$(command -v grep)")"
        """);
    assertThat(ask(FINE).out().lines()).contains("1 refused: ", "2 none");
  }

  /** The guard's devices are gone with the gateway, or one of them is there under any name. */
  @Test
  void theTablesStayAsLongAsAnyOfTheirDevicesIsThere() throws Exception {
    assertThat(ask(FINE).out()).contains("table netdev torvtl_guard_br0\n");
    var gone = ask(FINE.replace("member 1", "member 4711")).out().lines().toList();
    assertThat(gone.subList(gone.indexOf("status 0"), gone.size()))
        .contains("table inet firewall")
        .doesNotContain("table netdev torvtl_guard_br0");
  }

  @Test
  void whatProgramsSayBesideDoesNotGetAnswersOutOfStep() throws Exception {
    machine.script("mount --bind /bin/false \"$(readlink -f \"$(command -v nft)\")\"");
    var result =
        machine.script(
            """
            printf 'owned 1\\nowned 2\\ntransaction 3\\n.\\n' |
              sh "$1" torvtl_guard_br0 0x80000001 0x40000002 02:54:6f:72:56:4c 2>&1
            """,
            Machine.PROJECT + "/link/src/main/resources/org/torvtl/link/guard/keeper.sh");
    assertThat(result.out().lines())
        .containsExactly("1 none", "2 none", "3 failed: nftables gave no answer");
  }
}
