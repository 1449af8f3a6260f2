/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.torvtl.onion.Secret;

/** The process of one router, from its start to its end, as its proxy sees it. */
final class RouterProcess {
  private static final int SIGNALLED = 128;
  private static final int LAST_MOMENTS_SECONDS = 5;

  private final Process process;

  private RouterProcess(Process process) {
    this.process = process;
  }

  /**
   * Starts the process, in a session of its own. What it says on standard error, ours says.
   *
   * @param command what to run; must end in running the router in the same process
   * @throws IOException if it cannot be started
   */
  static RouterProcess start(List<String> command, Secret secret) throws IOException {
    var whole = new ArrayList<>(List.of("setsid"));
    whole.addAll(command);
    var process =
        new ProcessBuilder(whole)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (var input = process.getOutputStream()) {
      input.write((secret.toHex() + "\n").getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      // It ends before it has read: why, it says itself, and onEnd tells that it did.
      if (!endsSoon(process)) {
        process.destroyForcibly();
        throw e;
      }
    }
    return new RouterProcess(process);
  }

  /** A process that is killed closes its files first, and is gone a moment later. */
  private static boolean endsSoon(Process process) {
    try {
      return process.waitFor(LAST_MOMENTS_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  long pid() {
    return process.pid();
  }

  /** Has the action called when the process has ended, with how it did. */
  void onEnd(Consumer<String> action) {
    process.onExit().thenAccept(ended -> action.accept(how(ended.exitValue())));
  }

  private static String how(int status) {
    return status > SIGNALLED
        ? "was killed by signal " + (status - SIGNALLED)
        : "ended with exit status " + status;
  }

  /** Waits for the end; {@code false} if it does not come in time. */
  boolean ends(Duration within) throws InterruptedException {
    return process.waitFor(within.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** SIGTERM. */
  void terminate() {
    process.destroy();
  }

  /** SIGKILL. */
  void kill() {
    process.destroyForcibly();
  }
}
