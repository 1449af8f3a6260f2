/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Waiting for a state of the kernel or of another program that announces itself by no event. */
final class Waiting {
  private static final long PERIOD_NANOS = Duration.ofMillis(20).toNanos();

  private Waiting() {}

  @FunctionalInterface
  interface Probe<T> {
    Optional<T> get() throws Exception;
  }

  @FunctionalInterface
  interface Condition {
    boolean holds() throws Exception;
  }

  @FunctionalInterface
  interface Ending {
    void end() throws IOException, InterruptedException;
  }

  /** For close methods, which must not throw InterruptedException: it becomes an IOException. */
  static void toEnd(Ending ending) throws IOException {
    try {
      ending.end();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException("interrupted while closing").initCause(e);
    }
  }

  /** The probe's value as soon as it has one. */
  static <T> T forValue(String what, Duration deadline, Probe<T> probe)
      throws InterruptedException {
    long endNanos = System.nanoTime() + deadline.toNanos();
    while (true) {
      var value = probe(what, probe);
      if (value.isPresent()) {
        return value.get();
      }
      if (System.nanoTime() - endNanos > 0) {
        throw new IllegalStateException(
            "after %d s still waiting for %s".formatted(deadline.toSeconds(), what));
      }
      LockSupport.parkNanos(PERIOD_NANOS);
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }

  static void until(String what, Duration deadline, Condition condition)
      throws InterruptedException {
    var unused =
        forValue(what, deadline, () -> condition.holds() ? Optional.of(what) : Optional.empty());
  }

  private static <T> Optional<T> probe(String what, Probe<T> probe) throws InterruptedException {
    try {
      return probe.get();
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("cannot look for " + what, e);
    }
  }
}
