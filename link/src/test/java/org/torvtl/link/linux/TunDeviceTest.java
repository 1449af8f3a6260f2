/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.link.Link;

/** Against the kernel: needs /dev/net/tun and root. */
class TunDeviceTest {
  private final NetworkInterface networkInterface =
      new NetworkInterface(
          "tvt%06x"
              .formatted(ThreadLocalRandom.current().nextInt(1 << 24))
              .toLowerCase(Locale.ROOT));

  @Test
  void anInterfaceGoesWithItsDescriptor() throws Exception {
    assertThat(networkInterface.exists()).isFalse();
    try (var device = TunDevice.open(networkInterface, Link.Medium.ETHERNET)) {
      assertThat(device.medium()).isEqualTo(Link.Medium.ETHERNET);
      assertThat(networkInterface.exists()).isTrue();
      assertThat(networkInterface.mtu()).isEqualTo(1500);
      networkInterface.up();
    }
    assertThat(networkInterface.exists()).isFalse();
  }

  @Test
  void aPersistentInterfaceStaysUntilItIsNot() throws Exception {
    try (var device = TunDevice.open(networkInterface, Link.Medium.IP)) {
      device.setPersistent(true);
    }
    assertThat(networkInterface.exists()).isTrue();
    try (var device = TunDevice.open(networkInterface, Link.Medium.IP)) {
      device.setPersistent(false);
    }
    assertThat(networkInterface.exists()).isFalse();
  }

  @Test
  void saysThatAnotherProgramIsAttached() throws Exception {
    try (var device = TunDevice.open(networkInterface, Link.Medium.ETHERNET)) {
      assertThat(device.fd()).isPositive();
      assertThatThrownBy(() -> TunDevice.open(networkInterface, Link.Medium.ETHERNET))
          .isInstanceOf(SystemCallException.class)
          .hasMessageContaining("cannot open " + networkInterface.name())
          .hasMessageContaining("another program is attached");
    }
  }

  @Test
  void saysThatTheInterfaceIsOfAnotherKind() {
    assertThatThrownBy(() -> TunDevice.open(new NetworkInterface("lo"), Link.Medium.ETHERNET))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("not a TAP");
  }

  @Test
  void namesNoInterfaceCanHaveAreRefused() {
    for (String name : new String[] {"", "sixteen-letters-", "a/b", "a b", "..", "a%d"}) {
      assertThatThrownBy(() -> new NetworkInterface(name))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
