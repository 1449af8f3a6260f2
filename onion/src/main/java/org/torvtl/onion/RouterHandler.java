/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;

/** What a router acts through. */
public interface RouterHandler {
  /** What {@link #userOf} says if it cannot tell. */
  int UNKNOWN_USER = -1;

  /** Sends a message to the proxy as one datagram; takes the buffer over. */
  void send(ByteBuf message);

  /**
   * Sends an IP packet out of the interface; the buffer is borrowed for the time of the call.
   *
   * @return whether the interface took it
   */
  boolean sendToWorld(ByteBuf packet);

  /** Whether the interface to the world is there, up, and has the exit's address. */
  boolean hasWayOut();

  /**
   * Has the kernel keep a UDP port of the exit's address for the router, so that nobody else gets
   * it and the kernel does not say that it is closed.
   *
   * @return the port, or -1 if there is none
   */
  int reservePort();

  /**
   * The user of this host whose socket sends a flow's packets, or {@link #UNKNOWN_USER}. Asked once
   * for each flow, when its first packet comes.
   */
  int userOf(FlowKey flow);

  /** Gives a port back. */
  void releasePort(int port);

  /** The proxy has ended the circuit: there is nothing more to do. */
  void closed();

  /** A line for the router's log. */
  void log(String line);
}
