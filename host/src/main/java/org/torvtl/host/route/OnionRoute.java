/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.torvtl.host.filter.CoveredDestinations;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.net.LocalAddresses;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.rtnetlink.Route;
import org.torvtl.host.rtnetlink.Rtnetlink;
import org.torvtl.host.rtnetlink.Rule;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/**
 * The way of some of the host's packets into the tunnel device. For each network there is a policy
 * rule; in the rule's table a route into the device and, for when that is gone, one that refuses;
 * and a {@link KillSwitch}. Each network's are its own, and all are found again by these values,
 * without any memory of what was done; so routes can be made and removed one by one, in any order.
 *
 * <p>Rules and routes of ours are told from others by their protocol number. Two routes may share a
 * table; what is in there stays until the last rule that needs it has gone. So nothing that is
 * made, made again, failed or removed here ever lets a packet of another route go around the
 * tunnel.
 */
public record OnionRoute(
    int from, List<Ipv4Network> to, NetworkInterface device, int table, int priority) {
  /** Of one user's packets, in a second and at once: some 10 MB/s of datagrams. */
  private static final String SHARE = "10000/second burst 2000";

  /** Which routing program a rule is of: a number that linux/rtnetlink.h gives to nobody. */
  private static final int PROTOCOL = 117;

  /**
   * What makes the route; nothing is made yet.
   *
   * @throws RouteException if there is no such device, it is no TUN or down, or the host has no
   *     such address
   */
  public Change prepare() throws IOException {
    if (!LocalAddresses.all().contains(from)) {
      throw new RouteException(
          "cannot route from %s: this host has no such address (ip addr shows those it has)"
              .formatted(address()));
    }
    if (!device.exists()) {
      throw new RouteException(
          "cannot route into %s: there is no such interface (start 'torvtl onion proxy', or: ip tuntap add dev %s mode tun)"
              .formatted(device.name(), device.name()));
    }
    if (!device.isTun()) {
      throw new RouteException(
          "cannot route into %s: it is no TUN device, packets would leave through it as they are"
              .formatted(device.name()));
    }
    if (!device.isUp()) {
      throw new RouteException(
          "cannot route into %s: it is down (ip link set %1$s up)".formatted(device.name()));
    }
    return new Change();
  }

  /** What undoes a step of a change. */
  private interface Undoing {
    void run() throws IOException, InterruptedException;
  }

  /** Steps, each with what undoes it. Closing it undoes them, unless all were made. */
  public final class Change implements AutoCloseable {
    private final Deque<Undoing> undo = new ArrayDeque<>();
    private volatile boolean ending;

    private Change() {}

    /**
     * Makes what is not there yet. What is there stays in force meanwhile.
     *
     * @throws RouteException if the table has another route to one of the networks
     * @throws IOException if it cannot be made
     */
    public synchronized void make() throws IOException, InterruptedException {
      for (var network : to) {
        checkTable("route to", network);
      }
      // The refusing routes come before the rule: what a rule leads away has a way to go.
      for (var network : to) {
        var filter = filter(network);
        if (!filter.isThere()) {
          undo.push(() -> filter.remove());
        }
        if (!ending) {
          // One that is there may be empty by now.
          filter.put();
        }
        var routes = routes(network);
        if (routes.stream().noneMatch(Route::refuses)) {
          add(refusing(network));
        }
        if (routes.stream().allMatch(Route::refuses)) {
          add(Route.into(device.index(), network, table, PROTOCOL));
        }
        if (rules(network).stream().noneMatch(OnionRoute.this::isMine)) {
          add(rule(network));
        }
      }
      if (!ending) {
        undo.clear();
      }
    }

    private void add(Route route) throws IOException {
      if (!ending) {
        undo.push(() -> remove(route));
        try (var netlink = Rtnetlink.open()) {
          netlink.add(route);
        }
      }
    }

    private void add(Rule rule) throws IOException {
      if (!ending) {
        undo.push(() -> remove(rule));
        try (var netlink = Rtnetlink.open()) {
          netlink.add(rule);
        }
      }
    }

    @Override
    public void close() throws IOException {
      ending = true;
      synchronized (this) {
        try {
          for (var step = undo.poll(); step != null; step = undo.poll()) {
            step.run();
          }
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted while routes were removed", e);
        }
      }
    }
  }

  /** Nothing if it is not there. */
  private static void remove(Route route) throws IOException {
    try (var netlink = Rtnetlink.open()) {
      var unused = netlink.remove(route);
    }
  }

  /** Nothing if it is not there. */
  private static void remove(Rule rule) throws IOException {
    try (var netlink = Rtnetlink.open()) {
      var unused = netlink.remove(rule);
    }
  }

  private void checkTable(String what, Ipv4Network network) throws IOException {
    for (var route : routes(network)) {
      if (!(route.protocol() == PROTOCOL && (route.refuses() || leadsIntoDevice(route)))) {
        throw new RouteException(
            "cannot %s %s: table %d has another one there: %s (is it another --dev, or --table?)"
                .formatted(what, network, table, text(route)));
      }
    }
  }

  private boolean leadsIntoDevice(Route route) throws SystemCallException {
    var index = index();
    return index.isPresent() && route.device() == index.getAsInt();
  }

  private OptionalInt index() throws SystemCallException {
    try {
      return OptionalInt.of(device.index());
    } catch (SystemCallException e) {
      if (e.errno() == Libc.ENODEV) {
        return OptionalInt.empty();
      }
      throw e;
    }
  }

  private static String text(Route route) throws SystemCallException {
    var device = NetworkInterface.ofIndex(route.device());
    return device.isPresent() ? route.text(device.get().name()) : route.toString();
  }

  /**
   * Removes it, as far as it is there.
   *
   * @throws RouteException if the table leads a network into another device: that is another route
   */
  public void down() throws IOException, InterruptedException {
    for (var network : to) {
      checkTable("remove the route to", network);
    }
    for (var network : to) {
      remove(rule(network));
      var left = rules(network);
      if (left.isEmpty()) {
        var index = index();
        if (index.isPresent()) {
          remove(Route.into(index.getAsInt(), network, table, PROTOCOL));
        }
        remove(refusing(network));
      }
      if (left.stream().noneMatch(this::isFromHere)) {
        filter(network).remove();
      }
    }
  }

  // What is there.

  /** The routes to a network in the table, of any program. */
  private List<Route> routes(Ipv4Network network) throws IOException {
    try (var netlink = Rtnetlink.open()) {
      return netlink.routes().stream()
          .filter(route -> route.table() == table && route.to().equals(network))
          .toList();
    }
  }

  /** Our rules that lead to a network by way of the table, from whatever address. */
  private List<Rule> rules(Ipv4Network network) throws IOException {
    try (var netlink = Rtnetlink.open()) {
      return netlink.rules().stream()
          .filter(rule ->
              rule.protocol() == PROTOCOL
                  && rule.to().equals(network)
                  && rule.action() == Rule.LOOKUP
                  && rule.table() == table)
          .toList();
    }
  }

  private boolean isFromHere(Rule rule) {
    return rule.from().equals(source());
  }

  private boolean isMine(Rule rule) {
    return isFromHere(rule) && rule.priority() == priority;
  }

  // What is made.

  private Rule rule(Ipv4Network network) {
    return new Rule(priority, source(), network, Rule.LOOKUP, table, PROTOCOL);
  }

  private Ipv4Network source() {
    return new Ipv4Network(from, Integer.SIZE);
  }

  private Route refusing(Ipv4Network network) {
    return Route.refusing(network, table, PROTOCOL);
  }

  private String address() {
    return Ipv4Address.toString(from);
  }

  /** In hexadecimal, since an interface may be called what nft would not take. */
  private String filterName(Ipv4Network network) {
    return "torvtl_onion_%s_%08x_%08x_%d_%d"
        .formatted(hex(device.name()), from, network.address(), network.prefixLength(), table);
  }

  private static String hex(String text) {
    return text.chars().mapToObj("%02x"::formatted).collect(Collectors.joining());
  }

  /**
   * Refuses what would pass the device by, and drops the resets that the kernel would send into it
   * for connections that are not its own. The routers send from other addresses. A user sends only
   * so much beside TCP, which adapts: the device's queue is full of it soon, and the others'
   * packets are lost there.
   */
  private KillSwitch filter(Ipv4Network network) {
    String tunnel = "oifname \"%s\"".formatted(device.name());
    return new KillSwitch(
        filterName(network),
        "made by torvtl onion route up for " + device.name(),
        tunnel,
        OptionalInt.of(from),
        CoveredDestinations.of(List.of(network)),
        OptionalInt.empty(),
        """
        set users {
            type uid
            flags dynamic, timeout
            timeout 10s
            size 65535
          }
          chain shares {
            type filter hook output priority filter; policy accept;
            %1$s meta l4proto != tcp add @users { meta skuid limit rate over %2$s packets } counter drop
          }
          chain resets {
            type filter hook output priority filter; policy accept;
            %1$s tcp flags & rst == rst counter drop
          }\
        """
            .formatted("%s ip saddr %s ip daddr %s".formatted(tunnel, address(), network), SHARE));
  }

  /** In words for the user. */
  @Override
  public String toString() {
    return "from %s to %s into %s (table %d, priority %d)"
        .formatted(
            address(),
            to.stream().map(Ipv4Network::toString).collect(Collectors.joining(", ")),
            device.name(),
            table,
            priority);
  }
}
