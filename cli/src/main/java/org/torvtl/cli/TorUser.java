/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.torvtl.gateway.ProxyOwner;
import org.torvtl.link.linux.User;
import org.torvtl.wire.Ipv4Network;

/** Whose connections to relays must not be led back into Tor. */
final class TorUser {
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

  private static final Path SOCKETS = Path.of("/proc/net/tcp");
  private static final String LISTENING = "0A";
  private static final int LOCAL_ADDRESS = 1, STATE = 3, USER = 7;

  /** Users of services, as Debian and others number them; root and people come not in between. */
  private static final int FIRST_SERVICE = 1, LAST_SERVICE = 999;

  private TorUser() {}

  /**
   * Refuses destinations that would swallow Tor's own connections.
   *
   * @param proxy a tor that runs already; null for one of torvtl's own
   * @param user whom torvtl's own becomes; null if it stays who we are
   * @return the user whose connections must be exempt; empty if none need be
   * @throws UserException with the reason
   */
  static OptionalInt check(
      String tun,
      List<Ipv4Network> destinations,
      @Nullable SocketAddress proxy,
      @Nullable User user)
      throws IOException, UserException {
    if (proxy instanceof InetSocketAddress inet && !ProxyOwner.isLocal(inet.getAddress())) {
      checkProxy(tun, destinations, inet.getAddress());
      return OptionalInt.empty();
    }
    var tor =
        switch (proxy) {
          case InetSocketAddress inet -> listener(inet);
          case UnixDomainSocketAddress unix -> socketOwner(unix);
          case null, default -> own(user);
        };
    if (tor.isPresent() && tor.getAsInt() >= FIRST_SERVICE && tor.getAsInt() <= LAST_SERVICE) {
      return tor;
    }
    for (var destination : destinations) {
      if (hasPublicAddresses(destination)) {
        throw new UserException(
            "cannot route %s into %s: Tor's relays may be there, and Tor's own connections to them would be led back into Tor (run tor as a service user of its own, as Debian's package does, and name it with -a 127.0.0.1 -p 9050: its connections are then left out)"
                .formatted(destination, tun));
      }
    }
    return OptionalInt.empty();
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

  private static void checkProxy(String tun, List<Ipv4Network> destinations, InetAddress proxy)
      throws UserException {
    byte[] bytes = proxy.getAddress();
    if (bytes.length != Integer.BYTES) {
      return;
    }
    int address = java.nio.ByteBuffer.wrap(bytes).getInt();
    for (var destination : destinations) {
      if (destination.contains(address)) {
        throw new UserException(
            "cannot route %s into %s: the Tor proxy %s is there, and torvtl's own connections to it would be led back into Tor (leave its address out)"
                .formatted(destination, tun, proxy.getHostAddress()));
      }
    }
  }

  /** The user of the process that listens at an IPv4 address and port of this host. */
  private static OptionalInt listener(InetSocketAddress address) throws IOException {
    String port = ":%04X".formatted(address.getPort());
    return Files.readAllLines(SOCKETS).stream()
        .map(line -> line.strip().split("\\s+"))
        .filter(field -> field.length > USER && field[STATE].equals(LISTENING))
        .filter(field -> field[LOCAL_ADDRESS].endsWith(port))
        .mapToInt(field -> Integer.parseInt(field[USER]))
        .findFirst();
  }
}
