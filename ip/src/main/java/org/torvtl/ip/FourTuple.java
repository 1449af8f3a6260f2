/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.MacAddress;

/**
 * The two ends of a TCP connection or of an exchange of UDP datagrams, and the guest whose it is:
 * what tells one from another, since guests may have the same addresses.
 *
 * @param guest the guest's MAC address, 0 on a TUN
 * @param guestAddress the guest's IPv4 address, network byte order
 * @param address the IPv4 address the guest speaks to, network byte order
 * @param ports the guest's port in the high 16 bits, the other in the low
 */
public record FourTuple(long guest, int guestAddress, int address, int ports)
    implements Comparable<FourTuple> {
  /** The tuple of a packet that the guest sends. */
  public static FourTuple of(long guest, int guestAddress, int guestPort, int address, int port) {
    return new FourTuple(guest, guestAddress, address, guestPort << 16 | port);
  }

  public int guestPort() {
    return ports >>> 16;
  }

  /** The port the guest speaks to. */
  public int port() {
    return ports & 0xFFFF;
  }

  /**
   * Any order. A guest can choose addresses and ports that all hash alike; because they can be
   * compared, a hash table then finds one in logarithmic time.
   */
  @Override
  public int compareTo(FourTuple other) {
    int order = Long.compare(guest, other.guest);
    order = order != 0 ? order : Integer.compare(guestAddress, other.guestAddress);
    order = order != 0 ? order : Integer.compare(address, other.address);
    return order != 0 ? order : Integer.compare(ports, other.ports);
  }

  /** Both ends, for logs; the guest's by MAC address too. */
  @Override
  public String toString() {
    return "%s %s:%d > %s:%d"
        .formatted(
            MacAddress.toString(guest),
            Ipv4Address.toString(guestAddress),
            guestPort(),
            Ipv4Address.toString(address),
            port());
  }
}
