/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.world;

/** What the far end does with a connection, by its port. All numbers are in network byte order. */
public enum Service {
  /** Sends back what comes. RFC 862. */
  ECHO(7),

  /**
   * Takes blocks: their length as 8 bytes, then as many. After a block of length 0 it sends, as 8
   * bytes, how many it took in all, and closes.
   */
  COUNT(9),

  /** Once it got a byte, sends without end. */
  SOURCE(19),

  /** Takes a request of {@link #MESSAGE_LENGTH} bytes, sends as many, and closes. */
  ANSWER(80),

  /**
   * Takes the seed and the length of a {@link SeededStream}, 8 bytes each, and the stream, then
   * sends its SHA-256 and closes.
   */
  HASH(9001),

  /** Takes the same two numbers, sends the stream and its SHA-256, and closes. */
  SEEDED_SOURCE(9002);

  public static final int MESSAGE_LENGTH = 64;

  private final int port;

  Service(int port) {
    this.port = port;
  }

  public int port() {
    return port;
  }
}
