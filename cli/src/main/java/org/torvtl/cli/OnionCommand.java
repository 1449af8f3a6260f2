/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The onion network. */
@Command(
    name = "onion",
    mixinStandardHelpOptions = true,
    description = {
      "An onion network of UDP routers on this host, which carries what Tor cannot: ping and UDP.",
      "It hides which interface a packet came from. It is not Tor: its routers are yours."
    },
    subcommands = {
      OnionProxyCommand.class,
      OnionRouteCommand.class,
      OnionDemoCommand.class,
      OnionRouterCommand.class
    })
final class OnionCommand implements Runnable {
  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private OnionCommand() {}

  @Override
  public void run() {
    throw Arguments.wrong(spec, "say 'proxy', 'route' or 'demo'");
  }
}
