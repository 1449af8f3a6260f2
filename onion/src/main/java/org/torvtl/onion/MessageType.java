/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import org.jspecify.annotations.Nullable;

/** What a message says. docs/onion-protocol.md, section 3. */
public enum MessageType {
  /** "I'm up": a router tells its process id. */
  UP(1),
  /** The proxy opens a circuit to the router, and tells whose packets it will carry. */
  OPEN(2),
  /** The router has opened the circuit, and tells where it leads. */
  OPENED(3),
  /** An IP packet, in either direction. */
  PACKET(4),
  /** The sender of this ends the circuit. */
  CLOSE(5);

  private static final MessageType[] VALUES = values();

  private final int code;

  MessageType(int code) {
    this.code = code;
  }

  /** The number on the wire. */
  public int code() {
    return code;
  }

  /** The type of a number on the wire, or {@code null} if it is none. */
  static @Nullable MessageType of(int code) {
    return code >= 1 && code <= VALUES.length ? VALUES[code - 1] : null;
  }
}
