/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.IoEventLoop;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.socksx.v5.DefaultSocks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5CommandType;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.Destination;
import org.torvtl.egress.socket.ReadSizes;

/**
 * Asks one SOCKS5 proxy for streams, addresses and names. Any number of event loops may share one;
 * all it keeps is, for each of them, a few {@link ReadyConnections}.
 *
 * <p>Each future fails with a {@link SocksException}; cancelling it, from any thread, closes the
 * connection to the proxy.
 */
public final class SocksClient {
  /** How long the TCP connection to the proxy may take. A proxy is near: it answers or is gone. */
  public static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /** How long the proxy may take to answer: Tor's own SocksTimeout of 120 s, and a margin. */
  public static final Duration REPLY_TIMEOUT = Duration.ofSeconds(130);

  private static final Socks5CommandType RESOLVE = new Socks5CommandType(0xF0, "RESOLVE");
  private static final Socks5CommandType RESOLVE_PTR = new Socks5CommandType(0xF1, "RESOLVE_PTR");

  private static final SocksCredentials PROBE = SocksCredentials.isolation("torvtl");
  private static final ReadSizes PROBE_READS = new ReadSizes(1448, 1448);

  private final SocksExchange.Proxy proxy;
  private final SocketAddress connectAddress;
  private final Duration connectTimeout;
  private final Duration replyTimeout;
  private final Map<EventLoop, ReadyConnections> ready = new ConcurrentHashMap<>();

  /** A client with {@link #CONNECT_TIMEOUT} and {@link #REPLY_TIMEOUT}. */
  public SocksClient(SocketAddress proxy, PeerCheck peers) {
    this(proxy, peers, CONNECT_TIMEOUT, REPLY_TIMEOUT);
  }

  /**
   * A client of one proxy.
   *
   * @param proxy an {@link InetSocketAddress}, or a {@link UnixDomainSocketAddress}, which takes
   *     event loops over epoll
   * @param peers who may be taken for the proxy
   * @param connectTimeout from the start to the connection
   * @param replyTimeout from the connection to the end of the proxy's reply
   * @throws IllegalArgumentException if {@code proxy} is a name that has not been resolved: this
   *     class never asks a local resolver
   */
  public SocksClient(
      SocketAddress proxy, PeerCheck peers, Duration connectTimeout, Duration replyTimeout) {
    if (proxy instanceof InetSocketAddress inet && inet.isUnresolved()) {
      throw new IllegalArgumentException(
          "the SOCKS proxy %s is a name (give its address)".formatted(inet.getHostString()));
    }
    this.proxy = new SocksExchange.Proxy(proxy, peers);
    this.connectAddress =
        proxy instanceof UnixDomainSocketAddress unix
            ? new DomainSocketAddress(unix.getPath().toString())
            : proxy;
    this.connectTimeout = connectTimeout;
    this.replyTimeout = replyTimeout;
  }

  /** The proxy's address. */
  public SocketAddress proxy() {
    return proxy.address();
  }

