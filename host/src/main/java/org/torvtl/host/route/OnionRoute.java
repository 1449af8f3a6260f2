/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.torvtl.host.filter.CoveredDestinations;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.net.LocalAddresses;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Command;
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

  private static final String OURS = "protocol " + PROTOCOL;
  private static final String SHOWN_AS_OURS = " proto " + PROTOCOL + " ";

  /**
   * {@code RTN_UNREACHABLE} of linux/rtnetlink.h: where all is asked for in numbers, so is this.
   */
  private static final String SHOWN_AS_UNREACHABLE = "7 ";

  /** Behind every other route to the same network. */
  private static final String LAST_METRIC = "metric 4294967295";

  private static final Pattern INTO = Pattern.compile(" dev (\\S+) ");

  /** What ip says about what is not there. */
  private static final List<String> NOT_THERE =
      List.of(
          "FIB table does not exist",
          "No such process",
          "No such file or directory",
          "Cannot find device");

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
        if (routes.stream().noneMatch(OnionRoute::refuses)) {
          step(ip("route add " + refusing(network)), ip("route del " + refusing(network)));
        }
        if (routes.stream().allMatch(OnionRoute::refuses)) {
          step(ip("route add " + leading(network)), ip("route del " + leading(network)));
        }
        if (rules(network).stream().noneMatch(OnionRoute.this::isMine)) {
          step(ip("rule add " + rule(network)), ip("rule del " + rule(network)));
        }
      }
      if (!ending) {
        undo.clear();
      }
    }

    private void step(String[] command, String[] undoing) throws IOException, InterruptedException {
      if (!ending) {
        undo.push(() -> remove(undoing));
        Command.run(command);
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

  private void checkTable(String what, Ipv4Network network)
      throws IOException, InterruptedException {
    for (var route : routes(network)) {
      if (!(route.contains(SHOWN_AS_OURS) && (refuses(route) || leadsIntoDevice(route)))) {
        throw new RouteException(
            "cannot %s %s: table %d has another one there: %s (is it another --dev, or --table?)"
                .formatted(what, network, table, route.strip()));
      }
    }
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
      remove(ip("rule del " + rule(network)));
      var left = rules(network);
      if (left.isEmpty()) {
        remove(ip("route del " + leading(network)));
        remove(ip("route del " + refusing(network)));
      }
      if (left.stream().noneMatch(this::isFromHere)) {
        filter(network).remove();
      }
    }
  }

  // What is there.

  /** The routes to a network in the table, of whoever's making. */
  private List<String> routes(Ipv4Network network) throws IOException, InterruptedException {
    return list("route show to exact %s table all".formatted(network))
        .filter(line -> line.contains(" table " + table + " "))
        .toList();
  }

  private static boolean refuses(String route) {
    return route.startsWith(SHOWN_AS_UNREACHABLE);
  }

  private boolean leadsIntoDevice(String route) {
    var into = INTO.matcher(route);
    return into.find() && into.group(1).equals(device.name());
  }

  /** Our rules that lead to a network by way of the table, from whatever address. */
  private List<String> rules(Ipv4Network network) throws IOException, InterruptedException {
    String destination =
        network.prefixLength() == Integer.SIZE
            ? Ipv4Address.toString(network.address())
            : network.toString();
    return list("rule show")
        .filter(line ->
            line.contains(SHOWN_AS_OURS)
                && line.contains(" to " + destination + " ")
                && line.contains(" lookup " + table + " "))
        .toList();
  }

  private boolean isFromHere(String rule) {
    return rule.contains("from " + address() + " ");
  }

  private boolean isMine(String rule) {
    return isFromHere(rule) && rule.startsWith(priority + ":");
  }

  // What is made.

  private String rule(Ipv4Network network) {
    return "from %s to %s table %d priority %d %s"
        .formatted(address(), network, table, priority, OURS);
  }

  private String leading(Ipv4Network network) {
    return "%s dev %s table %d %s".formatted(network, device.name(), table, OURS);
  }

  private String refusing(Ipv4Network network) {
    return "unreachable %s table %d %s %s".formatted(network, table, LAST_METRIC, OURS);
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

  // How it is made and read.

  /** Lines, each with a space at its end, so that every word in it has one behind it. */
  private static Stream<String> list(String command) throws IOException, InterruptedException {
    return Command.run(ip("-N " + command)).lines().map(line -> line.stripTrailing() + " ");
  }

  private static String[] ip(String command) {
    var words = new ArrayList<>(List.of("ip", "-4"));
    words.addAll(Arrays.asList(command.split(" ", -1)));
    return words.toArray(String[]::new);
  }

  /** Runs a command that removes something; it need not be there. */
  private static void remove(String[] command) throws IOException, InterruptedException {
    try {
      Command.run(command);
    } catch (IOException e) {
      if (NOT_THERE.stream().noneMatch(String.valueOf(e.getMessage())::contains)) {
        throw e;
      }
    }
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
