/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.torvtl.link.linux.NetworkInterface;
import org.torvtl.tor.lab.Command;
import org.torvtl.wire.Ipv4Network;

/**
 * The routes and policy rules that lead some of this host's traffic into a TUN.
 *
 * <p>Each TUN has a routing table of its own, and each destination a rule that leads there. When
 * the TUN goes, the kernel takes its routes along; what is left in the table then says
 * "unreachable". So when a gateway is killed, programs fail rather than go around Tor, until the
 * rules are removed: by the next gateway that starts, or by hand.
 *
 * <p>To remove them takes root, which the gateway gives away. So a child process keeps it: it waits
 * for the word to remove them, and does; if it hears the gateway's end instead, it ends too.
 *
 * <p>Ours are told by their priorities, their protocol number, and the tables' numbers.
 */
final class PolicyRoutes implements AutoCloseable {
  /** Which routing program a rule is of: a number that linux/rtnetlink.h gives to nobody. */
  private static final String PROTOCOL = "116";

  /** Rules that exempt Tor itself come before all that lead into a TUN. */
  private static final int EXEMPTIONS = 10_000, RULES = 15_000, PRIORITIES = 5_000;

  private static final int TABLES = 1_414_940_000;
  private static final String LAST_METRIC = "4294967295";

  /** RFC 7335: for a host's own end of what carries IPv4 for it; no network has it. */
  private static final String OWN_ADDRESS = "192.0.0.2";

  private static final Pattern RULE = Pattern.compile("^(\\d+):.* proto " + PROTOCOL + "\\b.*$");
  private static final Pattern TABLE = Pattern.compile(" dev .* table (\\d+) ");

  private static final Duration DEADLINE = Duration.ofSeconds(5);
  private static final String WORD = "remove";
  private static final String REMOVE =
      "read -r line && [ \"$line\" = "
          + WORD
          + " ] || exit 0; table=$1; shift;"
          + " for priority; do ip -4 rule delete priority \"$priority\" protocol "
          + PROTOCOL
          + " || exit; done;"
          + " ip -4 route flush table \"$table\"";

  private final Process remover;

  private PolicyRoutes(Process remover) {
    this.remover = remover;
  }

  /**
   * Leads destinations into a TUN that is up.
   *
   * @param exempt the user whose connections stay out of it
   */
  static PolicyRoutes add(NetworkInterface tun, List<Ipv4Network> destinations, OptionalInt exempt)
      throws IOException, InterruptedException {
    sweep();
    int number = tun.index() % PRIORITIES;
    try {
      fill(tun, number, destinations, exempt);
      return new PolicyRoutes(remover(number));
    } catch (IOException | InterruptedException e) {
      try {
        remove(number);
      } catch (IOException | InterruptedException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  private static void fill(
      NetworkInterface tun, int number, List<Ipv4Network> destinations, OptionalInt exempt)
      throws IOException, InterruptedException {
    String name = tun.name();
    if (Command.run("ip", "-4", "-o", "address", "show", "dev", name).isBlank()) {
      Command.run("ip", "address", "add", OWN_ADDRESS + "/32", "dev", name);
    }
    route(number, "unreachable", "default", "metric", LAST_METRIC);
    for (var destination : destinations) {
      route(number, destination.toString(), "dev", name);
    }
    for (var destination : destinations) {
      if (exempt.isPresent()) {
        String user = exempt.getAsInt() + "-" + exempt.getAsInt();
        rule(EXEMPTIONS + number, destination, "lookup", "main", "uidrange", user);
        // A host that has no route to Tor's relays just now has none by way of Tor either.
        rule(EXEMPTIONS + number, destination, "unreachable", "uidrange", user);
      }
      rule(RULES + number, destination, "lookup", Integer.toString(TABLES + number));
    }
  }

  private static void route(int number, String... words) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-4", "route", "add"));
    command.addAll(List.of(words));
    command.addAll(List.of("table", Integer.toString(TABLES + number)));
    Command.run(command.toArray(String[]::new));
  }

  private static void rule(int priority, Ipv4Network destination, String... words)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-4", "rule", "add"));
    command.addAll(List.of("priority", Integer.toString(priority)));
    command.addAll(List.of("to", destination.toString()));
    command.addAll(List.of("protocol", PROTOCOL));
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
      remove(number);
    }
  }

  /** Those of our rules, one for each rule. */
  private static List<Integer> priorities() throws IOException, InterruptedException {
    return Command.run("ip", "-4", "-N", "rule", "show")
        .lines()
        .map(RULE::matcher)
        .filter(Matcher::find)
        .map(rule -> Integer.valueOf(rule.group(1)))
        .filter(priority -> priority >= EXEMPTIONS && priority < RULES + PRIORITIES)
        .toList();
  }

  private static void remove(int number) throws IOException, InterruptedException {
    for (int priority : priorities()) {
      if (priority % PRIORITIES == number) {
        String which = Integer.toString(priority);
        Command.run("ip", "-4", "rule", "delete", "priority", which, "protocol", PROTOCOL);
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

  /** Starts the child, in a session of its own, so that Ctrl-C does not end it before us. */
  private static Process remover(int number) throws IOException, InterruptedException {
    var command =
        new ArrayList<>(
            List.of("setsid", "sh", "-c", REMOVE, "torvtl-routes", "" + (TABLES + number)));
    for (int priority : priorities()) {
      if (priority % PRIORITIES == number) {
        command.add(Integer.toString(priority));
      }
    }
    var builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return builder.start();
  }

  /** Has all of it removed; returns when that is done. */
  @Override
  public void close() throws IOException {
    try {
      try (var input = remover.outputWriter(StandardCharsets.UTF_8)) {
        input.write(WORD + "\n");
      }
      if (!remover.waitFor(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
          || remover.exitValue() != 0) {
        throw new IOException(
            "routes into Tor are left (see ip rule; the next torvtl run --tun removes them)");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while routes were removed", e);
    }
  }
}
