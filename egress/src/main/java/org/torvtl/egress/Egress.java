/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.egress;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.util.function.ObjLongConsumer;

/**
 * A way out for what guests send. Requests with different isolation keys share nothing on their
 * way. Any number of event loops may use one egress; each request belongs to the loop it was made
 * on.
 */
public interface Egress {
  /**
   * Opens a stream. To be called on the loop.
   *
   * @param handler is told, on the loop, what becomes of it; not before this has returned
   * @return the stream, which is not open yet. Closing it gives it up
   */
  EgressStream connect(
      EventLoop loop,
      Destination destination,
      IsolationKey isolation,
      StreamOptions options,
      StreamHandler handler);

  /**
   * Asks for an address of a name.
   *
   * @param name a host name, without a dot at the end
   * @return fails with an {@link EgressException} if there is no answer. Cancelling it ends the
   *     question
   */
  Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name);

  /** Asks for the name of an address; otherwise as {@link #resolve}. */
  Future<Answer> resolvePtr(EventLoop loop, IsolationKey isolation, InetAddress address);

  /** Gives every counter to {@code sink} with its name; from any thread, a moment old. */
  void count(ObjLongConsumer<String> sink);
}
