/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ARP, ping, and the ICMP errors for what Tor cannot carry. */
@OnTestbed
class NeighbourhoodTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final String GATEWAY = "10.0.0.1";

  private final Guest guest;

  NeighbourhoodTest(Testbed testbed) {
    this.guest = testbed.guest();
  }

  @ParameterizedTest
  @ValueSource(strings = {GATEWAY, "10.1.2.3", "10.255.255.254", "192.0.2.1"})
  void everyOtherAddressIsANeighbour(String address) throws Exception {
    var answer = guest.run(DEADLINE, "arping", "-c", "1", "-w", "5", "-I", guest.device(), address);
    assertThat(answer.orThrow().out()).containsPattern("Unicast reply from " + address);
  }

  /** A guest that asks whether an address is free must hear nothing, or it could have none. */
  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.2", "10.7.7.7"})
  void anAddressAGuestWantsIsFree(String address) throws Exception {
    guest
        .run(DEADLINE, "arping", "-D", "-c", "2", "-w", "2", "-I", guest.device(), address)
        .orThrow();
  }

  @Test
  void theGatewaysOwnAddressAnswersPing() throws Exception {
    var answer = guest.run(DEADLINE, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", GATEWAY);
    assertThat(answer.orThrow().out()).contains("3 received");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "1472", "4000"})
  void pingsOfAnySizeComeBackWhole(String bytes) throws Exception {
    var answer = guest.run(DEADLINE, "ping", "-n", "-c", "1", "-W", "5", "-s", bytes, GATEWAY);
    assertThat(answer.orThrow().out()).contains("1 received").doesNotContain("wrong data");
  }

  @ParameterizedTest
  @ValueSource(strings = {"198.18.0.1", "10.3.2.1", "192.0.2.77"})
  void aPingTorCannotCarryIsProhibited(String address) throws Exception {
    var answer = guest.run(DEADLINE, "ping", "-n", "-c", "1", "-W", "5", address);
    assertThat(answer.exitStatus()).as("%s", answer).isEqualTo(1);
    assertThat(answer.out()).contains("+1 errors").containsPattern("(?i)filtered|prohibited");
  }

  @Test
  void aDatagramTorCannotCarryIsRefusedAtOnce() throws Exception {
    var answer =
        guest.script(
            DEADLINE,
            """
            exec 3<>/dev/udp/192.0.2.7/9999
            echo anybody >&3
            read -r -t 10 -u 3 answer
            """);
    assertThat(answer.exitStatus()).isEqualTo(1);
    assertThat(answer.err())
        .containsPattern("(?i)connection refused|no route to host|unreachable|permission denied");
    assertThat(answer.took()).isLessThan(Duration.ofSeconds(5));
  }
}
