/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import org.torvtl.wire.Ipv4Address;

/**
 * A router's way to the world: an interface of the host and one of its addresses there.
 *
 * @param name of the interface
 * @param address network byte order
 */
public record RouterInterface(String name, int address) {
  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static RouterInterface parse(String text) {
    int at = text.indexOf('=');
    if (at < 0) {
      throw new IllegalArgumentException("not INTERFACE=ADDRESS: " + text);
    }
    return new RouterInterface(text.substring(0, at), Ipv4Address.parse(text.substring(at + 1)));
  }

  /** Such as {@code eth1=192.168.201.2}. */
  @Override
  public String toString() {
    return name + "=" + Ipv4Address.toString(address);
  }
}
