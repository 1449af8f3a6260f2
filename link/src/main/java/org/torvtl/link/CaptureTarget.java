/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** Where a capture goes. Used by one thread, which may wait here. */
public interface CaptureTarget extends Closeable {
  /** Begins the capture; called once, before any {@link #write}. */
  void begin(ByteBuffer header) throws IOException;

  /** Takes all remaining bytes: whole blocks, at most 256 KiB. */
  void write(ByteBuffer blocks) throws IOException;

  /** All of it into a channel, which is closed with this. */
  static CaptureTarget of(WritableByteChannel channel) {
    return new CaptureTarget() {
      @Override
      public void begin(ByteBuffer header) throws IOException {
        write(header);
      }

      @Override
      public void write(ByteBuffer blocks) throws IOException {
        while (blocks.hasRemaining()) {
          channel.write(blocks);
        }
      }

      @Override
      public void close() throws IOException {
        channel.close();
      }
    };
  }
}
