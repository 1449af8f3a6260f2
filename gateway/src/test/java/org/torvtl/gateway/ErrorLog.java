/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.slf4j.LoggerFactory;

/** The errors that lanes log while it is open. */
final class ErrorLog implements AutoCloseable {
  /** Said of a flow that is cut for a fault. */
  static final String CUT = "a flow is cut, handling it failed; please report this";

  private final Logger logger = (Logger) LoggerFactory.getLogger(Lane.class);
  private final ListAppender<ILoggingEvent> events = new ListAppender<>();

  ErrorLog() {
    events.start();
    logger.addAppender(events);
  }

  List<String> lines() {
    return List.copyOf(events.list).stream()
        .filter(event -> event.getLevel() == Level.ERROR)
        .map(ILoggingEvent::getFormattedMessage)
        .toList();
  }

  @Override
  public void close() {
    logger.detachAppender(events);
  }
}
