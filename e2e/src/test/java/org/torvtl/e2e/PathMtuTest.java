/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The guest is a router, and the network behind it takes smaller packets than either end of the
 * connection knows of: the router says so by ICMP, and what was too large comes again in smaller
 * packets. RFC 1191.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PathMtuTest {
  private static final int PROXY = 9150;
  private static final int BYTES = 5_000_000;

  /**
   * The router takes $1, the device, and has $2 behind it. It sends at most 1280 bytes to it; who
   * is there takes 1500, and says so in its SYN.
   */
  private static final String NETWORK =
      """
      ip netns add router
      ip link add near netns router mtu 1280 type veth peer name far netns "$2" mtu 1500
      ip link set "$1" netns router
      ip -n router address add 10.0.0.2/24 dev "$1"
      ip -n router address add 172.31.0.1/24 dev near
      ip -n router link set "$1" up
      ip -n router link set near up
      ip -n router route add default via 10.0.0.1 dev "$1"
      ip netns exec router sysctl -q net.ipv4.ip_forward=1
      ip -n "$2" address add 172.31.0.2/24 dev far
      ip -n "$2" link set far up
      ip -n "$2" route add default via 172.31.0.1
      """;

  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  PathMtuTest() {}

  @BeforeAll
  void boot() throws Exception {
    machine = Machine.boot();
    world = TransferWorld.on(machine, PROXY);
  }

  @AfterAll
  void shutDown() throws Exception {
    world.close();
    machine.close();
  }

  @ParameterizedTest(name = "{0}, offloads {1}")
  @CsvSource({"tap0, on", "tap0, off", "tun0, on", "tun0, off"})
  void aSmallerHopBehindTheGuestIsHeardOf(String device, String offloads) throws Exception {
    var kind = device.substring(0, 3);
    machine.script("ip tuntap add dev \"$1\" mode \"$2\"", device, kind);
    var arguments = new ArrayList<>(List.of("-a", "127.0.0.1", "-p", Integer.toString(PROXY)));
    if (offloads.equals("off")) {
      arguments.add("--no-offload");
    }
    try (var guest = new NetworkNamespace(machine, "guest");
        var gateway = Gateway.start(machine, device, arguments.toArray(String[]::new))) {
      try {
        machine.script(NETWORK, device, guest.name());
        Transfers.down(guest, "192.0.2.1", BYTES);
        assertThat(packetsTooBig()).isPositive();
      } catch (IllegalStateException | AssertionError e) {
        e.addSuppressed(new IllegalStateException(gateway.log()));
        throw e;
      }
    } finally {
      // With the persistent device in it.
      machine.script("ip netns delete router 2>/dev/null || ip link delete \"$1\"", device);
    }
  }

  /** How often the router has found a packet too big that it must not cut. */
  private long packetsTooBig() throws Exception {
    var counter = "ip netns exec router nstat -asz IpFragFails | grep FragFails";
    var fields = machine.script(counter).line().split(" +", -1);
    return Long.parseLong(fields[1]);
  }
}
