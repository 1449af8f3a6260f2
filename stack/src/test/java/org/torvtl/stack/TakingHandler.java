/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ConnectionHandler;

/**
 * Accepts every connection and takes its data as it comes. What a test wants to note or to do
 * otherwise, it overrides.
 */
class TakingHandler implements StackHandler {
  /** A guest asks for a connection. */
  void requested(GuestConnection pending) {
    pending.accept();
  }

  /**
   * Data of a connection has come.
   *
   * @param data owned
   */
  void data(GuestConnection connection, ByteBuf data) {
    connection.consumed(data.readableBytes());
    data.release();
  }

  /** A guest has so many bytes more of what a connection has sent. */
  void acknowledged(int bytes) {}

  /** A guest has ended its side of a connection. */
  void endOfStream() {}

  void closed(GuestConnection connection, CloseReason reason) {}

  @Override
  public final void connection(GuestConnection pending) {
    pending.handler(
        new ConnectionHandler() {
          @Override
          public void established() {}

          @Override
          public void data(ByteBuf data) {
            TakingHandler.this.data(pending, data);
          }

          @Override
          public void endOfStream() {
            TakingHandler.this.endOfStream();
          }

          @Override
          public void acknowledged(int bytes) {
            TakingHandler.this.acknowledged(bytes);
          }

          @Override
          public void closed(CloseReason reason) {
            TakingHandler.this.closed(pending, reason);
          }
        });
    requested(pending);
  }

  @Override
  public void endOfBatch() {}

  @Override
  public void linkFailed(IOException cause) {
    throw new AssertionError(cause);
  }
}
