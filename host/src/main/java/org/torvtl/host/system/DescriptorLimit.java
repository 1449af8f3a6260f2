/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * How many file descriptors this process may have: RLIMIT_NOFILE of getrlimit(2). There is nothing
 * to raise: the JVM has set the soft limit to the hard one at its start.
 *
 * @param most that may be open at a time
 * @param open that are open now
 */
public record DescriptorLimit(long most, long open) {
  private static final String LINE = "Max open files";

  /**
   * As it is now.
   *
   * @throws IOException if {@code /proc} cannot be read
   */
  public static DescriptorLimit current() throws IOException {
    return new DescriptorLimit(
        soft(Files.readString(Path.of("/proc/self/limits"))), count(Path.of("/proc/self/fd")));
  }

  /** The soft limit, from the text of {@code /proc/PID/limits}: proc_pid_limits(5). */
  static long soft(String limits) throws IOException {
    var line =
        limits
            .lines()
            .filter(each -> each.startsWith(LINE))
            .findFirst()
            .orElseThrow(() -> new IOException("/proc/self/limits has no line '" + LINE + "'"));
    var soft = line.substring(LINE.length()).strip().split(" +", 2)[0];
    return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
  }

  private static long count(Path folder) throws IOException {
    try (var all = Files.list(folder)) {
      return all.count();
    }
  }

  /** How many more may be opened. */
  public long left() {
    return Math.max(0, most - open);
  }
}
