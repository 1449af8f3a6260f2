/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.torvtl.tor.process.ProcessIdentity;

/**
 * Finds what runs for a lab by what its command line says, also what nobody had the time to note.
 */
final class LabProcesses {
  private LabProcesses() {}

  /** The tors and the world of the lab in this directory. */
  static List<ProcessIdentity> of(Path directory) throws IOException {
    var found = new ArrayList<ProcessIdentity>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (var entry : entries) {
        long pid = Long.parseLong(entry.getFileName().toString());
        var identity = ProcessIdentity.of(pid);
        // Looked at between two looks at who it is: then all three are of one process.
        if (identity.isPresent()
            && belongs(commandLine(entry), directory)
            && ProcessIdentity.of(pid).equals(identity)) {
          found.add(identity.get());
        }
      }
    }
    return found;
  }

  private static List<String> commandLine(Path entry) {
    try {
      String text = Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1);
      return List.of(text.split("\0"));
    } catch (IOException e) {
      // It has ended since.
      return List.of();
    }
  }

  /** Whether it is {@code … tor -f DIRECTORY/…} or {@code java … World DIRECTORY …}. */
  static boolean belongs(List<String> command, Path directory) {
    var torrcs = directory.resolve("nodes") + "/";
    for (int i = 1; i < command.size(); i++) {
      boolean tor = command.get(i - 1).equals("-f") && command.get(i).startsWith(torrcs);
      boolean world =
          command.get(i - 1).equals(World.class.getName())
              && command.get(i).equals(directory.toString());
      if (tor || world) {
        return true;
      }
    }
    return false;
  }

  /**
   * Ends all of them at once, by SIGTERM and after the deadline by SIGKILL. Returns when they are
   * gone.
   */
  static void end(List<ProcessIdentity> processes, Duration deadline)
      throws IOException, InterruptedException {
    try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Void>> ends =
          executor.invokeAll(
              processes.stream()
                  .map(process ->
                      (Callable<Void>)
                          () -> {
                            process.end(deadline);
                            return null;
                          })
                  .toList());
      for (var end : ends) {
        end.get();
      }
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    }
  }
}
