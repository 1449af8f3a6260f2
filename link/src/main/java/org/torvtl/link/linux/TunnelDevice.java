/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import java.io.IOException;
import org.torvtl.host.net.InterfaceAddress;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.ReversePathFilter;
import org.torvtl.link.Link;
import org.torvtl.wire.Ipv4Network;

/**
 * The TUN of the onion network: one that is there is used as it is, with the address it has; one
 * that is not is made, and goes with the process.
 */
public record TunnelDevice(TunDevice device, Ipv4Network address) implements AutoCloseable {
  /** The kernel's 500 are few for floods from many programs at once. */
  private static final int QUEUE_PACKETS = 5000;

  /**
   * Opens the device and brings it up.
   *
   * @param address what it gets if it has none
   */
  public static TunnelDevice open(NetworkInterface networkInterface, Ipv4Network address)
      throws IOException {
    boolean found = networkInterface.exists();
    var device = TunDevice.open(networkInterface, Link.Medium.IP);
    try {
      return new TunnelDevice(device, configure(networkInterface, address, found));
    } catch (IOException | RuntimeException e) {
      device.close();
      throw e;
    }
  }

  /** Answers the address that it has. */
  private static Ipv4Network configure(
      NetworkInterface networkInterface, Ipv4Network address, boolean found) throws IOException {
    if (!found) {
      // Answers come from all over the world, though the routes there lead elsewhere.
      ReversePathFilter.loosen(networkInterface);
      networkInterface.setQueueLength(QUEUE_PACKETS);
    }
    var has = InterfaceAddress.get(networkInterface);
    if (has.isEmpty()) {
      // It stays with a device that was found: to take it away would need root to the end.
      InterfaceAddress.set(networkInterface, address);
    }
    networkInterface.up();
    return has.orElse(address);
  }

  @Override
  public void close() throws IOException {
    device.close();
  }
}
