/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.filter.CoveredDestinations;
import org.torvtl.host.filter.Ipv6Pattern;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.filter.TableWatch;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.rtnetlink.Rtnetlink;
import org.torvtl.host.rtnetlink.Rule;
import org.torvtl.wire.Ipv4Network;

/**
 * The routes and policy rules that lead some of this host's traffic into a TUN, and the {@link
 * KillSwitch} that refuses what would pass it by.
 *
 * <p>Each TUN has a routing table of its own, and each destination a rule that leads there. IPv6
 * that stands for a destination has a rule that refuses. When the TUN goes, the kernel takes its
 * routes along; what is left in the table then says "unreachable". So when a gateway is killed,
 * programs fail rather than go around Tor, until the rules are removed: by the next gateway that
 * starts, or by hand. The kill switch is in force before the first rule and until the last one is
 * gone.
 *
 * <p>To remove them takes root, which the gateway gives away. So a child process keeps it, the
 * {@link RouteKeeper}; it also puts back what another program has removed: the kill switch, which a
 * {@link TableWatch} notices, and rules and routes, which a {@link RouteWatch} does.
 *
 * <p>Without that child neither can be done, so when it is lost the program says so and fails
 * closed as far as it can: it ends, and leaves rules, routes and kill switch as they are. What the
 * rules lead into the TUN is then unreachable. A program bound to an interface is refused if the
 * kill switch is in force; if another program has just removed it, nothing refuses it until the
 * next start, which puts it in force again.
 *
 * <p>Ours are told by their priorities, their protocol number, and the tables' numbers.
 */
public final class PolicyRoutes implements AutoCloseable {
  /** Which routing program a rule is of: a number that linux/rtnetlink.h gives to nobody. */
  private static final int PROTOCOL = 116;

  /**
   * Rules that exempt Tor itself come before all that lead into a TUN. Between those of one
   * priority the order does not count, so that one that is missing can be added.
   */
  private static final int EXEMPTIONS = 10_000, ENDS_OF_EXEMPTIONS = 15_000, RULES = 20_000;

  private static final int PRIORITIES = 5_000;

  private static final int TABLES = 1_414_940_000;
  private static final String LAST_METRIC = "4294967295";

  /** RFC 7335: for a host's own end of what carries IPv4 for it; no network has it. */
  private static final String OWN_ADDRESS = "192.0.0.2";

  /** Without IPv6 in the kernel there is no such file. */
  private static final Path IPV6 = Path.of("/proc/net/if_inet6");

  private static final String LEFT =
      "routes into Tor are left, and what they lead there fails (see ip rule and nft list tables; the next torvtl run --tun --route removes them)";

  private static final Logger log = LoggerFactory.getLogger(PolicyRoutes.class);

  private final NetworkInterface tun;
  private final int number;
  private final CoveredDestinations covered;
  private final KillSwitch killSwitch;
  private final RouteKeeper keeper;
  private final TableWatch watch;
  private final RouteWatch routeWatch;

  /** Whether there is something to remove. */
  private boolean made;

  private boolean hasTakenOver;

  /** Whether this replaces what another gateway left, and is not done with it. */
  private boolean unfinished;

  private boolean closed;

  private PolicyRoutes(
      NetworkInterface tun,
      int number,
      CoveredDestinations covered,
      KillSwitch killSwitch,
      RouteKeeper keeper,
      TableWatch watch,
      RouteWatch routeWatch) {
    this.tun = tun;
    this.number = number;
    this.covered = covered;
    this.killSwitch = killSwitch;
    this.keeper = keeper;
    this.watch = watch;
    this.routeWatch = routeWatch;
  }

  /**
   * Routes into a TUN that is up; none are made yet, but can be removed from here on.
   *
   * @param exempt the user whose connections stay out of it
   * @param failed told once if the child is lost; the program is to end then
   */
  public static PolicyRoutes prepare(
      NetworkInterface tun,
      List<Ipv4Network> destinations,
      OptionalInt exempt,
      Consumer<IOException> failed)
      throws IOException {
    var covered = CoveredDestinations.of(destinations);
    var killSwitch = KillSwitch.around(tun, covered, exempt);
    int number = tun.index() % PRIORITIES;
    var keeper =
        RouteKeeper.start(
            killSwitch.text(RouteKeeper.MARKER),
            new Making(tun.index(), number, covered, exempt).routes(),
            removal(number, KillSwitch.removal(killSwitch.table())),
            reason -> lost(tun, reason, failed));
    RouteWatch routeWatch = null;
    try {
      routeWatch = RouteWatch.open(tun, TABLES + number, PROTOCOL, keeper::restoreRoutes);
      var watch =
          TableWatch.open(
              killSwitch.table(),
              "the packet filter that refuses what would pass %s by".formatted(tun.name()),
              new SecureRandom(),
              keeper::restore);
      return new PolicyRoutes(tun, number, covered, killSwitch, keeper, watch, routeWatch);
    } catch (IOException | RuntimeException e) {
      if (routeWatch != null) {
        routeWatch.close();
      }
      keeper.abandon();
      throw e;
    }
  }

