/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

/**
 * Whether SIGHUP ends this process: its terminal was closed, or the connection to it is lost. That
 * is not what a user does to open the host; SIGINT and SIGTERM are.
 *
 * <p>The exit status is 129, as without this. Where SIGHUP is ignored (nohup), it stays so.
 */
final class Hangup {
  private static final int STATUS_OF_SIGNALS = 128, SIGHUP = 1;

  private static volatile boolean hasCome;

  private static boolean isListening;

  private Hangup() {}

  /** Whether it came, since {@link #listen}. */
  static boolean hasCome() {
    return hasCome;
  }

  /** Listens from here on. More calls do nothing. */
  static synchronized void listen() {
    if (!isListening) {
      Signals.handle(
          "HUP",
          () -> {
            hasCome = true;
            System.exit(STATUS_OF_SIGNALS + SIGHUP);
          });
      isListening = true;
    }
  }
}