  /**
   * Opens a stream. RFC 1928, section 4, CONNECT.
   *
   * <p>The channel has autoRead off, ALLOW_HALF_CLOSURE and for TCP TCP_NODELAY on; its write
   * buffer water marks are the caller's to set. {@code next} is its only handler, added just before
   * the future succeeds. Bytes that arrived right behind the proxy's reply are passed to {@code
   * next} just after, as if they had been asked for; nothing else is read until the caller calls
   * {@link Channel#read}.
   *
   * @param credentials the isolation key, or null to offer no authentication
   * @param reads how much is read at a time
   * @param next gets the stream's bytes; not used if the future fails
   */
  public Future<Channel> connect(
      EventLoop loop,
      Destination destination,
      @Nullable SocksCredentials credentials,
      ReadSizes reads,
      ChannelHandler next) {
    Promise<Channel> promise = loop.newPromise();
    var request =
        switch (destination) {
          case Destination.Address(InetAddress address, int port) ->
              request(Socks5CommandType.CONNECT, address, port);
          case Destination.Name(String name, int port) ->
              new DefaultSocks5CommandRequest(
                  Socks5CommandType.CONNECT, Socks5AddressType.DOMAIN, name, port);
        };
    var ready = credentials == null || !loop.inEventLoop() ? null : ready(loop).take();
    if (ready == null) {
      return start(
          loop, new SocksExchange.Connect(proxy, request, credentials, promise, reads, next));
    }
    // It may have ended, and nobody knows yet.
    Promise<Channel> first = loop.newPromise();
    first.addListener((Future<Channel> done) -> {
      if (done.isSuccess()) {
        if (!promise.trySuccess(done.getNow())) {
          done.getNow().close();
        }
      } else if (done.cause() instanceof SocksException.ProxyClosed) {
        start(loop, new SocksExchange.Connect(proxy, request, credentials, promise, reads, next));
      } else {
        promise.tryFailure(done.cause());
      }
    });
    promise.addListener(done -> {
      if (done.isCancelled()) {
        first.cancel(false);
      }
    });
    var exchange = new SocksExchange.Connect(proxy, request, credentials, first, reads, next);
    exchange.replyTimeout(replyTimeout);
    exchange.goOn(ready);
    return promise;
  }

  /**
   * Asks for an address of a name. Tor's socks-extensions, section 2, RESOLVE.
   *
   * @param name as for {@link Destination.Name}
   * @param credentials the isolation key, or null to offer no authentication
   * @throws IllegalArgumentException if {@code name} is not a host name
   */
  public Future<InetAddress> resolve(
      EventLoop loop, String name, @Nullable SocksCredentials credentials) {
    Promise<InetAddress> promise = loop.newPromise();
    var valid = new Destination.Name(name, 0).name();
    var request = new DefaultSocks5CommandRequest(RESOLVE, Socks5AddressType.DOMAIN, valid, 0);
    return start(loop, new ResolveExchange(proxy, request, credentials, promise));
  }

  /**
   * Asks for the name of an address. Tor's socks-extensions, section 2, RESOLVE_PTR. The name comes
   * from the exit and is not checked here.
   *
   * @param credentials the isolation key, or null to offer no authentication
   */
  public Future<String> resolvePtr(
      EventLoop loop, InetAddress address, @Nullable SocksCredentials credentials) {
    Promise<String> promise = loop.newPromise();
    var request = request(RESOLVE_PTR, address, 0);
    return start(loop, new ResolvePtrExchange(proxy, request, credentials, promise));
  }

  /**
   * Asks whether Tor's port takes no streams to such a destination, by the flags of its SocksPort:
   * {@code NoDNSRequest} refuses names, {@code NoIPv4Traffic} IPv4 addresses, and {@code
   * OnionTrafficOnly} both. A lookup does not tell: Tor refuses one as if the name were unknown.
   *
   * <p>What is asked for is port 0, which Tor refuses too, after it has looked at the flags, with
   * another code. So nothing leaves the proxy.
   *
   * @param destination with port 0
   */
  public Future<Boolean> refuses(EventLoop loop, Destination destination) {
    if (destination.port() != 0) {
      throw new IllegalArgumentException("a stream would be opened to " + destination);
    }
    Promise<Boolean> refuses = loop.newPromise();
    connect(loop, destination, PROBE, PROBE_READS, new ChannelInboundHandlerAdapter())
        .addListener((Future<Channel> done) -> {
          if (done.isSuccess()) {
            done.getNow().close();
            refuses.setSuccess(false);
          } else if (done.cause() instanceof SocksException.Refused refused) {
            refuses.setSuccess(refused.reply() == SocksReply.NOT_ALLOWED);
          } else {
            refuses.setFailure(done.cause());
          }
        });
    return refuses;
  }

