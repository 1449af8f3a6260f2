/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import io.netty.util.NetUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.util.List;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.filter.CoveredDestinations;
import org.torvtl.host.net.LocalAddresses;
import org.torvtl.host.socket.TcpListener;
import org.torvtl.host.user.User;
import org.torvtl.wire.Ipv4Network;

/** Whose connections to relays must not be led back into Tor. */
public final class TorUser {
  /** Where no relay of the public Tor network can be. RFC 6890 and its registry. */
  private static final List<Ipv4Network> SPECIAL =
      Stream.of(
              "0.0.0.0/8",
              "10.0.0.0/8",
              "100.64.0.0/10",
              "127.0.0.0/8",
              "169.254.0.0/16",
              "172.16.0.0/12",
              "192.0.0.0/24",
              "192.0.2.0/24",
              "192.168.0.0/16",
              "198.18.0.0/15",
              "198.51.100.0/24",
              "203.0.113.0/24",
              "224.0.0.0/3")
          .map(Ipv4Network::parse)
          .toList();

  /** Users of services, as Debian and others number them; root and people come not in between. */
  private static final int ROOT = 0, FIRST_SERVICE = 1, LAST_SERVICE = 999;

  private TorUser() {}

  /**
   * Refuses destinations that would swallow Tor's own connections.
   *
   * @param proxy a tor that runs already; null for one of torvtl's own
   * @param user whom torvtl's own becomes; null if it stays who we are
   * @return the user whose connections must be exempt; empty if none need be
   * @throws RouteException with the reason
   */
  public static OptionalInt check(
      String tun,
      List<Ipv4Network> destinations,
      @Nullable SocketAddress proxy,
      @Nullable User user)
      throws IOException {
    if (proxy instanceof InetSocketAddress inet && !LocalAddresses.isLocal(inet.getAddress())) {
      checkProxy(tun, CoveredDestinations.of(destinations), inet.getAddress());
      return OptionalInt.empty();
    }
    var tor =
        switch (proxy) {
          case InetSocketAddress inet -> listener(inet);
          case UnixDomainSocketAddress unix -> socketOwner(unix);
          case null, default -> own(user);
        };
    if (tor.isPresent() && isService(tor.getAsInt())) {
      return tor;
    }
    for (var destination : destinations) {
      if (hasPublicAddresses(destination)) {
        throw new RouteException(
            "cannot route %s into %s: Tor's relays may be there, and Tor's own connections to them would be led back into Tor (run tor as a service user of its own, as Debian's package does, and name it with -a 127.0.0.1 -p 9050: its connections are then left out)"
                .formatted(destination, tun));
      }
    }
    return OptionalInt.empty();
  }

  private static boolean isService(int user) {
    return user >= FIRST_SERVICE && user <= LAST_SERVICE;
  }

  /** Whether a relay of the public Tor network may be among these addresses. */
  private static boolean hasPublicAddresses(Ipv4Network destination) {
    return SPECIAL.stream()
        .noneMatch(special ->
            special.prefixLength() <= destination.prefixLength()
                && special.contains(destination.address()));
  }

  private static OptionalInt own(@Nullable User user) {
    return user == null ? OptionalInt.empty() : OptionalInt.of(user.uid());
  }

  /** Tor gives its sockets to the user it becomes. */
  private static OptionalInt socketOwner(UnixDomainSocketAddress socket) throws IOException {
    return Files.exists(socket.getPath())
        ? OptionalInt.of((int) Files.getAttribute(socket.getPath(), "unix:uid"))
        : OptionalInt.empty();
  }

  private static void checkProxy(String tun, CoveredDestinations covered, InetAddress proxy)
      throws RouteException {
    if (covered.contain(proxy)) {
      throw new RouteException(
          "cannot route %s into %s: the Tor proxy %s is there, and torvtl's own connections to it would be led back into Tor (leave its address out)"
              .formatted(covered.leadingTo(proxy), tun, NetUtil.toAddressString(proxy)));
    }
  }

  /** The user who listens at an address and port of this host; empty if that is not one user. */
  private static OptionalInt listener(InetSocketAddress address) throws IOException {
    var users = new TreeSet<Integer>();
    for (var listener : TcpListener.at(address)) {
      users.add(user(listener));
    }
    return users.size() == 1 ? OptionalInt.of(users.first()) : OptionalInt.empty();
  }

  /** As Debian's package has it, tor opens its ports as root, and then becomes another user. */
  private static int user(TcpListener listener) throws IOException {
    if (isService(listener.uid())) {
      return listener.uid();
    }
    var others = new TreeSet<>(listener.holders());
    others.remove(ROOT);
    return others.size() == 1 ? others.first() : listener.uid();
  }
}
