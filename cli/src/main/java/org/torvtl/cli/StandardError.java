/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Standard error that takes at once what is written to it. A terminal that was stopped (Ctrl-S) or
 * a pipe that is full would stop the thread that writes: the guests' traffic, which logs, or the
 * reader of tor's log, and tor with it.
 *
 * <p>A thread of its own writes. What it cannot write waits, up to {@link #CAPACITY_BYTES}; what
 * comes after that is lost until it writes again, and it says how many lines that were.
 */
final class StandardError extends OutputStream {
  /** Some ten thousand lines. */
  static final int CAPACITY_BYTES = 1 << 20;

  /** How long the end of the program, or of a bar, is put off for what is still to be written. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private static volatile @Nullable StandardError installed;

  private final OutputStream out;
  private final ByteArrayOutputStream waiting = new ByteArrayOutputStream();
  private boolean isWriting;
  private long lostLines;

  /**
   * @param out may block
   */
  StandardError(OutputStream out) {
    this.out = out;
    Thread.ofPlatform().daemon().name("standard error").start(this::writeAll);
  }

  /** Puts one in the place of {@link System#err}. */
  static void install() {
    var error = new StandardError(new FileOutputStream(FileDescriptor.err));
    installed = error;
    System.setErr(new PrintStream(error, true, System.err.charset()));
    Runtime.getRuntime().addShutdownHook(new Thread(StandardError::settle, "last errors"));
  }

  /** Waits until all is written that was said by now, but not long. */
  static void settle() {
    var error = installed;
    if (error != null) {
      error.awaitWritten(PATIENCE);
    }
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  /** Takes all of it or nothing. */
  @Override
  public synchronized void write(byte[] bytes, int from, int length) {
    if (lostLines > 0 || waiting.size() + length > CAPACITY_BYTES) {
      lostLines += Math.max(lostLines > 0 ? 0 : 1, lines(bytes, from, length));
      return;
    }
    waiting.write(bytes, from, length);
    notifyAll();
  }

  private static int lines(byte[] bytes, int from, int length) {
    int lines = 0;
    for (int i = from; i < from + length; i++) {
      lines += bytes[i] == '\n' ? 1 : 0;
    }
    return lines;
  }

  private void writeAll() {
    try {
      while (true) {
        byte[] next = next();
        try {
          out.write(next);
          out.flush();
        } catch (IOException e) {
          // Its reader is gone, and there is no other place to say it.
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** All that waits, and what was lost behind it. */
  private synchronized byte[] next() throws InterruptedException {
    isWriting = false;
    notifyAll();
    while (waiting.size() == 0) {
      wait();
    }
    isWriting = true;
    byte[] bytes = waiting.toByteArray();
    if (lostLines > 0) {
      boolean endsWithinLine = bytes[bytes.length - 1] != '\n';
      var notice =
          "%storvtl: %d lines were lost here, for standard error was not read%n"
              .formatted(endsWithinLine ? System.lineSeparator() : "", lostLines);
      waiting.writeBytes(notice.getBytes(StandardCharsets.US_ASCII));
      bytes = waiting.toByteArray();
      lostLines = 0;
    }
    waiting.reset();
    return bytes;
  }

  /** Waits until nothing waits any more, for a time at most; whether nothing does. */
  synchronized boolean awaitWritten(Duration timeout) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    try {
      while (isWriting || waiting.size() > 0) {
        long millis = Duration.ofNanos(deadlineNanos - System.nanoTime()).toMillis();
        if (millis <= 0) {
          return false;
        }
        wait(millis);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
    return true;
  }
}
