/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.torvtl.wire.Ipv4Network;

/**
 * Where packets go that routes lead into a tunnel: networks, and the IPv6 addresses that stand for
 * them. IPv6 is not carried, so what is covered there is refused.
 *
 * <p>Who leads half of IPv4 or more into a tunnel means the Internet: then all of IPv6 is covered.
 *
 * @param networks none of them within another
 */
public record CoveredDestinations(List<Ipv4Network> networks) {
  private static final long HALF = 1L << (Integer.SIZE - 1);

  /** Leaves out a network that is within another. */
  public static CoveredDestinations of(List<Ipv4Network> networks) {
    var ranges = networks.stream().map(Ipv4Network::range).distinct().toList();
    return new CoveredDestinations(
        ranges.stream()
            .filter(range ->
                ranges.stream().noneMatch(other -> !other.equals(range) && contains(other, range)))
            .toList());
  }

  /** Whether two networks have an address in common. */
  public static boolean overlap(Ipv4Network one, Ipv4Network other) {
    return contains(one, other) || contains(other, one);
  }

  private static boolean contains(Ipv4Network outer, Ipv4Network inner) {
    return outer.prefixLength() <= inner.prefixLength() && outer.contains(inner.first());
  }

  /** Whether every IPv6 address is covered. */
  public boolean coverIpv6() {
    return networks.stream()
            .mapToLong(network -> 1L << (Integer.SIZE - network.prefixLength()))
            .sum()
        >= HALF;
  }

  /** The IPv6 addresses that are covered, unless all are. */
  public List<Ipv6Pattern> ipv6() {
    return networks.stream()
        .flatMap(network -> Ipv6Pattern.leadingTo(network).stream())
        .distinct()
        .toList();
  }

  /** Whether an address of either family is covered. */
  public boolean contain(InetAddress address) {
    return (address instanceof Inet6Address && coverIpv6()) || leadTo(address).isPresent();
  }

  /** The network by which an address is covered, in words for the user. */
  public String leadingTo(InetAddress address) {
    return leadTo(address)
        .map(Ipv4Network::toString)
        .orElseGet(
            () -> networks.stream().map(Ipv4Network::toString).collect(Collectors.joining(",")));
  }

  private Optional<Ipv4Network> leadTo(InetAddress address) {
    var bytes = ByteBuffer.wrap(address.getAddress());
    if (bytes.remaining() == Integer.BYTES) {
      int ipv4 = bytes.getInt();
      return networks.stream().filter(network -> network.contains(ipv4)).findFirst();
    }
    long high = bytes.getLong();
    long low = bytes.getLong();
    return networks.stream()
        .filter(network ->
            Ipv6Pattern.leadingTo(network).stream().anyMatch(form -> form.matches(high, low)))
        .findFirst();
  }
}
