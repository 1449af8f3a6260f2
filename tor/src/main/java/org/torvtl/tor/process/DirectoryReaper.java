/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A child process that stays root when we do not, for the one thing that takes root at the end: to
 * remove directories that stand in a folder of root's. It waits until we close its standard input
 * or end, however that comes, calls rmdir for each, and ends. It reads nothing we say, and removes
 * nothing that is not empty.
 */
final class DirectoryReaper implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(5);
  private static final String SCRIPT =
      "while read -r line; do :; done; for directory; do rmdir \"$directory\"; done";

  private final Process process;

  private DirectoryReaper(Process process) {
    this.process = process;
  }

  /**
   * Starts it, in a session of its own, so that Ctrl-C in a terminal does not end it before us.
   *
   * @param directories in the order they are to be removed
   */
  static DirectoryReaper start(List<Path> directories) throws IOException {
    var command = new ArrayList<>(List.of("setsid", "sh", "-c", SCRIPT, "torvtl-rmdir"));
    directories.forEach(directory -> command.add(directory.toAbsolutePath().toString()));
    var builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return new DirectoryReaper(builder.start());
  }

  /** Has the directories removed; returns when that is done, or could not be. */
  @Override
  public void close() throws IOException {
    process.getOutputStream().close();
    try {
      if (!process.waitFor(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException("process " + process.pid() + " does not remove our run directory");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the run directory was removed", e);
    }
  }
}
