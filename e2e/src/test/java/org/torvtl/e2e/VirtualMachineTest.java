/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Real virtual machines, with two models of network card, on links of the two kinds they have. */
@OnTestbed
class VirtualMachineTest {
  private static final Duration DEADLINE = Duration.ofMinutes(3);
  private static final Duration SOON = Duration.ofSeconds(40);
  private static final int BYTES = 3_000_001;
  private static final String[] PROXY = {
    "-a", PrivateLab.SOCKS_ADDRESS, "-p", Integer.toString(PrivateLab.SOCKS_PORT)
  };

  private final Testbed testbed;
  private final Machine machine;

  VirtualMachineTest(Testbed testbed) {
    this.testbed = testbed;
    this.machine = testbed.machine();
  }

  @BeforeEach
  void onlyHere() {
    assumeTrue(VirtualMachine.isPossible(), "the guest's kernel is for amd64");
  }

  /** As libvirt does it: a bridge of the virtual machines, nothing else in it. */
  @Test
  void aGuestAtABridgeWithAVirtioCard() throws Exception {
    machine.script("ip link add virbr5 type bridge; ip link set virbr5 up");
    try (var gateway = testbed.gateway("virbr5", PROXY)) {
      fetches(
          new VirtualMachine.Card("virtio-net-pci", "virtio_net"),
          "virbr5",
          "vnet5",
          "52:54:00:00:00:05",
          "10.7.7.5",
          "virtio_net");
      gateway.stop(Signal.TERM);
    } finally {
      machine.script("ip link delete virbr5");
    }
  }

  /** Received on a TAP of ours in the bridge, sent into the bridge. */
  @Test
  void aGuestAtABridgeWithATapWithAVmwareCard() throws Exception {
    machine.start(Machine.torvtl("tap", "create", "tap6")).await(SOON).orThrow();
    machine.script(
        """
        ip link add virbr6 type bridge
        ip link set tap6 master virbr6
        ip link set virbr6 up
        """);
    try (var gateway = testbed.gatewayBetween("tap6", "virbr6", PROXY)) {
      fetches(
          new VirtualMachine.Card("vmxnet3", "vmxnet3"),
          "virbr6",
          "vnet6",
          "52:54:00:00:00:06",
          "10.7.7.6",
          "vmxnet3");
      gateway.stop(Signal.TERM);
    } finally {
      machine.script("ip link delete virbr6; ip link delete tap6");
    }
  }

  private void fetches(
      VirtualMachine.Card card,
      String bridge,
      String tap,
      String mac,
      String address,
      String driver)
      throws Exception {
    machine.script(
        "ip tuntap add \"$1\" mode tap; ip link set \"$1\" up master \"$2\"", tap, bridge);
    testbed.noteGuestSide(bridge);
    testbed.noteGuestSide(tap);
    testbed.noteGuest(mac, address);
    var expected =
        testbed
            .guest()
            .curl(SOON, "--fail", "http://web.lab.test/sha256/" + BYTES)
            .orThrow()
            .out()
            .replaceFirst("(?s)^.*?([0-9a-f]{64}).*$", "$1");
    try (var guest =
        VirtualMachine.start(
            machine,
            card,
            new VirtualMachine.Interface(tap, mac, address + "/8", "10.0.0.1"),
            "web.lab.test",
            BYTES)) {
      assertThat(guest.await(DEADLINE))
          .contains("guest: kernel ")
          .contains("card " + driver)
          .contains("64 bytes from 10.0.0.1")
          .contains("guest: web.lab.test is 198.18.")
          .containsPattern("guest: status HTTP/1.. 200")
          .contains("guest: hash " + expected);
    } finally {
      machine.script("ip link delete \"$1\"; rm -r /run/vm-\"$1\"", tap);
    }
  }
}
