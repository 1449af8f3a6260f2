/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.time.Duration;
import org.torvtl.host.user.Privileges;
import org.torvtl.lab.LabOptions;
import org.torvtl.lab.PrivateTorNetwork;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A private Tor network by itself, for those who develop against Tor. */
@Command(
    name = "lab",
    mixinStandardHelpOptions = true,
    description = {
      "A private Tor network of real tor processes, in a network namespace of its own that has no"
          + " way out. Behind its exits is a small world: web.lab.test and others."
    })
final class LabCommand implements Runnable {
  /** The fewest that agree on a consensus if one of them fails. */
  private static final int AUTHORITIES = 3;

  /** Which lab. */
  static final class Name {
    private static final String DEFAULT = "lab";

    @Option(
        names = "--name",
        paramLabel = "NAME",
        defaultValue = DEFAULT,
        description = "Which lab; any number may be up. Default: ${DEFAULT-VALUE}")
    String value = "";

    /** What a person calls it. */
    String lab() {
      return value.equals(DEFAULT) ? "the lab" : "lab " + value;
    }

    /** What must be said after a command's name so that it is about this lab. */
    String option() {
      return value.equals(DEFAULT) ? "" : " --name " + value;
    }
  }

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private LabCommand() {}

  @Override
  public void run() {
    throw Arguments.wrong(spec, "say 'up', 'down' or 'status'");
  }

  @Command(
      name = "up",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      description = {
        "Starts the lab, and returns when a web page was fetched through it. It stays up until"
            + " 'torvtl lab down'.",
        "Needs root, tor and iproute2.",
        ""
      })
  void up(
      @Mixin Name name,
      @Option(
              names = "--socks-port",
              paramLabel = "PORT",
              converter = PortConverter.OrAny.class,
              defaultValue = "19050",
              description = "SOCKS port on 127.0.0.1; 0 for any. Default: ${DEFAULT-VALUE}")
          int socksPort,
      @Option(
              names = "--control-port",
              paramLabel = "PORT",
              converter = PortConverter.OrAny.class,
              defaultValue = "19051",
              description = "Control port on 127.0.0.1; 0 for any. Default: ${DEFAULT-VALUE}")
          int controlPort,
      @Option(
              names = "--relays",
              paramLabel = "N",
              defaultValue = "4",
              description =
                  "Relays besides the 3 directory authorities, which relay too. Default:"
                      + " ${DEFAULT-VALUE}")
          int relays)
      throws IOException, UserException, InterruptedException {
    Logs.configure(false);
    if (relays < 0 || relays > LabOptions.MOST_NODES - AUTHORITIES) {
      throw Arguments.wrong(
          spec,
          "--relays is from 0 to %d, not %d"
              .formatted(LabOptions.MOST_NODES - AUTHORITIES, relays));
    }
    if (!Privileges.isRoot()) {
      throw new UserException("cannot make network namespaces: not root (run it as root)");
    }
    var options =
        named(name.value)
            .withPorts(socksPort, controlPort)
            .withNodes(AUTHORITIES, relays)
            .asDetached();
    requireFree(socksPort, options, name);
    requireFree(controlPort, options, name);
    long begun = System.nanoTime();
    PrivateTorNetwork lab;
    try (var bar = new ProgressBar(name.lab())) {
      lab =
          PrivateTorNetwork.start(
              options, (fraction, text) -> bar.show((int) (100 * fraction), text));
    }
    double seconds = Duration.ofNanos(System.nanoTime() - begun).toMillis() / 1000.0;
    var out = spec.commandLine().getOut();
    out.printf("%s is up after %.1f s%n%n", name.lab(), seconds);
    describe(out, lab);
    out.printf(
        """

        a guest behind it:  torvtl run -d tap0 -a %s -p %d
        its nodes:          torvtl lab status%3$s
        its end:            torvtl lab down%3$s
        """,
        lab.socksAddress().getHostString(), lab.socksAddress().getPort(), name.option());
    out.flush();
  }

  /** Tells at once what tor would tell at the end: that a port is taken. */
  private void requireFree(int port, LabOptions options, Name name)
      throws IOException, UserException {
    try (var socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    } catch (IOException e) {
      if (Files.exists(options.base().resolve("lab-" + options.name()))
          && PrivateTorNetwork.attach(options.base(), options.name()).isUp()) {
        throw new UserException(
            "%s is already up (end it: torvtl lab down%s)".formatted(name.lab(), name.option()), e);
      }
      throw new UserException(
          "cannot use port %d: %s (by another lab? choose with --socks-port and --control-port; 0 is any)"
              .formatted(port, e.getMessage()),
          e);
    }
  }

  @Command(
      name = "down",
      mixinStandardHelpOptions = true,
      description = "Ends the lab: its processes, its namespace, and its files.")
  void down(@Mixin Name name) throws IOException, InterruptedException {
    Logs.configure(false);
    var options = named(name.value);
    PrivateTorNetwork.attach(options.base(), options.name()).down();
    spec.commandLine().getOut().println(name.lab() + " is down");
  }

  @Command(
      name = "status",
      mixinStandardHelpOptions = true,
      description = {
        "Shows the lab's addresses, and each node with its flags in the consensus.",
        "Exit status 1 if the lab is not up, or a node of it does not run."
      })
  int status(@Mixin Name name) throws IOException {
    Logs.configure(false);
    var options = named(name.value);
    var lab = PrivateTorNetwork.attach(options.base(), options.name());
    var out = spec.commandLine().getOut();
    describe(out, lab);
    out.println();
    for (var node : lab.status()) {
      out.printf(
          "%-10s %-16s %-8s %s%n",
          node.node().nickname(),
          node.node().address(),
          node.alive() ? Long.toString(node.pid()) : "dead",
          String.join(" ", node.flags()));
    }
    return lab.isUp() ? 0 : 1;
  }

  private LabOptions named(String name) {
    try {
      return LabOptions.named(name);
    } catch (IllegalArgumentException e) {
      throw Arguments.wrong(spec, "--name: " + e.getMessage());
    }
  }

  private static void describe(PrintWriter out, PrivateTorNetwork lab) {
    out.println("SOCKS      " + text(lab.socksAddress()));
    out.println("control    " + text(lab.controlAddress()) + "  cookie " + lab.cookieFile());
    out.println("torrc      " + lab.clientTorrc() + "  (for another tor to join)");
    out.println("namespace  " + lab.state().namespace());
    out.println(
        "try        curl --socks5-hostname " + text(lab.socksAddress()) + " http://web.lab.test/");
  }

  private static String text(InetSocketAddress address) {
    return address.getHostString() + ":" + address.getPort();
  }
}
