/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.channel.Channel;
import io.netty.util.concurrent.Promise;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Connections of one event loop to the proxy on which it was greeted, has agreed to a username and
 * password, and has heard neither yet: they belong to nobody. One that ends, says anything, or
 * waits for long is closed.
 */
final class ReadyConnections {
  private static final int MOST = 16;
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  private final Deque<Channel> waiting = new ArrayDeque<>();

  /** Takes a connection over, or closes it if there are enough. */
  void put(Channel channel) {
    if (waiting.size() == MOST) {
      channel.close();
      return;
    }
    waiting.addFirst(channel);
    Promise<Boolean> lasted = channel.eventLoop().newPromise();
    lasted.addListener(ended -> waiting.remove(channel));
    channel.pipeline().addLast(new SilentConnection(LONGEST_WAIT, lasted));
  }

  /** The connection that was put here last, without a handler; {@code null} if there is none. */
  @Nullable Channel take() {
    var channel = waiting.pollFirst();
    if (channel != null) {
      channel.pipeline().remove(SilentConnection.class);
    }
    return channel;
  }
}
