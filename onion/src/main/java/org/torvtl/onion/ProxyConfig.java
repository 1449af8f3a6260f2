/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.List;
import java.util.Set;
import org.torvtl.wire.Ipv4Network;

/**
 * What a proxy is told at its start.
 *
 * @param device the tunnel device's name, for the log
 * @param tunnel the host's address in the tunnel's network, and that network
 * @param mtu bytes of the largest packet
 * @param sources the host's addresses at first: only packets from these are taken, only packets to
 *     these are given back; the tunnel's is one of them
 * @param secrets one for each router
 * @param flowSeed decides, with a flow, its router; drawn anew for each run
 * @param startTimeoutNanos how long the routers may take to come up
 */
public record ProxyConfig(
    String device,
    Ipv4Network tunnel,
    int mtu,
    Set<Integer> sources,
    List<Secret> secrets,
    long flowSeed,
    long startTimeoutNanos) {
  /** RFC 791: what every link carries. */
  public static final int MIN_MTU = 68;

  private static final int MAX_SOURCES = 255;

  /**
   * @throws IllegalArgumentException with what is wrong with it, in words for the user
   */
  public ProxyConfig {
    sources = Set.copyOf(sources);
    secrets = List.copyOf(secrets);
    if (secrets.isEmpty()) {
      throw new IllegalArgumentException("a proxy needs a router");
    }
    if (!sources.contains(tunnel.address())) {
      throw new IllegalArgumentException("the tunnel's own address is none of the sources");
    }
    if (sources.size() > MAX_SOURCES) {
      throw new IllegalArgumentException(
          "the host has more than " + MAX_SOURCES + " IPv4 addresses");
    }
    if (mtu < MIN_MTU || mtu > OnionMessage.MAX_BODY_LENGTH) {
      throw new IllegalArgumentException(
          "an MTU of %d bytes is not %d to %d"
              .formatted(mtu, MIN_MTU, OnionMessage.MAX_BODY_LENGTH));
    }
    // The network's own address, its broadcast address and the host's are taken.
    if (tunnel.prefixLength() < 1
        || Integer.toUnsignedLong(tunnel.last() - tunnel.first()) - 2 < secrets.size()) {
      throw new IllegalArgumentException(
          "%s has no addresses for %d routers (a shorter prefix has more, such as /24)"
              .formatted(tunnel.range(), secrets.size()));
    }
  }

  /** Whether a circuit can be told that these are the host's addresses. */
  static boolean areSources(Set<Integer> addresses, Ipv4Network tunnel) {
    return addresses.size() <= MAX_SOURCES && addresses.contains(tunnel.address());
  }

  /** How many routers there are; they are numbered from 1. */
  public int routers() {
    return secrets.size();
  }

  /**
   * The address in the tunnel's network in which a router speaks for itself, as a hop on the way:
   * counted down from the network's last.
   */
  int routerAddress(int router) {
    int address = tunnel.last() - router;
    return Integer.compareUnsigned(address, tunnel.address()) <= 0 ? address - 1 : address;
  }
}
