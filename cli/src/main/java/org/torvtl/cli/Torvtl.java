/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.util.List;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line. */
@Command(
    name = "torvtl",
    mixinStandardHelpOptions = true,
    description = "Puts virtual machines, containers and programs behind Tor at the network level.",
    footer = {
      "",
      "A guest behind Tor, in two commands:",
      "  torvtl run -d tap0                  the gateway, with a tor of its own",
      "  ip link set tap0 netns GUEST        (or give tap0 to a virtual machine)",
      "",
      "Exit status: 0 success, 1 failure (one line on standard error says which), 2 wrong usage."
    })
public final class Torvtl implements Runnable {
  private static final List<Class<?>> COMMANDS =
      List.of(
          RunCommand.class,
          TapCommand.class,
          LabCommand.class,
          DoctorCommand.class,
          DemoCommand.class,
          OnionCommand.class,
          AutoComplete.GenerateCompletion.class,
          Help.class);

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private Torvtl() {}

  /** Runs one command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    StandardError.install();
    ServiceUser.prepareToStartPrograms();
    // It asks for a report, of every process of this program where it is sent by name. One that has
    // none to give must not end of it, as it does by default.
    Signals.handle("USR1", () -> {});
    System.exit(execute(arguments));
  }

  /** Runs one command, and answers its exit status. */
  static int execute(String... arguments) {
    return commandLine(arguments).execute(arguments);
  }

  /**
   * As {@link #execute(String...)}.
   *
   * @param out for results
   * @param err for what went wrong
   */
  static int execute(PrintWriter out, PrintWriter err, String... arguments) {
    return commandLine(arguments).setOut(out).setErr(err).execute(arguments);
  }

  private static CommandLine commandLine(String... arguments) {
    var line = new CommandLine(new Torvtl());
    var asked = COMMANDS.stream().filter(command -> isAskedFor(command, arguments)).toList();
    (asked.isEmpty() ? COMMANDS : asked).forEach(line::addSubcommand);
    tellVersion(line);
    line.registerConverter(int.class, Torvtl::wholeNumber);
    line.registerConverter(Integer.class, Torvtl::wholeNumber);
    return line.setUsageHelpAutoWidth(true)
        .setParameterExceptionHandler(Torvtl::wrongUsage)
        .setExecutionExceptionHandler(Torvtl::report);
  }

  /**
   * Whether the first word is the name of a command that is about no other. Then picocli need not
   * read the descriptions of the others, which takes longer than all the rest of a start.
   */
  private static boolean isAskedFor(Class<?> command, String... arguments) {
    return arguments.length > 0
        && command != Help.class
        && command != AutoComplete.GenerateCompletion.class
        && command.getAnnotation(Command.class).name().equals(arguments[0]);
  }

  /** With {@code --version}, whatever command it follows. */
  private static void tellVersion(CommandLine command) {
    command.getCommandSpec().versionProvider(new Version());
    command.getSubcommands().values().forEach(Torvtl::tellVersion);
  }

  private static int wholeNumber(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new TypeConversionException("'%s' is not a whole number".formatted(text));
    }
  }

  private static int wrongUsage(ParameterException thrown, String[] arguments) {
    var command = asked(thrown.getCommandLine());
    var name = command.getCommandSpec().qualifiedName();
    var err = command.getErr();
    err.printf("%s: %s%n", name, what(thrown, command));
    if (thrown instanceof UnmatchedArgumentException unmatched) {
      suggest(unmatched, command);
    }
    if (thrown instanceof UnmatchedArgumentException || command.getSubcommands().isEmpty()) {
      // All of its options would push what is wrong out of sight.
      err.printf("see: %s --help%n", name);
    } else {
      command.usage(err);
    }
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  /** Names what may have been meant, if there is anything. */
  private static void suggest(UnmatchedArgumentException unmatched, CommandLine command) {
    var spec = command.getCommandSpec();
    var word = unmatched.getUnmatched().getFirst();
    var alike =
        unmatched.isUnknownOption()
            ? Spelling.alike(word, spec.optionsMap().keySet())
            : Spelling.alike(word, spec.subcommands().keySet()).stream()
                .map(name -> spec.qualifiedName() + " " + name)
                .toList();
    if (!alike.isEmpty()) {
      command.getErr().printf("did you mean: %s?%n", String.join(" or ", alike));
    }
  }

  /** The command that the words on the command line lead to, as far as they could be read. */
  private static CommandLine asked(CommandLine command) {
    var parsed = command.getParseResult();
    return parsed != null && parsed.hasSubcommand()
        ? asked(parsed.subcommand().commandSpec().commandLine())
        : command;
  }

  private static String what(ParameterException thrown, CommandLine command) {
    if (thrown instanceof UnmatchedArgumentException unmatched) {
      var word = "'" + unmatched.getUnmatched().getFirst() + "'";
      if (unmatched.isUnknownOption()) {
        return "there is no option " + word;
      }
      return command.getSubcommands().isEmpty()
          ? word + " belongs to no option (is one missing before it?)"
          : "there is no command " + word;
    }
    return String.valueOf(thrown.getMessage()).replaceFirst("^Error: ", "");
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
        thrown instanceof FileSystemException file
            ? file.getFile() + ": " + UserException.reason(file)
            : thrown.getMessage();
    command.getErr().println("torvtl: " + message);
    return command.getCommandSpec().exitCodeOnExecutionException();
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
