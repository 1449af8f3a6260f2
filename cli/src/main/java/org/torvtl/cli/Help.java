/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code torvtl help onion route up}: the same as {@code torvtl onion route up --help}. */
@Command(name = "help", mixinStandardHelpOptions = true, description = "Explains a command.")
final class Help implements Runnable {
  @Parameters(paramLabel = "COMMAND", description = "Such as: lab up", arity = "0..*")
  private List<String> words = List.of();

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private Help() {}

  @Override
  public void run() {
    var command = spec.parent().commandLine();
    for (var word : words) {
      CommandLine next = command.getSubcommands().get(word);
      if (next == null) {
        throw Arguments.wrong(
            spec,
            "%s has no command '%s'".formatted(command.getCommandSpec().qualifiedName(), word));
      }
      command = next;
    }
    command.usage(command.getOut());
  }
}
