/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import org.torvtl.tor.socks.ReadSizes;

/**
 * The way out for what guests send. What is asked for under different isolation keys shares nothing
 * on its way.
 */
public interface Egress {
  /**
   * Opens a stream for a guest.
   *
   * @param address IPv4 address, network byte order
   * @param reads how much of the stream is read at a time
   * @param next gets the stream's bytes
   * @return the stream, with autoRead off and half-closure allowed. Cancelling it closes the
   *     stream. How it fails, {@link #refusal} explains
   */
  Future<Channel> connect(
      EventLoop loop,
      String isolationKey,
      int address,
      int port,
      ReadSizes reads,
      ChannelHandler next);

  /** What to tell a guest whose stream failed to open with {@code cause}. */
  Refusal refusal(Throwable cause);

  /** Whether {@code cause} is that the egress itself is not there. */
  boolean isGone(Throwable cause);

  /** Asks for the address of a name. */
  Future<InetAddress> resolve(EventLoop loop, String isolationKey, String name);

  /** Asks for the name of an address. */
  Future<String> resolvePtr(EventLoop loop, String isolationKey, InetAddress address);

  /**
   * Tells whether the egress is there. A stream that ended because the egress died looks the same
   * as one whose far end is done; asked after a stream has ended, this tells them apart.
   *
   * @return fails with what {@link #refusal} has {@link Refusal#NONE} for if it could not be asked
   */
  Future<Boolean> isAlive(EventLoop loop);

  /**
   * Watches for a while whether the egress goes away. A stream tells that only behind all that it
   * still has to bring, which may be long after, when the egress is there again.
   *
   * @return whether there was no sign of it; if there was, {@link #isAlive} is to be asked. Fails
   *     as that does if there can be no watch
   */
  Future<Boolean> watch(EventLoop loop);

  /** How a guest's request for a connection is refused. */
  enum Refusal {
    /**
     * Not at all: it is left without an answer, so the guest repeats it. The egress could not be
     * asked for want of something, which says nothing about the remote end, and may pass.
     */
    NONE,
    /** As by a host where nothing listens on the port: with a RST. */
    RESET,
    /** As by a router that knows no way to the network. */
    NETWORK_UNREACHABLE,
    /** As by a router that knows no way to the host, or hears nothing from it. */
    HOST_UNREACHABLE,
    /** As by a router that is told not to forward. */
    PROHIBITED
  }
}
