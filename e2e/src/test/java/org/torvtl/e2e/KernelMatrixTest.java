/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The TCP engine and the links against Linux as the guest: its congestion controls, its options on
 * and off, small and large MTUs, with and without offloads, and a wire that loses packets both
 * ways. What is sent arrives, whole and unchanged, in both directions.
 *
 * <p>The guest is two hops from the gateway: a router between them does the losing, so that neither
 * end gets to know of it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KernelMatrixTest {
  private static final int PROXY = 9150;
  private static final Duration SOON = Duration.ofSeconds(30);

  /**
   * The wire takes $1, the device; $2 its MTU; $3 the packets of a hundred it loses each way; $4
   * the guest's congestion control, which goes with the route, for the host may not let namespaces
   * choose any as their own; $5 its own name; $6 the guest's.
   */
  private static final String WIRE =
      """
      ip netns add "$5"
      ip link add near netns "$5" mtu "$2" type veth peer name far netns "$6" mtu "$2"
      ip link set "$1" netns "$5"
      ip -n "$5" address add 10.0.0.2/24 dev "$1"
      ip -n "$5" address add 172.31.0.1/24 dev near
      ip -n "$5" link set "$1" up
      ip -n "$5" link set near up
      ip -n "$5" route add default via 10.0.0.1 dev "$1"
      ip netns exec "$5" sysctl -q net.ipv4.ip_forward=1
      ip -n "$6" address add 172.31.0.2/24 dev far
      ip -n "$6" link set far up
      ip -n "$6" route add default via 172.31.0.1 congctl "$4"
      if [ "$3" != 0 ]; then
        ip netns exec "$5" nft -f - <<RULES
      table ip lossy {
        chain forward {
          type filter hook forward priority 0;
          numgen random mod 100 < $3 drop
        }
      }
      RULES
      fi
      """;

  /** Rows run side by side, each with a device, a wire and a guest of its own. */
  private final AtomicInteger rows = new AtomicInteger();

  private Machine machine;
  private RunningCommand world;

  @SuppressWarnings("NullAway.Init") // by boot()
  KernelMatrixTest() {}

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

  @ParameterizedTest(name = "{0}, MTU {1}, offloads {2}, {3}, without {4}, {5} % lost")
  @CsvSource({
    "tap, 1500, on, cubic, nothing, 0, 50000000",
    "tun, 1500, on, bbr, nothing, 0, 50000000",
    "tap, 1500, off, reno, nothing, 0, 20000000",
    "tun, 1500, off, cubic, nothing, 1, 3000000",
    "tap, 576, on, cubic, nothing, 2, 2000000",
    "tun, 576, off, reno, timestamps, 5, 1000000",
    "tap, 1280, on, bbr, timestamps, 3, 2000000",
    "tun, 1280, on, cubic, sack, 5, 500000",
    "tap, 9000, on, reno, window_scaling, 2, 3000000",
    "tun, 9000, off, bbr, sack, 10, 1000000",
    "tun, 65535, on, cubic, nothing, 1, 5000000",
    "tun, 65535, off, bbr, window_scaling, 5, 2000000",
    "tap, 1500, on, cubic, sack timestamps window_scaling, 10, 100000",
    "tap, 1500, on, reno, nothing, 10, 500000"
  })
  @Execution(ExecutionMode.CONCURRENT)
  void whatIsSentArrives(
      String kind,
      int mtu,
      String offloads,
      String congestionControl,
      String without,
      int lossPercent,
      int bytes)
      throws Exception {
    int row = rows.incrementAndGet();
    String device = kind + row;
    String wire = "wire" + row;
    machine.script(
        "ip tuntap add dev \"$1\" mode \"$2\"; ip link set \"$1\" mtu \"$3\"",
        device,
        kind,
        Integer.toString(mtu));
    var arguments = new ArrayList<>(List.of("-a", "127.0.0.1", "-p", Integer.toString(PROXY)));
    if (offloads.equals("off")) {
      arguments.add("--no-offload");
    }
    try (var guest = new NetworkNamespace(machine, "guest" + row);
        var gateway = Gateway.start(machine, device, arguments.toArray(String[]::new))) {
      try {
        machine.script(
            WIRE,
            device,
            Integer.toString(mtu),
            Integer.toString(lossPercent),
            congestionControl,
            wire,
            guest.name());
        switchOff(guest, without);
        Transfers.bothWays(guest, bytes);
      } catch (IllegalStateException | AssertionError e) {
        e.addSuppressed(new IllegalStateException(gateway.log()));
        throw e;
      }
    } finally {
      // With the persistent device in it.
      machine.script("ip netns delete \"$2\" 2>/dev/null || ip link delete \"$1\"", device, wire);
    }
  }

  private static void switchOff(NetworkNamespace guest, String options) throws Exception {
    if (!options.equals("nothing")) {
      for (var option : options.split(" ", -1)) {
        guest.run(SOON, "sysctl", "-q", "net.ipv4.tcp_" + option + "=0").orThrow();
      }
    }
  }
}
