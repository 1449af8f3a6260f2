/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.torvtl.host.net.NetworkInterface.check;
import static org.torvtl.host.net.NetworkInterface.control;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Network;

/** The first IPv4 address of an interface, as {@code ifconfig} asks and sets it. netdevice(7). */
public final class InterfaceAddress {
  private static final long SIOCGIFADDR = 0x8915, SIOCSIFADDR = 0x8916;
  private static final long SIOCGIFNETMASK = 0x891B, SIOCSIFNETMASK = 0x891C;
  private static final int EADDRNOTAVAIL = 99;

  /** Behind the name comes a {@code struct sockaddr_in}: family, port, address. */
  private static final int FAMILY = NetworkInterface.IFREQ_VALUE, ADDRESS = FAMILY + 4;

  private static final ValueLayout.OfInt NETWORK_INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private InterfaceAddress() {}

  /** The address with its prefix length; empty if the interface has none. */
  public static Optional<Ipv4Network> get(NetworkInterface networkInterface)
      throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = NetworkInterface.request(arena, networkInterface.name());
      int result = control(SIOCGIFADDR, request);
      if (result == -EADDRNOTAVAIL) {
        return Optional.empty();
      }
      check(result, "cannot read the address of " + networkInterface.name());
      int address = request.get(NETWORK_INT, ADDRESS);
      check(
          control(SIOCGIFNETMASK, request),
          "cannot read the netmask of " + networkInterface.name());
      return Optional.of(
          new Ipv4Network(address, Integer.bitCount(request.get(NETWORK_INT, ADDRESS))));
    }
  }

  /** Gives the interface an address. */
  public static void set(NetworkInterface networkInterface, Ipv4Network address)
      throws SystemCallException {
    try (var arena = Arena.ofConfined()) {
      var request = NetworkInterface.request(arena, networkInterface.name());
      request.set(JAVA_SHORT, FAMILY, (short) Libc.AF_INET);
      request.set(NETWORK_INT, ADDRESS, address.address());
      String what = "cannot give %s the address %s".formatted(networkInterface.name(), address);
      check(control(SIOCSIFADDR, request), what);
      request.set(NETWORK_INT, ADDRESS, address.mask());
      check(control(SIOCSIFNETMASK, request), what);
    }
  }
}