  private static void lost(NetworkInterface tun, String reason, Consumer<IOException> failed) {
    log.error(
        "the routes into {} and the packet filter that refuses what would pass it by cannot be kept: {}; torvtl ends",
        tun.name(),
        reason);
    failed.accept(
        new IOException(
            "cannot keep the routes into %s: %s (start torvtl run again: what is led into %1$s fails until then, and a program bound to an interface passes it by if the packet filter is gone)"
                .formatted(tun.name(), reason)));
  }

  /**
   * Makes them, in place of what a gateway left that was killed.
   *
   * @throws RouteException if another gateway has some of the destinations, or nftables does not do
   *     its part
   * @throws IOException if they cannot be made; if a gateway had left some, there is no way around
   *     the TUN then
   */
  public synchronized void add() throws IOException, InterruptedException {
    if (closed) {
      throw new IOException("ending");
    }
    checkOthers();
    // Until it is known that there were none.
    hasTakenOver = true;
    boolean hadRules = hasRules();
    boolean hadFilter = closeWaysAround();
    made = true;
    hasTakenOver = hadRules || hadFilter;
    unfinished = hasTakenOver;
    watch.start();
    remove(number);
    fill();
    routeWatch.start();
    sweep();
    unfinished = false;
  }

  /** Whether there were some already, of a gateway that was killed or has failed. */
  public synchronized boolean hasTakenOver() {
    return hasTakenOver;
  }

  private boolean hasRules() throws IOException {
    try (var netlink = Rtnetlink.open()) {
      return rules(netlink).stream().anyMatch(this::isMine);
    }
  }

  private void checkOthers() throws IOException {
    try (var netlink = Rtnetlink.open()) {
      var live = live(netlink);
      for (var rule : rules(netlink)) {
        if (!isMine(rule) && rule.priority() >= RULES && live.contains(number(rule.priority()))) {
          checkApart(rule);
        }
      }
    }
  }

  private void checkApart(Rule other) throws RouteException {
    for (var network : covered.networks()) {
      if (CoveredDestinations.overlap(network, other.to())) {
        throw new RouteException(
            "cannot route %s into %s: another torvtl run leads %s into its own device (end that one, or leave the destination out)"
                .formatted(network, tun.name(), other.to()));
      }
    }
  }

  /** Answers whether they were closed before, by a gateway that was killed. */
  private boolean closeWaysAround() throws RouteException, InterruptedException {
    try {
      boolean before = killSwitch.isThere();
      killSwitch.put(watch.nextMarker());
      return before;
    } catch (IOException e) {
      throw new RouteException(
          "cannot route into %s: nftables cannot close the ways around it: %s (apt-get install nftables; the kernel must have nf_tables)"
              .formatted(tun.name(), e.getMessage()),
          e);
    }
  }

  private void fill() throws IOException {
    try {
      keeper.restoreRoutes();
    } catch (IOException e) {
      throw new IOException("cannot route into %s: %s".formatted(tun.name(), e.getMessage()), e);
    }
  }

  /** What is to be told to ip(8). */
  private record Making(int tun, int number, CoveredDestinations covered, OptionalInt exempt) {
    RouteKeeper.Routes routes() {
      return new RouteKeeper.Routes(
          device(),
          "address add %s/32 dev %s".formatted(OWN_ADDRESS, device()),
          ipv4(),
          Files.exists(IPV6) ? ipv6() : List.of());
    }

    /** As ip(8) takes it, whatever its name is by then. */
    private String device() {
      return "if" + tun;
    }

