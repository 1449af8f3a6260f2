/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.socket.UnixSockets;

/**
 * How long ago the egress last took bytes of a stream whose guest has ended its side: the FIN may
 * be far ahead of the last bytes, which wait in the socket.
 *
 * <p>TCP keeps the time. A Unix domain socket only tells how much its peer has not read yet, so
 * there it is the time of the last write, or of the last look that found less than the one before.
 */
final class StreamProgress {
  private long tookNanos;
  private int unread;

  /** The socket took bytes. */
  void written(long nowNanos) {
    tookNanos = nowNanos;
  }

  /** A very long time if the stream is not open. */
  long nanosSinceTook(@Nullable Channel channel, long nowNanos) {
    return switch (channel) {
      case EpollSocketChannel tcp when tcp.isActive() ->
          TimeUnit.MILLISECONDS.toNanos(tcp.tcpInfo().lastDataSent());
      case EpollDomainSocketChannel unix when unix.isActive() ->
          nanosSinceTook(UnixSockets.unreadByPeer(unix.fd().intValue()), nowNanos);
      case null, default -> Long.MAX_VALUE;
    };
  }

  /** For a socket with bytes that its peer has not read. */
  long nanosSinceTook(int unreadBytes, long nowNanos) {
    if (unreadBytes != unread) {
      unread = unreadBytes;
      tookNanos = nowNanos;
    }
    return nowNanos - tookNanos;
  }
}
