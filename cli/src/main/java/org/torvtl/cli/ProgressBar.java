/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How far something is, on standard error: a bar that moves on a terminal, a line for each step
 * elsewhere.
 */
final class ProgressBar implements AutoCloseable {
  private static final int WIDTH = 30;
  private static final String CLEAR_LINE = "\r\u001b[K";

  private final PrintStream out;
  private final boolean terminal;
  private final String title;
  private String last = "";
  private String lastStep = "";

  ProgressBar(String title) {
    this(title, System.err, isTerminal(2));
  }

  ProgressBar(String title, PrintStream out, boolean terminal) {
    this.title = title;
    this.out = out;
    this.terminal = terminal;
  }

  /** Whether a file descriptor of this process is a terminal. */
  static boolean isTerminal(int descriptor) {
    try {
      var target =
          Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(descriptor))).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      // No /proc, or no such descriptor: nothing that could show a moving bar.
      return false;
    }
  }

  /**
   * Shows a new state.
   *
   * @param percent 0 to 100
   * @param step a few words on what goes on
   */
  synchronized void show(int percent, String step) {
    int shown = Math.clamp(percent, 0, 100);
    String line =
        "%s [%s%s] %3d %%  %s"
            .formatted(
                title,
                "#".repeat(shown * WIDTH / 100),
                ".".repeat(WIDTH - shown * WIDTH / 100),
                shown,
                step);
    if (line.equals(last)) {
      return;
    }
    last = line;
    if (terminal) {
      out.print(CLEAR_LINE + line);
    } else if (!step.equals(lastStep)) {
      out.println(line);
    }
    lastStep = step;
    out.flush();
  }

  /**
   * A line of something else comes: on a terminal, it takes the bar's place, which is shown anew.
   */
  synchronized void interrupt() {
    if (terminal && !last.isEmpty()) {
      out.print(CLEAR_LINE);
      out.flush();
      last = "";
    }
  }

  /** Leaves the last state on the screen and goes to the next line. */
  @Override
  public synchronized void close() {
    if (terminal && !last.isEmpty()) {
      out.println();
      last = "";
    }
    // What is said on standard output comes behind it.
    StandardError.settle();
  }
}
