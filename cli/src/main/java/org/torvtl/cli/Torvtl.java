/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.nio.file.FileSystemException;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line. */
@Command(
    name = "torvtl",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Puts virtual machines, containers and programs behind Tor at the network level.",
    footer = {
      "",
      "A guest behind Tor, in two commands:",
      "  torvtl run -d tap0                  the gateway, with a tor of its own",
      "  ip link set tap0 netns GUEST        (or give tap0 to a virtual machine)",
      "",
      "Exit status: 0 success, 1 failure (one line on standard error says which), 2 wrong usage."
    },
    subcommands = {
      RunCommand.class,
      TapCommand.class,
      LabCommand.class,
      DoctorCommand.class,
      DemoCommand.class,
      OnionCommand.class,
      AutoComplete.GenerateCompletion.class,
      HelpCommand.class
    })
public final class Torvtl implements Runnable {
  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private Torvtl() {}

  /** Runs one command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    ServiceUser.prepareToStartPrograms();
    System.exit(execute(arguments));
  }

  /** Runs one command, and answers its exit status. */
  static int execute(String... arguments) {
    return new CommandLine(new Torvtl())
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler(Torvtl::report)
        .execute(arguments);
  }

  private static int report(Exception thrown, CommandLine command, CommandLine.ParseResult parsed) {
    if (Teardown.processIsEnding()) {
      return command.getCommandSpec().exitCodeOnExecutionException();
    }
    if (!(thrown instanceof UserException || thrown instanceof IOException)) {
      // Not something the user did: where it comes from is what helps.
      thrown.printStackTrace(command.getErr());
      return command.getCommandSpec().exitCodeOnExecutionException();
    }
    String message =
        thrown instanceof FileSystemException file && file.getReason() == null
            ? file.getFile() + ": " + file.getClass().getSimpleName()
            : thrown.getMessage();
    command.getErr().println("torvtl: " + message);
    return command.getCommandSpec().exitCodeOnExecutionException();
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
