/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/** A command under way: its output as it comes, its signals, its end. */
public final class RunningCommand implements Closeable {
  private final List<String> command;
  private final Process process;
  private final long startedNanos = System.nanoTime();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final StringBuilder out = new StringBuilder();
  private final StringBuilder err = new StringBuilder();
  private int openStreams = 2;

  private RunningCommand(List<String> command, Process process) {
    this.command = command;
    this.process = process;
  }

  /**
   * Starts a command.
   *
   * @param wrapper what goes in front of it, such as nsenter with its options; not named in
   *     messages
   * @param keepInput whether its standard input stays open until {@link #close}; otherwise empty
   */
  static RunningCommand start(List<String> wrapper, List<String> command, boolean keepInput)
      throws IOException {
    var whole = new java.util.ArrayList<>(wrapper);
    whole.addAll(command);
    var running = new RunningCommand(command, new ProcessBuilder(whole).start());
    if (!keepInput) {
      running.process.getOutputStream().close();
    }
    running.collect(running.process.getInputStream(), running.out);
    running.collect(running.process.getErrorStream(), running.err);
    return running;
  }

  private void collect(InputStream stream, StringBuilder text) {
    Thread.ofPlatform()
        .daemon()
        .name("output of " + command.getFirst())
        .start(() -> {
          var buffer = new byte[8192];
          try (stream) {
            for (int n = stream.read(buffer); n >= 0; n = stream.read(buffer)) {
              append(text, new String(buffer, 0, n, ISO_8859_1));
            }
          } catch (IOException e) {
            append(text, "\n(output lost: " + e.getMessage() + ")\n");
          } finally {
            lock.lock();
            try {
              openStreams--;
              changed.signalAll();
            } finally {
              lock.unlock();
            }
          }
        });
  }

  private void append(StringBuilder text, String more) {
    lock.lock();
    try {
      text.append(more);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** The process that was started: the wrapper, where there is one that stays. */
  ProcessHandle handle() {
    return process.toHandle();
  }

  public boolean isRunning() {
    return process.isAlive();
  }

  /** What it printed up to now, standard output first. */
  public String output() {
    lock.lock();
    try {
      return out + (err.isEmpty() ? "" : "\n--- stderr\n" + err);
    } finally {
      lock.unlock();
    }
  }

  /** Waits until standard output or standard error, as far as printed, satisfies the condition. */
  public void awaitOutput(String what, Predicate<String> condition, Duration deadline)
      throws InterruptedException {
    long endNanos = System.nanoTime() + deadline.toNanos();
    lock.lock();
    try {
      while (!condition.test(out.toString()) && !condition.test(err.toString())) {
        long leftNanos = endNanos - System.nanoTime();
        if (openStreams == 0 || leftNanos <= 0) {
          throw new IllegalStateException(
              "%s: %s without %s%n%s"
                  .formatted(
                      String.join(" ", command),
                      leftNanos <= 0 ? deadline.toSeconds() + " s went by" : "ended",
                      what,
                      output()));
        }
        changed.awaitNanos(leftNanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits for a whole line that begins with {@code prefix}, on either stream. */
  public void awaitLine(String prefix, Duration deadline) throws InterruptedException {
    awaitOutput(
        "a line '" + prefix + "…'",
        text -> text.lines().anyMatch(line -> line.startsWith(prefix)),
        deadline);
  }

  /** Waits for the end; past the deadline it is killed, and that is a failure. */
  public CommandResult await(Duration deadline) throws InterruptedException {
    long endNanos = System.nanoTime() + deadline.toNanos();
    boolean ended = process.waitFor(deadline.toNanos(), TimeUnit.NANOSECONDS);
    lock.lock();
    try {
      // A process that outlives the command may hold its output open; that is its own affair.
      long graceNanos = Math.max(endNanos - System.nanoTime(), 0);
      graceNanos = Math.min(graceNanos, TimeUnit.SECONDS.toNanos(2));
      while (ended && openStreams > 0 && graceNanos > 0) {
        graceNanos = changed.awaitNanos(graceNanos);
      }
    } finally {
      lock.unlock();
    }
    if (!ended) {
      kill();
      throw new IllegalStateException(
          "%s: still running after %d s%n%s"
              .formatted(String.join(" ", command), deadline.toSeconds(), output()));
    }
    lock.lock();
    try {
      return new CommandResult(
          command,
          process.exitValue(),
          out.toString(),
          err.toString(),
          Duration.ofNanos(System.nanoTime() - startedNanos));
    } finally {
      lock.unlock();
    }
  }

  private void kill() {
    Collection<ProcessHandle> all = handle().descendants().toList();
    all.forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }

  /** Kills it with its descendants, if it still runs. */
  @Override
  public void close() {
    if (process.isAlive()) {
      kill();
    }
  }
}
