/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import io.netty.buffer.ByteBuf;
import java.io.IOException;

/** Passes everything on to another receiver; what is to be done otherwise is overridden. */
public abstract class ForwardingReceiver implements Link.Receiver {
  private final Link.Receiver receiver;

  protected ForwardingReceiver(Link.Receiver receiver) {
    this.receiver = receiver;
  }

  @Override
  public void frame(ByteBuf frame) {
    receiver.frame(frame);
  }

  @Override
  public void trustedFrame(ByteBuf frame) {
    receiver.trustedFrame(frame);
  }

  @Override
  public void guestLeft(long mac) {
    receiver.guestLeft(mac);
  }

  @Override
  public void drained() {
    receiver.drained();
  }

  @Override
  public void endOfBatch() {
    receiver.endOfBatch();
  }

  @Override
  public void allocationFailed() {
    receiver.allocationFailed();
  }

  @Override
  public void failed(IOException cause) {
    receiver.failed(cause);
  }
}
