/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Collections;
import org.torvtl.wire.Ipv4Address;

/**
 * Whether the interface that a router's sockets are bound to is still there: another of the same
 * name is not it.
 */
final class WayOut {
  private final int index;
  private final InetAddress address;

  private WayOut(int index, InetAddress address) {
    this.index = index;
    this.address = address;
  }

  static WayOut of(RouterInterface exit) throws IOException {
    var networkInterface = NetworkInterface.getByName(exit.name());
    if (networkInterface == null) {
      throw new IOException("there is no interface " + exit.name());
    }
    return new WayOut(
        networkInterface.getIndex(), InetAddress.getByAddress(Ipv4Address.toBytes(exit.address())));
  }

  /** Whether it is up, with a carrier, and has the address. */
  boolean isThere() {
    try {
      var networkInterface = NetworkInterface.getByIndex(index);
      return networkInterface != null
          && networkInterface.isUp()
          && (Collections.list(networkInterface.getInetAddresses()).contains(address)
              || networkInterface
                  .subInterfaces()
                  .anyMatch(alias -> Collections.list(alias.getInetAddresses()).contains(address)));
    } catch (SocketException e) {
      // It went while it was looked at.
      return false;
    }
  }
}
