/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import java.util.List;

/** Notes each event of a connection in a few words. */
final class RecordedEvents implements ConnectionHandler {
  private final List<String> events;

  RecordedEvents(List<String> events) {
    this.events = events;
  }

  @Override
  public void established() {
    events.add("established");
  }

  @Override
  public void data(ByteBuf data) {
    events.add("data " + data.readableBytes());
    data.release();
  }

  @Override
  public void endOfStream() {
    events.add("end of stream");
  }

  @Override
  public void acknowledged(int bytes) {
    events.add("acknowledged " + bytes);
  }

  @Override
  public void closed(CloseReason reason) {
    events.add("closed " + reason);
  }
}
