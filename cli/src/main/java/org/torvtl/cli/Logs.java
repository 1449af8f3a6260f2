/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;

/** How much is logged; where and how, logback.xml says. */
final class Logs {
  private Logs() {}

  /** The project's own logs at debug level if {@code verbose}, else warnings only. */
  static void configure(boolean verbose) {
    if (LoggerFactory.getLogger("org.torvtl") instanceof Logger logger) {
      logger.setLevel(verbose ? Level.DEBUG : Level.WARN);
    }
  }
}
