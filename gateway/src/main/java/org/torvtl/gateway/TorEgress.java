/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.SocketAddress;
import java.time.Duration;
import org.torvtl.tor.socks.PeerCheck;
import org.torvtl.tor.socks.ReadSizes;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksCredentials;
import org.torvtl.tor.socks.SocksDestination;
import org.torvtl.tor.socks.SocksException;

/** Out through Tor's SOCKS port. An isolation key is the SOCKS password. */
public final class TorEgress implements Egress {
  private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(2);

  /** Tor complains in its log about a connection that has asked for nothing for two minutes. */
  private static final Duration WATCH = Duration.ofSeconds(60);

  private final SocksClient socks;
  private final SocksPortFlags flags;

  /**
   * @param proxy Tor's SOCKS port: an address, not a name, or a Unix domain socket
   * @param peers who may be taken for Tor there
   */
  public TorEgress(SocketAddress proxy, PeerCheck peers) {
    this.socks = new SocksClient(proxy, peers);
    this.flags = new SocksPortFlags(socks);
  }

  @Override
  public Future<Channel> connect(
      EventLoop loop,
      String isolationKey,
      int address,
      int port,
      ReadSizes reads,
      ChannelHandler next) {
    var stream =
        socks.connect(
            loop,
            SocksDestination.ofIpv4(address, port),
            SocksCredentials.isolation(isolationKey),
            reads,
            next);
    stream.addListener(done -> {
      if (!done.isSuccess()) {
        flags.streamFailed(loop, done.cause());
      }
    });
    return stream;
  }

  @Override
  public Refusal refusal(Throwable cause) {
    if (cause instanceof SocksException.Refused refused) {
      return switch (refused.reply()) {
        // An exit that is refused a connection mostly ends the stream with the reason MISC, which
        // arrives here as a general failure; only rarely does it say that it was refused.
        case CONNECTION_REFUSED, GENERAL_FAILURE -> Refusal.RESET;
        case NOT_ALLOWED -> Refusal.PROHIBITED;
        case NETWORK_UNREACHABLE -> Refusal.NETWORK_UNREACHABLE;
        default -> Refusal.HOST_UNREACHABLE;
      };
    }
    if (cause instanceof SocksException temporary && temporary.isTemporary()) {
      return Refusal.NONE;
    }
    // A proxy that answers too late means a remote end not heard from; all else that there is no
    // Tor.
    return cause instanceof SocksException.TimedOut ? Refusal.HOST_UNREACHABLE : Refusal.RESET;
  }

  @Override
  public boolean isGone(Throwable cause) {
    return cause instanceof SocksException.ProxyUnreachable
        || cause instanceof SocksException.ForeignPeer;
  }

  @Override
  public Future<InetAddress> resolve(EventLoop loop, String isolationKey, String name) {
    return flags.checked(loop, socks.resolve(loop, name, SocksCredentials.isolation(isolationKey)));
  }

  @Override
  public Future<String> resolvePtr(EventLoop loop, String isolationKey, InetAddress address) {
    return flags.checked(
        loop, socks.resolvePtr(loop, address, SocksCredentials.isolation(isolationKey)));
  }

  @Override
  public Future<Boolean> isAlive(EventLoop loop) {
    return socks.isAlive(loop, PROBE_TIMEOUT);
  }

  @Override
  public Future<Boolean> watch(EventLoop loop) {
    return socks.watch(loop, WATCH);
  }
}
