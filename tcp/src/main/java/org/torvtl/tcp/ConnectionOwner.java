/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * The owner of a connection, as the engine sees it. Each part is called from the connection's
 * thread.
 *
 * @param handler is told the connection's events
 * @param transmitter sends its segments
 * @param account is charged for the payload it holds
 */
public record ConnectionOwner(
    ConnectionHandler handler, SegmentTransmitter transmitter, PayloadAccount account) {
  /** One that does not account for memory. */
  public ConnectionOwner(ConnectionHandler handler, SegmentTransmitter transmitter) {
    this(handler, transmitter, PayloadAccount.UNLIMITED);
  }
}
