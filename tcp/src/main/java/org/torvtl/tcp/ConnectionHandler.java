/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;

/**
 * What the owner of a connection hears from it.
 *
 * <p>Events come on the caller's thread from inside calls to {@link TcpConnection}. The handler may
 * call the connection back from inside any event: what that makes the engine send goes out together
 * when the outer call ends. After {@link #closed} there are no more events.
 */
public interface ConnectionHandler {
  /** The handshake is complete. Not called for a connection that ends before. */
  void established();

  /**
   * The next bytes from the peer, in order. The handler owns the buffer and must release it; every
   * byte must be given back with {@link TcpConnection#consumed} once it no longer takes up memory,
   * for the window to reopen.
   *
   * @param data at least one readable byte
   */
  void data(ByteBuf data);

  /** The peer has sent its last byte, and all were delivered. We may still send. */
  void endOfStream();

  /**
   * The peer has acknowledged bytes and their memory is free again.
   *
   * @param bytes how many bytes of those given to {@link TcpConnection#send}, at least 1
   */
  void acknowledged(int bytes);

  /**
   * The connection is over; called exactly once, the last event. In {@link TcpState#TIME_WAIT} the
   * engine goes on answering the peer's old segments, so the connection must stay reachable by
   * segments and deadlines until its state is {@link TcpState#CLOSED}.
   */
  void closed(CloseReason reason);
}
