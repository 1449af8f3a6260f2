/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.List;
import org.torvtl.host.route.OnionRoute;
import org.torvtl.host.user.Privileges;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Which of the host's packets go into the onion network. */
@Command(
    name = "route",
    mixinStandardHelpOptions = true,
    description = "Leads what this host sends from one of its addresses into the onion network.")
final class OnionRouteCommand implements Runnable {
  /** The table of the kernel's main routes and the two beside it; ours must be another. */
  private static final int FIRST_RESERVED_TABLE = 253, LAST_RESERVED_TABLE = 255;

  /** Below this stand the kernel's own rule and nothing else. */
  private static final int MAIN_RULE_PRIORITY = 32_766;

  /** What is led where. */
  static final class Which {
    @Option(
        names = "--from",
        required = true,
        paramLabel = "ADDR",
        description = "The host's address whose packets are led away.")
    private String from = "";

    @Option(
        names = "--to",
        required = true,
        split = ",",
        paramLabel = "DEST",
        description = "Where to, such as 18.0.0.0/8; several with commas between them.")
    private List<String> to = List.of();

    @Option(
        names = "--dev",
        required = true,
        paramLabel = "DEV",
        description = "The tunnel device, such as tun1.")
    private String device = "";

    @Option(
        names = "--table",
        paramLabel = "N",
        defaultValue = "9",
        description = "The routing table to use. Default: ${DEFAULT-VALUE}")
    private int table;

    @Option(
        names = "--priority",
        paramLabel = "N",
        defaultValue = "8",
        description = "The priority of the policy rule. Default: ${DEFAULT-VALUE}")
    private int priority;

    OnionRoute route(CommandSpec spec) {
      if (table < 1 || (table >= FIRST_RESERVED_TABLE && table <= LAST_RESERVED_TABLE)) {
        throw Arguments.wrong(
            spec, "--table %d is a table of the kernel's own (take another)".formatted(table));
      }
      if (priority < 1 || priority >= MAIN_RULE_PRIORITY) {
        throw Arguments.wrong(
            spec,
            "--priority %d would not come before the main table's (1 to %d)"
                .formatted(priority, MAIN_RULE_PRIORITY - 1));
      }
      // nft takes a star for "any that begins like this", and has no way to say a quotation mark.
      if (!device.matches("[A-Za-z0-9_.@+-]+")) {
        throw Arguments.wrong(
            spec,
            "--dev: '%s' cannot be named in a packet filter (take a simpler name)"
                .formatted(device));
      }
      var networks =
          to.stream().map(net -> Arguments.destination(spec, "--to", net)).distinct().toList();
      if (networks.stream().anyMatch(network -> network.prefixLength() == 0)) {
        throw Arguments.wrong(spec, "--to cannot be everything (say 0.0.0.0/1,128.0.0.0/1)");
      }
      return new OnionRoute(
          Arguments.ipv4Address(spec, "--from", from),
          networks,
          Arguments.networkInterface(spec, "--dev", device),
          table,
          priority);
    }
  }

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private OnionRouteCommand() {}

  @Override
  public void run() {
    throw Arguments.wrong(spec, "say 'up' or 'down'");
  }

  @Command(
      name = "up",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      description = {
        "Leads what this host sends from ADDR to DEST into DEV: policy rules and a routing table."
            + " When DEV is gone, such packets go nowhere, until 'down'.",
        "A packet filter rule refuses what goes from ADDR to DEST by another interface, as of a"
            + " program that binds to one, and IPv6 that stands for DEST (NAT64, 6to4, Teredo); all"
            + " of IPv6 if a DEST is half of IPv4. Other addresses of this host are not led away.",
        "A packet filter rule keeps back the resets (TCP RST) that the kernel would send from ADDR"
            + " into DEV to DEST, for connections that are not its own; no others.",
        "What is there already stays in force. Needs root, iproute2 and nftables.",
        ""
      })
  void up(@Mixin Which which) throws IOException, UserException, InterruptedException {
    var route = which.route(spec);
    checkPrivileges();
    var change = route.prepare();
    try (var teardown = new Teardown()) {
      teardown.add(change).make();
    }
    spec.commandLine().getOut().println("up: " + route);
  }

  private static void checkPrivileges() throws IOException, UserException {
    if (!Privileges.has(Privileges.Capability.NET_ADMIN)) {
      throw new UserException(
          "cannot change routes and packet filters: CAP_NET_ADMIN is missing (run as root)");
    }
  }

  @Command(
      name = "down",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      description = {
        "Removes what 'up' made, as far as it is there, and nothing else: all of it, or some of its"
            + " destinations.",
        ""
      })
  void down(@Mixin Which which) throws IOException, UserException, InterruptedException {
    var route = which.route(spec);
    checkPrivileges();
    route.down();
    spec.commandLine().getOut().println("down: " + route);
  }
}
