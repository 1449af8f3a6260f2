/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a process uses, as proc(5) has it. */
final class ProcessUsage {
  /** Of sysconf(_SC_CLK_TCK), the same on every architecture Linux runs a JVM on. */
  private static final double TICKS_PER_SECOND = 100;

  private static final int UTIME = 11, STIME = 12;

  private final long pid;

  ProcessUsage(ProcessHandle process) {
    pid = process.pid();
  }

  /** Seconds of CPU that all its threads have used, in user space and in the kernel. */
  double cpuSeconds() throws IOException {
    var stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    // The name in parentheses may hold anything.
    var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return (Long.parseLong(fields[UTIME]) + Long.parseLong(fields[STIME])) / TICKS_PER_SECOND;
  }

  /** Resident memory now. */
  double residentMebibytes() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/" + pid + "/status"))) {
      var line = lines.filter(each -> each.startsWith("VmRSS:")).findFirst().orElseThrow();
      return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0;
    }
  }
}
