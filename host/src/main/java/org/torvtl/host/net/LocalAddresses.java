/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.torvtl.wire.Ipv4Address;

/** The addresses of this network namespace. */
public final class LocalAddresses {
  private LocalAddresses() {}

  /** Whether connections to an address, of either family, end in a process of this host. */
  public static boolean isLocal(InetAddress address) throws SocketException {
    return address.isLoopbackAddress()
        || address.isAnyLocalAddress()
        || NetworkInterface.getByInetAddress(address) != null;
  }

  /** IPv4: all but the loopback interface's, network byte order. */
  public static Set<Integer> all() throws SocketException {
    var addresses = new HashSet<Integer>();
    for (var networkInterface : Collections.list(NetworkInterface.getNetworkInterfaces())) {
      if (!networkInterface.isLoopback()) {
        addresses.addAll(of(networkInterface));
      }
    }
    return addresses;
  }

  /** IPv4: those of one interface, in its order; none if there is no such interface. */
  public static List<Integer> of(String name) throws SocketException {
    // An alias such as eth0:1 is an interface of its own to Java, below eth0.
    var networkInterface = NetworkInterface.getByName(name);
    return networkInterface == null ? List.of() : of(networkInterface);
  }

  private static List<Integer> of(NetworkInterface networkInterface) {
    var aliases = networkInterface.subInterfaces().map(NetworkInterface::getInterfaceAddresses);
    return Stream.concat(Stream.of(networkInterface.getInterfaceAddresses()), aliases)
        .flatMap(Collection::stream)
        .map(InterfaceAddress::getAddress)
        .filter(Inet4Address.class::isInstance)
        .map(address -> Ipv4Address.fromBytes(address.getAddress()))
        .distinct()
        .toList();
  }
}
