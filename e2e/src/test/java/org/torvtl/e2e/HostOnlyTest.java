/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * An interface that is the host's, as VMware's vmnet1: the host has an address there, but is not
 * heard there while the gateway serves.
 */
@OnTestbed
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostOnlyTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final String DEVICE = "vmnet1";
  private static final String HOST = "192.168.77.1";
  private static final String ROUTER = "192.168.77.254";
  private static final String CAPTURE = "/run/vmnet1.pcapng";

  private final Testbed testbed;
  private final Machine machine;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Guest guest;

  @SuppressWarnings("NullAway.Init") // @BeforeAll
  private Gateway gateway;

  HostOnlyTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  @BeforeAll
  void start() throws Exception {
    guest = testbed.guestAtCable(DEVICE);
    machine.script("ip address add \"$1\"/24 dev vmnet1", HOST);
    gateway =
        testbed.gateway(
            DEVICE,
            "-a",
            PrivateLab.SOCKS_ADDRESS,
            "-p",
            Integer.toString(PrivateLab.SOCKS_PORT),
            "--pcap",
            CAPTURE);
    guest.configure("192.168.77.9/24", ROUTER);
  }

  @AfterAll
  void end() throws Exception {
    gateway.close();
    testbed.remove(guest);
  }

  @Test
  void theGuestReachesTheServerThroughTor() throws Exception {
    var answer = guest.curl(DEADLINE, "--fail", "http://web.lab.test/").orThrow().out();
    assertThat(answer).containsPattern("You came from \\d");
    assertThat(answer.replaceFirst("(?s).*You came from ([0-9.]+).*", "$1"))
        .isIn(testbed.lab().exits());
  }

  /** A cable within one kernel carries super-segments without checksums. */
  @Test
  void muchDataArrivesWholeBothWays() throws Exception {
    var script =
        """
        set -o pipefail
        down=$(curl -sSf "http://web.lab.test/bytes/$1" | tee >(sha256sum >/run/vmnet1-sum) | wc -c)
        echo "down $down"
        up=$(head -c "$1" /dev/zero | tee >(sha256sum | cut -d' ' -f1 >/run/vmnet1-sent) |
          curl -sSf -T - http://web.lab.test/sink)
        echo "up $up"
        echo "sent $(cat /run/vmnet1-sent)"
        """;
    var result = guest.script(DEADLINE, script, "20000000").orThrow();
    assertThat(result.out()).contains("down 20000000");
    var sent = result.out().replaceFirst("(?s).*sent (\\w{64}).*", "$1");
    assertThat(result.out().replaceFirst("(?s)sent .*", "")).contains(sent);
    machine.script("rm -f /run/vmnet1-sum /run/vmnet1-sent");
  }

  @Test
  void theGatewayAnswersForTheHostsAddressAsForAnyOther() throws Exception {
    var answer =
        guest.run(DEADLINE, "arping", "-c", "2", "-w", "4", "-I", guest.device(), HOST).orThrow();
    assertThat(answer.out().lines().filter(line -> line.contains("reply from")))
        .isNotEmpty()
        .allMatch(
            line -> line.toLowerCase(java.util.Locale.ROOT).contains("[" + Gateway.MAC + "]"));
  }

  @Test
  void anAddressTheGuestWantsIsFree() throws Exception {
    for (var address : new String[] {"192.168.77.9", "192.168.77.200", "10.1.2.3"}) {
      guest
          .run(DEADLINE, "arping", "-D", "-c", "2", "-w", "2", "-I", guest.device(), address)
          .orThrow();
    }
  }

  /** The host's address is as good a router as any other. */
  @Test
  void aGuestMayTakeTheHostsAddressForItsRouter() throws Exception {
    guest.configure("192.168.77.9/24", HOST);
    try {
      assertThat(guest.curl(DEADLINE, "--fail", "http://web.lab.test/").orThrow().out())
          .contains("You came from ");
    } finally {
      guest.configure("192.168.77.9/24", ROUTER);
    }
  }

  @Test
  void theCaptureShowsBothDirectionsAndTcpdumpReadsIt() throws Exception {
    guest.run(DEADLINE, "ping", "-n", "-c", "1", "-W", "5", "10.0.0.1").orThrow();
    Waiting.until(
        "the ping in the capture",
        DEADLINE,
        () -> {
          var text = machine.script("tcpdump -n -r \"$1\" icmp 2>&1 || :", CAPTURE).out();
          return text.contains("192.168.77.9 > 10.0.0.1: ICMP echo request")
              && text.contains("10.0.0.1 > 192.168.77.9: ICMP echo reply");
        });
  }

  @Test
  void anInterfaceThatGoesAwayEndsTheGatewayWithOneLine() throws Exception {
    var other = testbed.guestAtCable("vmnet8");
    var second =
        testbed.gateway("vmnet8", "-a", "127.0.0.1", "-p", Integer.toString(PrivateLab.SOCKS_PORT));
    machine.script("ip link delete vmnet8");
    Waiting.until("the gateway to end", DEADLINE, () -> !second.isRunning());
    assertThat(second.log()).contains("cannot read from vmnet8").contains("taken down or deleted");
    testbed.remove(other);
  }
}
