/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One run of one {@code tor}, from its start to its exit. */
public final class TorProcess implements AutoCloseable {
  private final Process process;
  private final TorLog log = new TorLog();
  private final CompletableFuture<Void> bootstrapped = new CompletableFuture<>();
  private final CompletableFuture<Integer> exited = new CompletableFuture<>();
  private final CountDownLatch logEnded = new CountDownLatch(1);

  private TorProcess(Process process) {
    this.process = process;
  }

  /**
   * Starts tor.
   *
   * @param torrc its configuration; it should log at level notice to standard output, and name us
   *     as {@code __OwningControllerProcess}
   * @param launcher words put before the command, such as {@code nsenter --net=FILE}; they must end
   *     in running it in the same process
   * @param listener told each log entry we understand, on a thread that reads tor's output
   * @throws TorException if tor is not installed or the launcher cannot be started
   */
  public static TorProcess start(Path torrc, List<String> launcher, Consumer<TorLog.Entry> listener)
      throws TorException {
    var words = new ArrayList<String>();
    try {
      int user = PrivateDirectory.effectiveUid();
      if (PrivateDirectory.realUid() != user) {
        // The real one is to keep other processes of the user from us, tor among them.
        words.addAll(List.of("setpriv", "--reuid=" + Integer.toUnsignedString(user)));
      }
    } catch (IOException e) {
      throw new TorException("cannot start tor: " + e.getMessage());
    }
    words.addAll(launcher);
    var builder = new ProcessBuilder(command(torrc, words));
    builder
        .redirectErrorStream(true)
        .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      var isSetprivMissing = !words.isEmpty() && words.getFirst().equals("setpriv");
      throw new TorException(
          "cannot start tor: %s%s"
              .formatted(
                  e.getMessage(),
                  isSetprivMissing ? " (setpriv is in the package util-linux)" : ""));
    }
    var tor = new TorProcess(process);
    Thread.ofPlatform()
        .daemon()
        .name("tor-log-" + process.pid())
        .start(() -> tor.readLog(listener));
    var unused = process.onExit().thenAcceptAsync(tor::ended);
    return tor;
  }

  /**
   * The command that runs tor with this torrc and nothing else, in a session of its own.
   *
   * @throws TorException if tor is not on the PATH
   */
  public static List<String> command(Path torrc, List<String> launcher) throws TorException {
    var command = new ArrayList<>(launcher);
    command.add("setsid");
    command.add(torBinary(System.getenv("PATH")).toString());
    command.addAll(
        List.of("-f", torrc.toAbsolutePath().toString(), "--defaults-torrc", "/dev/null"));
    return command;
  }

  /**
   * Does nothing if tor is installed.
   *
   * @throws TorException if tor is not on the PATH: says how to install it
   */
  public static void checkInstalled() throws TorException {
    torBinary(System.getenv("PATH"));
  }

  /**
   * Where tor is.
   *
   * @param searchPath folders with a colon between them, as in PATH
   * @throws TorException if it is in none of them
   */
  static Path torBinary(@Nullable String searchPath) throws TorException {
    for (var folder : (searchPath == null ? "" : searchPath).split(File.pathSeparator, -1)) {
      var candidate = Path.of(folder.isEmpty() ? "." : folder, "tor").toAbsolutePath();
      if (isProgram(candidate)) {
        return candidate;
      }
    }
    throw new TorException(
        "cannot start tor: not found on the PATH (install it: apt-get install tor)");
  }

  /** Not by access(2), which asks for the real user, where that may be nobody. */
  private static boolean isProgram(Path file) throws TorException {
    try {
      return Files.isRegularFile(file)
          && !Collections.disjoint(
              Files.getPosixFilePermissions(file),
              List.of(
                  PosixFilePermission.OWNER_EXECUTE,
                  PosixFilePermission.GROUP_EXECUTE,
                  PosixFilePermission.OTHERS_EXECUTE));
    } catch (IOException e) {
      throw new TorException("cannot look at %s: %s".formatted(file, e.getMessage()));
    }
  }

  private void readLog(Consumer<TorLog.Entry> listener) {
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        log.add(line);
        var entry = TorLog.parse(line);
        entry.ifPresent(listener);
        if (entry.isPresent()
            && entry.get() instanceof TorLog.Entry.Bootstrap b
            && b.percent() == 100) {
          bootstrapped.complete(null);
        }
      }
    } catch (IOException e) {
      log.add("[warn] tor's output could not be read: " + e.getMessage());
    } finally {
      logEnded.countDown();
    }
  }

  private void ended(Process ended) {
    try {
      // The reason is in the last lines; a child of tor's could hold the pipe open for longer than
      // tor lives.
      if (!logEnded.await(2, TimeUnit.SECONDS)) {
        log.add("[notice] tor's output did not end with it");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    int status = ended.exitValue();
    bootstrapped.completeExceptionally(new TorException(failure(status)));
    exited.complete(status);
  }

  /** One line that says that tor ended and why, by its own log. */
  public String failure() {
    return exited.isDone() ? failure(exited.join()) : "tor has not ended";
  }

  private String failure(int status) {
    // As the shell counts, and Java: 128 and the signal.
    return status > 128
        ? "tor was killed by signal " + (status - 128)
        : "tor ended with status " + status + log.reason().map(r -> ": " + r).orElse("");
  }

  /** The last lines of tor's log, oldest first. */
  public List<String> logTail() {
    return log.tail();
  }

  /** Tor's process id. */
  public long pid() {
    return process.pid();
  }

  /** Whether tor runs. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Completed when tor is at 100 %; with a {@link TorException} if it ends before. */
  public CompletableFuture<Void> bootstrapped() {
    return bootstrapped.copy();
  }

  /** Completed with the exit status when tor has ended, asked or not. */
  public CompletableFuture<Integer> exited() {
    return exited.copy();
  }

  /**
   * Ends tor by SIGTERM, which has a client save its state and exit at once; by SIGKILL if it has
   * not after the deadline. Returns when it is gone.
   */
  public void stop(Duration deadline) throws InterruptedException {
    process.destroy();
    if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly();
      process.waitFor();
    }
    exited.join();
  }

  /** As {@link #stop}, with five seconds. */
  @Override
  public void close() {
    try {
      stop(Duration.ofSeconds(5));
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
