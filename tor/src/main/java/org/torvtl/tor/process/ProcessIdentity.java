/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One process and no other, also after it has ended and its id was given to someone else. Linux.
 *
 * @param pid the process id
 * @param startTicks its start time in clock ticks since boot, as in {@code /proc/PID/stat}
 */
public record ProcessIdentity(long pid, long startTicks) {
  /** This process. */
  public static ProcessIdentity current() {
    return of(ProcessHandle.current().pid())
        .orElseThrow(() -> new IllegalStateException("/proc is not mounted"));
  }

  /**
   * The process that has this id now; empty if there is none, or it has ended and only waits for
   * its parent to notice.
   */
  public static Optional<ProcessIdentity> of(long pid) {
    String stat;
    try {
      stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
    } catch (IOException e) {
      return Optional.empty();
    }
    // The second field is the program's name in parentheses and may itself hold blanks and
    // parentheses.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    if (fields[0].equals("Z") || fields[0].equals("X")) {
      return Optional.empty();
    }
    return Optional.of(new ProcessIdentity(pid, Long.parseLong(fields[19])));
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static ProcessIdentity parse(String text) {
    String[] parts = text.strip().split(" ", -1);
    if (parts.length != 2) {
      throw new IllegalArgumentException("not a process identity: " + text);
    }
    return new ProcessIdentity(Long.parseLong(parts[0]), Long.parseLong(parts[1]));
  }

  /**
   * Whether this very process still runs, and runs as that user.
   *
   * @param uid the real user id
   */
  boolean isAliveAs(int uid) {
    try (var lines = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
      return lines.anyMatch(
              line -> line.startsWith("Uid:\t" + Integer.toUnsignedString(uid) + "\t"))
          && isAlive();
    } catch (IOException | UncheckedIOException e) {
      // It has ended.
      return false;
    }
  }

  /** Whether this very process still runs. */
  public boolean isAlive() {
    return of(pid).map(this::equals).orElse(false);
  }

  /**
   * Ends the process: SIGTERM, and SIGKILL if it is still there after the deadline. Returns when it
   * is gone. Does nothing to another process that has the same id.
   *
   * @throws IOException if it is still there some seconds after SIGKILL
   */
  public void end(Duration deadline) throws IOException, InterruptedException {
    var handle = ProcessHandle.of(pid);
    if (handle.isEmpty() || !isAlive()) {
      return;
    }
    handle.get().destroy();
    if (!exits(handle.get(), deadline)) {
      handle.get().destroyForcibly();
      if (!exits(handle.get(), Duration.ofSeconds(10))) {
        throw new IOException("process " + pid + " does not end, not even by SIGKILL");
      }
    }
  }

  private boolean exits(ProcessHandle handle, Duration deadline) throws InterruptedException {
    try {
      handle.onExit().get(deadline.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return !isAlive();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The two numbers with a blank between them. */
  @Override
  public String toString() {
    return pid + " " + startTicks;
  }
}
