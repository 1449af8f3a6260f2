/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import org.torvtl.wire.Ipv4Address;

/**
 * Where a message comes from or goes to.
 *
 * @param address IPv4, network byte order
 * @param port UDP port
 */
public record Endpoint(int address, int port) {
  @Override
  public String toString() {
    return Ipv4Address.toString(address) + ":" + port;
  }
}
