/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.lab;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Runs a program to its end. */
public final class Command {
  private static final long DEADLINE_SECONDS = 60;

  private Command() {}

  /**
   * Runs a command with nothing on its standard input.
   *
   * @return what it wrote to standard output
   * @throws IOException if it cannot be run or fails, with what it wrote to standard error
   */
  public static String run(String... command) throws IOException, InterruptedException {
    return run("", command);
  }

  /** As {@link #run(String...)}, with a text on its standard input. */
  static String runWithInput(String input, List<String> command)
      throws IOException, InterruptedException {
    return run(input, command.toArray(String[]::new));
  }

  private static String run(String input, String[] command)
      throws IOException, InterruptedException {
    var errors = File.createTempFile("torvtl-", ".err");
    try {
      Process process;
      try {
        process = new ProcessBuilder(command).redirectError(errors).start();
      } catch (IOException e) {
        throw new IOException("cannot run " + command[0] + ": " + e.getMessage(), e);
      }
      try {
        try (var stdin = process.outputWriter(StandardCharsets.UTF_8)) {
          stdin.write(input);
        }
        String output;
        try (var stdout = process.inputReader(StandardCharsets.UTF_8)) {
          output = stdout.lines().map(line -> line + "\n").collect(Collectors.joining());
        }
        if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
          throw new IOException(
              String.join(" ", command) + ": no end after " + DEADLINE_SECONDS + " s");
        }
        if (process.exitValue() != 0) {
          throw new IOException(
              String.join(" ", command) + ": " + Files.readString(errors.toPath()).strip());
        }
        return output;
      } finally {
        process.destroyForcibly();
      }
    } finally {
      Files.deleteIfExists(errors.toPath());
    }
  }
}
