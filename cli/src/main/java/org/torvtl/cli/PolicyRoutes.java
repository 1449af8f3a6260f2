/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.torvtl.link.linux.NetworkInterface;
import org.torvtl.tor.lab.Command;

/**
 * The routes and policy rules that lead some of this host's traffic into a TUN.
 *
 * <p>Each TUN has a routing table of its own, and each destination a rule that leads there. When
 * the TUN goes, the kernel takes its routes along; what is left in the table then says
 * "unreachable". So when a gateway is killed, programs fail rather than go around Tor, until the
 * rules are removed: by the next gateway that starts, or by hand.
 *
 * <p>Ours are told by their priorities, their protocol number, and the tables' numbers.
 */
final class PolicyRoutes implements AutoCloseable {
  private static final int PROTOCOL = 84;

  /** Rules that exempt Tor itself come before all that lead into a TUN. */
  private static final int EXEMPTIONS = 10_000, RULES = 15_000, PRIORITIES = 5_000;

  private static final int TABLES = 1_414_940_000;
  private static final String LAST_METRIC = "4294967295";

  /** RFC 7335: for a host's own end of what carries IPv4 for it; no network has it. */
  private static final String OWN_ADDRESS = "192.0.0.2";

  private static final Pattern RULE = Pattern.compile("^(\\d+):.*\\bproto 84\\b.*$");
  private static final Pattern TABLE = Pattern.compile(" dev .* table (\\d+) ");

  private final int number;

  private PolicyRoutes(int number) {
    this.number = number;
  }

  /**
   * Leads destinations into a TUN that is up.
   *
   * @param exempt the user whose connections stay out of it
   */
  static PolicyRoutes add(NetworkInterface tun, List<Ipv4Prefix> destinations, OptionalInt exempt)
      throws IOException, InterruptedException {
    sweep();
    var routes = new PolicyRoutes(tun.index() % PRIORITIES);
    try {
      routes.fill(tun, destinations, exempt);
      return routes;
    } catch (IOException | InterruptedException e) {
      routes.removeAfter(e);
      throw e;
    }
  }

  private void fill(NetworkInterface tun, List<Ipv4Prefix> destinations, OptionalInt exempt)
      throws IOException, InterruptedException {
    String name = tun.name();
    if (Command.run("ip", "-4", "-o", "address", "show", "dev", name).isBlank()) {
      Command.run("ip", "address", "add", OWN_ADDRESS + "/32", "dev", name);
    }
    route("unreachable", "default", "metric", LAST_METRIC);
    for (var destination : destinations) {
      route(destination.toString(), "dev", name);
    }
    for (var destination : destinations) {
      if (exempt.isPresent()) {
        String user = exempt.getAsInt() + "-" + exempt.getAsInt();
        rule(EXEMPTIONS, destination, "lookup", "main", "uidrange", user);
        // A host that has no route to Tor's relays just now has none by way of Tor either.
        rule(EXEMPTIONS, destination, "unreachable", "uidrange", user);
      }
      rule(RULES, destination, "lookup", Integer.toString(TABLES + number));
    }
  }

  private void route(String... words) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-4", "route", "add"));
    command.addAll(List.of(words));
    command.addAll(List.of("table", Integer.toString(TABLES + number)));
    Command.run(command.toArray(String[]::new));
  }

  private void rule(int priorities, Ipv4Prefix destination, String... words)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-4", "rule", "add"));
    command.addAll(List.of("priority", Integer.toString(priorities + number)));
    command.addAll(List.of("to", destination.toString()));
    command.addAll(List.of("protocol", Integer.toString(PROTOCOL)));
    command.addAll(List.of(words));
    Command.run(command.toArray(String[]::new));
  }

  /** Removes what gateways left that were killed. */
  static void sweep() throws IOException, InterruptedException {
    var live =
        Command.run("ip", "-4", "route", "show", "table", "all")
            .lines()
            .map(line -> TABLE.matcher(line + " "))
            .filter(Matcher::find)
            .map(table -> (int) (Long.parseLong(table.group(1)) - TABLES))
            .collect(Collectors.toSet());
    Set<Integer> stale =
        priorities().stream()
            .map(priority -> priority % PRIORITIES)
            .filter(number -> !live.contains(number))
            .collect(Collectors.toSet());
    for (int number : stale) {
      new PolicyRoutes(number).remove();
    }
  }

  /** Those of our rules, one for each rule. */
  private static List<Integer> priorities() throws IOException, InterruptedException {
    return Command.run("ip", "-4", "rule", "show")
        .lines()
        .map(RULE::matcher)
        .filter(Matcher::find)
        .map(rule -> Integer.valueOf(rule.group(1)))
        .filter(priority -> priority >= EXEMPTIONS && priority < RULES + PRIORITIES)
        .toList();
  }

  private void remove() throws IOException, InterruptedException {
    for (int priority : priorities()) {
      if (priority % PRIORITIES == number) {
        Command.run("ip", "-4", "rule", "delete", "priority", Integer.toString(priority));
      }
    }
    String table = Integer.toString(TABLES + number);
    if (!Command.run("ip", "-4", "route", "show", "table", "all")
        .lines()
        .filter(line -> (line + " ").contains(" table " + table + " "))
        .toList()
        .isEmpty()) {
      Command.run("ip", "-4", "route", "flush", "table", table);
    }
  }

  private void removeAfter(Exception failure) {
    try {
      remove();
    } catch (IOException e) {
      failure.addSuppressed(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      failure.addSuppressed(e);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      remove();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while removing routes", e);
    }
  }
}
