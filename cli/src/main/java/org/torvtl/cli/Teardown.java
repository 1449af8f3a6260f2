/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a command has opened, to be closed in the reverse order when it ends: by {@link #close}, or
 * when a signal ends the process, whichever comes first. The other then waits until all is closed.
 *
 * <p>What is being opened when a signal arrives is not missed: it is closed as soon as it is added.
 */
final class Teardown implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Teardown.class);

  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private boolean closed;
  private volatile boolean wasAsked;
  private volatile boolean wasHungUp;
  private volatile boolean hasServed;

  Teardown() {
    Hangup.listen();
    Runtime.getRuntime().addShutdownHook(new Thread(this::closeAsAsked, "teardown"));
  }

  private synchronized void closeAsAsked() {
    wasHungUp = !closed && Hangup.hasCome();
    wasAsked = !closed && !wasHungUp;
    close();
    StandardError.settle();
  }

  /** What was opened is of use from here on. */
  void serves() {
    hasServed = true;
  }

  /**
   * Takes over what keeps traffic from going around Tor. It stays in force when no signal asked for
   * the end, and the program has served, or has taken over from one that had. SIGHUP asks for
   * nothing: a terminal was closed, or the connection to it is lost.
   *
   * @param hasTakenOver whether it was in force before
   * @param remove ends it
   * @param leave ends what keeps it, and leaves it in force
   */
  void addFailingClosed(BooleanSupplier hasTakenOver, AutoCloseable remove, AutoCloseable leave) {
    add(() -> {
      boolean isFailure = !wasAsked && (hasServed || hasTakenOver.getAsBoolean());
      if (isFailure && wasHungUp) {
        wasHungUp = false;
        log.error(
            "SIGHUP: the terminal or session of this program has ended, and it ends as after a failure: what keeps traffic from going around Tor stays in force");
      }
      (isFailure ? leave : remove).close();
    });
  }

  /**
   * Takes over a thing to be closed.
   *
   * @return the same thing
   * @throws IllegalStateException if the process is ending; the thing is closed then
   */
  synchronized <T extends AutoCloseable> T add(T thing) {
    if (closed) {
      close(thing);
      throw new IllegalStateException("ending");
    }
    open.push(thing);
    return thing;
  }

  /** Whether all is closed, or about to be. */
  synchronized boolean isClosed() {
    return closed;
  }

  @Override
  public synchronized void close() {
    closed = true;
    for (var thing = open.poll(); thing != null; thing = open.poll()) {
      close(thing);
    }
  }

  /** Whether the process is ending already, so that what fails now fails because of that. */
  static boolean processIsEnding() {
    try {
      var hook = new Thread(() -> {});
      Runtime.getRuntime().addShutdownHook(hook);
      Runtime.getRuntime().removeShutdownHook(hook);
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }

  private static void close(AutoCloseable thing) {
    try {
      thing.close();
    } catch (Exception e) {
      // The rest must be closed all the same.
      System.err.println(
          "torvtl: could not clean up: " + (e.getMessage() == null ? e : e.getMessage()));
    }
  }
}