    private List<String> ipv4() {
      var commands = new ArrayList<String>();
      route(commands, "unreachable default metric " + LAST_METRIC);
      for (var network : covered.networks()) {
        route(commands, network + " dev " + device());
      }
      for (var network : covered.networks()) {
        String to = "to " + network;
        if (exempt.isPresent()) {
          rule(commands, EXEMPTIONS, to + " lookup main " + ofExempt());
          // A host that has no route to Tor's relays just now has none by way of Tor either.
          rule(commands, ENDS_OF_EXEMPTIONS, to + " unreachable " + ofExempt());
        }
        rule(commands, RULES, to + " lookup " + (TABLES + number));
      }
      return commands;
    }

    /** What else is covered is left to the kill switch: a rule takes prefixes only. */
    private List<String> ipv6() {
      var commands = new ArrayList<String>();
      var selectors =
          covered.coverIpv6()
              ? List.of("from all")
              : covered.ipv6().stream()
                  .filter(Ipv6Pattern::isPrefix)
                  .map(pattern -> "to " + pattern.prefix())
                  .toList();
      for (var selector : selectors) {
        if (exempt.isPresent()) {
          rule(commands, EXEMPTIONS, selector + " lookup main " + ofExempt());
        }
        rule(commands, RULES, selector + " unreachable");
      }
      return commands;
    }

    private String ofExempt() {
      return "uidrange %1$d-%1$d".formatted(exempt.getAsInt());
    }

    private void route(List<String> commands, String route) {
      // Before one of another program's in its place; refused only if this very one is there.
      commands.add("route prepend %s table %d".formatted(route, TABLES + number));
    }

    private void rule(List<String> commands, int priorities, String rule) {
      commands.add(
          "rule add priority %d protocol %d %s".formatted(priorities + number, PROTOCOL, rule));
    }
  }

  // What is there.

  private boolean isMine(Rule rule) {
    return number(rule.priority()) == number;
  }

  /** The number of the TUN that a rule of ours is for. */
  private static int number(int priority) {
    return priority % PRIORITIES;
  }

  private static boolean isOurs(int priority) {
    return priority >= EXEMPTIONS && priority < RULES + PRIORITIES;
  }

  private static List<Rule> rules(Rtnetlink netlink) throws IOException {
    return netlink.rules().stream()
        .filter(rule ->
            rule.protocol() == PROTOCOL
                && rule.from().prefixLength() == 0
                && isOurs(rule.priority()))
        .toList();
  }

  /** The numbers of the TUNs that a gateway serves. */
  private static Set<Integer> live(Rtnetlink netlink) throws IOException {
    var live = new HashSet<Integer>();
    for (var route : netlink.routes()) {
      int number = route.table() - TABLES;
      if (number >= 0
          && number < PRIORITIES
          && route.device() != 0
          && !live.contains(number)
          && isServed(route.device())) {
        live.add(number);
      }
    }
    return live;
  }

  private static boolean isServed(int device) throws IOException {
    var tun = NetworkInterface.ofIndex(device);
    return tun.isPresent() && KillSwitch.isServed(tun.get());
  }

  // How it is removed.

  /** Removes what gateways left that were killed. */
  private static void sweep() throws IOException, InterruptedException {
    var stale = new HashSet<Integer>();
    try (var netlink = Rtnetlink.open()) {
      rules(netlink).forEach(rule -> stale.add(number(rule.priority())));
      if (Files.exists(IPV6)) {
        netlink.ipv6Priorities(PROTOCOL).stream()
            .filter(PolicyRoutes::isOurs)
            .forEach(priority -> stale.add(number(priority)));
      }
      stale.removeAll(live(netlink));
    }
    for (int number : stale) {
      remove(number);
    }
    KillSwitch.sweep();
  }

  private static void remove(int number) throws IOException, InterruptedException {
    RouteKeeper.removeNow(removal(number, ""));
  }

  private static RouteKeeper.Removal removal(int number, String filter) {
    return new RouteKeeper.Removal(
        TABLES + number,
        Integer.toString(PROTOCOL),
        List.of(EXEMPTIONS + number, ENDS_OF_EXEMPTIONS + number, RULES + number),
        filter);
  }

  /**
   * Leaves all of it in force: what is led into the TUN fails until the next gateway takes it over.
   */
  public synchronized void leave() throws IOException {
    unfinished = true;
    close();
  }

  /** Has all of it removed; returns when that is done. */
  @Override
  public synchronized void close() throws IOException {
    closed = true;
    watch.close();
    routeWatch.close();
    try {
      boolean isRemoved;
      if (made && !unfinished) {
        isRemoved = keeper.remove();
      } else {
        keeper.release();
        isRemoved = !made;
      }
      if (!isRemoved) {
        throw new IOException(LEFT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while routes were removed", e);
    }
  }
}
