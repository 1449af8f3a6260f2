/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.io.IOException;

/** What takes the guests' traffic from a stack. Called on the stack's lane only. */
public interface StackHandler {
  /**
   * A guest asks for a TCP connection. The handler must set the connection's handler, and answer
   * now or later by accepting or refusing it.
   */
  void connection(GuestConnection pending);

  /**
   * Whether {@link #connection} takes connections to a port of the gateway's own address, too;
   * others are refused.
   */
  default boolean listens(int port) {
    return false;
  }

  /** A connection is to be ended: it, or its guest, holds more memory than it may. */
  default void memoryIsShort(GuestConnection connection) {
    connection.abort();
  }

  /** An allocation failed: {@link MemoryAccount#giveUp} is to be called. No frame is at hand. */
  default void allocationFailed() {}

  /**
   * A guest has left, and another may have its MAC address now. Its connections have ended.
   *
   * @param guest its MAC address
   */
  default void guestLeft(long guest) {}

  /** No further frame is at hand: the time to flush what was written. */
  void endOfBatch();

  /** The link is gone. */
  void linkFailed(IOException cause);
}
