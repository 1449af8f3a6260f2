/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

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
  public static String runWithInput(String input, List<String> command)
      throws IOException, InterruptedException {
    return run(input, command.toArray(String[]::new));
  }

  private static String run(String input, String[] command)
      throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).start();
    } catch (IOException e) {
      throw new IOException("cannot run " + command[0] + ": " + e.getMessage(), e);
    }
    try {
      // Both are read at once, so that neither fills up and stops the command.
      var output = read(process.getInputStream());
      var errors = read(process.getErrorStream());
      try (var stdin = process.outputWriter(StandardCharsets.UTF_8)) {
        stdin.write(input);
      }
      if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(
            String.join(" ", command) + ": no end after " + DEADLINE_SECONDS + " s");
      }
      if (process.exitValue() != 0) {
        throw new IOException(String.join(" ", command) + ": " + errors.join().strip());
      }
      return output.join();
    } catch (CompletionException e) {
      throw new IOException("cannot read what " + command[0] + " writes", e);
    } finally {
      process.destroyForcibly();
    }
  }

  private static CompletableFuture<String> read(InputStream stream) {
    var text = new CompletableFuture<String>();
    Thread.ofVirtual()
        .start(() -> {
          try {
            text.complete(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
          } catch (IOException e) {
            text.completeExceptionally(e);
          }
        });
    return text;
  }
}
