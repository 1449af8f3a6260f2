/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.torvtl.link.Link;
import org.torvtl.link.linux.InterfaceAddress;
import org.torvtl.link.linux.NetworkInterface;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.wire.Ipv4Network;

/**
 * The TUN of the onion network: one that is there is used as it is, with the address it has; one
 * that is not is made, and goes with the process.
 */
record TunnelDevice(TunDevice device, Ipv4Network address) {
  private static final Path CONFIGURATION = Path.of("/proc/sys/net/ipv4/conf");

  /** The kernel's 500 are few for floods from many programs at once. */
  private static final int QUEUE_PACKETS = 5000;

  /** Accept a packet if there is any route to where it comes from. RFC 3704, section 2.4. */
  private static final String LOOSE = "2";

  /**
   * Opens the device and brings it up.
   *
   * @param address what it gets if it has none
   * @param teardown takes the device over
   */
  static TunnelDevice open(
      NetworkInterface networkInterface, Ipv4Network address, Teardown teardown)
      throws IOException {
    boolean found = networkInterface.exists();
    var device = teardown.add(TunDevice.open(networkInterface, Link.Medium.IP));
    if (!found) {
      // Answers come from all over the world, though the routes there lead elsewhere.
      Files.writeString(CONFIGURATION.resolve(networkInterface.name()).resolve("rp_filter"), LOOSE);
      networkInterface.queueAtLeast(QUEUE_PACKETS);
    }
    var has = InterfaceAddress.get(networkInterface);
    if (has.isEmpty()) {
      // It stays with a device that was found: to take it away would need root to the end.
      InterfaceAddress.set(networkInterface, address);
    }
    networkInterface.up();
    return new TunnelDevice(device, has.orElse(address));
  }

  /**
   * Whether replies of the world would be dropped at an interface, since the host's own way there
   * leads through another one.
   */
  static boolean filtersReplies(String networkInterface) throws IOException {
    // The stricter of the two counts, except that loose is above strict. ip-sysctl.
    int all = filter("all");
    int own = filter(networkInterface);
    return Math.max(all, own) == 1;
  }

  private static int filter(String name) throws IOException {
    return Integer.parseInt(
        Files.readString(CONFIGURATION.resolve(name).resolve("rp_filter")).strip());
  }
}
