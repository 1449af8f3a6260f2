/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A stream of bytes in both directions to a destination. Every method is called on the stream's
 * event loop. Until {@link StreamHandler#opened}, only {@link #close} may be called.
 */
public interface EgressStream {
  /**
   * Queues bytes until the next {@link #flush}.
   *
   * @param data the stream's from now on
   */
  void write(ByteBuf data);

  /**
   * Sends what was written.
   *
   * @param taken is told once, with null when the egress has taken all that was written so far, or
   *     with why it never will, in a few words
   */
  void flush(Consumer<@Nullable String> taken);

  /** Asks for more bytes: {@link StreamHandler#received} once, and {@code readComplete}. */
  void read();

  /**
   * Asks, after {@link StreamHandler#ended}, whether it was the far end that ended the stream.
   *
   * @param answer is told once: false if the egress itself was gone meanwhile, so that bytes may be
   *     missing
   */
  void confirmEnd(Consumer<Boolean> answer);

  /**
   * How long ago the egress last took bytes of this stream.
   *
   * @return nanoseconds; {@link Long#MAX_VALUE} if the stream is not open
   */
  long nanosSinceTook();

  /** Ends both directions at once, and drops what was not sent. */
  void close();

  /**
   * Ends both directions once all that was written is taken.
   *
   * @param within after which the rest is dropped
   * @param undrained is told when it was
   */
  void closeOnceTaken(Duration within, Runnable undrained);
}