  /**
   * Asks whether the proxy answers: greets it on a new connection, which is then kept for a while
   * for the next {@link #connect} with credentials.
   *
   * @param timeout for the answer
   * @return fails if it could not be asked, with what is {@link SocksException#isTemporary}
   */
  public Future<Boolean> isAlive(EventLoop loop, Duration timeout) {
    Promise<Channel> promise = loop.newPromise();
    Promise<Boolean> alive = loop.newPromise();
    promise.addListener((Future<Channel> greeted) -> {
      if (greeted.isSuccess()) {
        ready(loop).put(greeted.getNow());
      }
      if (greeted.cause() instanceof SocksException cause && cause.isTemporary()) {
        alive.setFailure(cause);
        return;
      }
      // One that does not want to be asked like this is there, too.
      alive.setSuccess(
          greeted.isSuccess() || greeted.cause() instanceof SocksException.MethodRefused);
    });
    start(loop, new SocksExchange.Greeting(proxy, promise), timeout);
    return alive;
  }

  /**
   * Holds a connection to the proxy on which nothing is said. With nothing on its way ahead, the
   * end of the proxy is seen there at once, however long it takes until a stream's shows.
   *
   * @param longest for how long
   * @return whether the proxy was there all the time; fails if there can be no connection, with
   *     what is {@link SocksException#isTemporary}
   */
  public Future<Boolean> watch(EventLoop loop, Duration longest) {
    Promise<Boolean> stayed = loop.newPromise();
    bootstrap(loop, connectTimeout, new SilentConnection(longest, stayed))
        .connect(connectAddress)
        .addListener(connected -> {
          if (!connected.isSuccess()) {
            var cause = SocksException.notConnected(proxy(), connected.cause());
            if (cause.isTemporary()) {
              stayed.tryFailure(cause);
            } else {
              stayed.trySuccess(false);
            }
          }
        });
    return stayed;
  }

  private ReadyConnections ready(EventLoop loop) {
    return ready.computeIfAbsent(loop, anew -> new ReadyConnections());
  }

  private <T> Future<T> start(EventLoop loop, SocksExchange<T> exchange) {
    return start(loop, exchange, replyTimeout);
  }

  private <T> Future<T> start(EventLoop loop, SocksExchange<T> exchange, Duration replyTimeout) {
    exchange.replyTimeout(replyTimeout);
    var timeout = connectTimeout.compareTo(replyTimeout) < 0 ? connectTimeout : replyTimeout;
    exchange.follow(bootstrap(loop, timeout, exchange).connect(connectAddress));
    return exchange.promise();
  }

  private Bootstrap bootstrap(EventLoop loop, Duration timeout, ChannelHandler handler) {
    var bootstrap = new Bootstrap();
    if (connectAddress instanceof DomainSocketAddress) {
      bootstrap.channel(EpollDomainSocketChannel.class);
    } else {
      // Netty turns TCP_NODELAY on for each of these.
      bootstrap.channelFactory(tcpChannels(loop));
    }
    return bootstrap
        .group(loop)
        .disableResolver()
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) timeout.toMillis())
        .option(ChannelOption.AUTO_READ, false)
        .option(ChannelOption.RECVBUF_ALLOCATOR, new ReadSizes.Allocator())
        .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
        .handler(handler);
  }

  private static Socks5CommandRequest request(
      Socks5CommandType command, InetAddress address, int port) {
    var type = address instanceof Inet4Address ? Socks5AddressType.IPv4 : Socks5AddressType.IPv6;
    return new DefaultSocks5CommandRequest(command, type, NetUtil.toAddressString(address), port);
  }

  private ChannelFactory<SocketChannel> tcpChannels(EventLoop loop) {
    if (!(loop instanceof IoEventLoop io && io.isCompatible(EpollIoHandle.class))) {
      return NioSocketChannel::new;
    }
    var family =
        connectAddress instanceof InetSocketAddress inet
                && inet.getAddress() instanceof Inet4Address
            ? SocketProtocolFamily.INET
            : SocketProtocolFamily.INET6;
    return () -> new EpollSocketChannel(family);
  }
}
