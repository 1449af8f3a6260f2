/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.socksx.v5.DefaultSocks5InitialRequest;
import io.netty.handler.codec.socksx.v5.DefaultSocks5PasswordAuthRequest;
import io.netty.handler.codec.socksx.v5.Socks5AddressDecoder;
import io.netty.handler.codec.socksx.v5.Socks5AddressType;
import io.netty.handler.codec.socksx.v5.Socks5AuthMethod;
import io.netty.handler.codec.socksx.v5.Socks5ClientEncoder;
import io.netty.handler.codec.socksx.v5.Socks5CommandRequest;
import io.netty.handler.codec.socksx.v5.Socks5CommandResponse;
import io.netty.handler.codec.socksx.v5.Socks5CommandResponseDecoder;
import io.netty.handler.codec.socksx.v5.Socks5CommandStatus;
import io.netty.handler.codec.socksx.v5.Socks5InitialResponse;
import io.netty.handler.codec.socksx.v5.Socks5InitialResponseDecoder;
import io.netty.handler.codec.socksx.v5.Socks5Message;
import io.netty.handler.codec.socksx.v5.Socks5PasswordAuthResponse;
import io.netty.handler.codec.socksx.v5.Socks5PasswordAuthResponseDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.NotYetConnectedException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.egress.socket.SocketStream;

/**
 * What is said to the proxy on a connection: a greeting, and mostly a request after it. The
 * pipeline is {@code encoder, decoder, this}, where the decoder is the one for the answer awaited,
 * which is also the state. The request goes along with the credentials, so that an answer takes two
 * round trips, not three; one, on a connection where the proxy was greeted before.
 *
 * <p>The promise is the single place an outcome is decided at: whatever first completes it wins,
 * and its failure closes the channel.
 */
abstract sealed class SocksExchange<T> extends ChannelInboundHandlerAdapter {
  /** Tor's failed RESOLVE: address type 0 with the four bytes of an IPv4 address. */
  private static final int TOR_NO_ADDRESS = 0x00;

  private static final Socks5AddressDecoder ADDRESS_DECODER = SocksExchange::decodeAddress;

  private final SocketAddress proxy;
  private final Socks5AuthMethod method;
  private final Promise<T> promise;
  private final PeerCheck peers;
  private Duration replyTimeout = SocksClient.REPLY_TIMEOUT;
  private @Nullable ChannelHandler decoder;
  private @Nullable Future<?> timer;

  private SocksExchange(Proxy proxy, Socks5AuthMethod method, Promise<T> promise) {
    this.proxy = proxy.address();
    this.peers = proxy.peers();
    this.method = method;
    this.promise = promise;
  }

  /** Where the proxy is, and how it is told from others. */
  record Proxy(SocketAddress address, PeerCheck peers) {}

  /** The proxy was greeted, and agreed to the method. */
  abstract void greeted(ChannelHandlerContext ctx);

  /** An answer of the proxy's to what was asked after the greeting. */
  abstract void answered(ChannelHandlerContext ctx, Object answer);

  final void replyTimeout(Duration timeout) {
    replyTimeout = timeout;
  }

  final Promise<T> promise() {
    return promise;
  }

  final SocketAddress proxy() {
    return proxy;
  }

  /** Ties the fate of the promise to that of the connection, both ways. */
  final void follow(ChannelFuture connecting) {
    if (isWithoutChannel(connecting)) {
      fail(SocksException.notConnected(proxy, connecting.cause()));
      return;
    }
    follow(connecting.channel());
    connecting.addListener(done -> {
      if (!done.isSuccess()) {
        fail(SocksException.notConnected(proxy, done.cause()));
      }
    });
  }

  /**
   * Whether no channel was made, or it was not registered with the loop. Netty then gives one that
   * stands for it, and that must not be closed.
   */
  static boolean isWithoutChannel(ChannelFuture connecting) {
    return connecting.isDone() && !connecting.isSuccess() && !connecting.channel().isRegistered();
  }

  /** Closes the connection if the promise fails. */
  final void follow(Channel channel) {
    promise.addListener(done -> {
      if (!done.isSuccess()) {
        close(channel);
      }
    });
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (!peers.passesConnected(ctx.channel())) {
      fail(new SocksException.ForeignPeer(proxy));
      return;
    }
    startTimer(ctx);
    ctx.pipeline().addFirst(Socks5ClientEncoder.DEFAULT);
    await(ctx, new Socks5InitialResponseDecoder());
    ask(ctx, new DefaultSocks5InitialRequest(method));
    ctx.flush();
    ctx.read();
  }

  final void startTimer(ChannelHandlerContext ctx) {
    timer =
        ctx.executor()
            .schedule(
                () -> fail(new SocksException.TimedOut(proxy, replyTimeout)),
                replyTimeout.toNanos(),
                TimeUnit.NANOSECONDS);
    promise.addListener(done -> cancelTimer());
  }

  static void ask(ChannelHandlerContext ctx, Socks5Message question) {
    ctx.write(question).addListener(ChannelFutureListener.FIRE_EXCEPTION_ON_FAILURE);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (promise.isDone()) {
      ReferenceCountUtil.release(message);
      return;
    }
    switch (message) {
      case Socks5Message m when m.decoderResult().isFailure() ->
          malformed("what is not SOCKS5", m.decoderResult().cause());
      case Socks5InitialResponse _ when !peers.passesGreeted(ctx.channel()) ->
          fail(new SocksException.ForeignPeer(proxy));
      case Socks5InitialResponse m when m.authMethod().equals(method) -> greeted(ctx);
      case Socks5InitialResponse _ ->
          fail(new SocksException.MethodRefused(proxy, method.equals(Socks5AuthMethod.PASSWORD)));
      default -> answered(ctx, message);
    }
  }

  final void await(ChannelHandlerContext ctx, ChannelHandler answer) {
    var pipeline = ctx.pipeline();
    var before = decoder;
    decoder = answer;
    pipeline.addBefore(ctx.name(), null, answer);
    if (before != null) {
      // What it holds of the next answer reaches the new one.
      pipeline.remove(before);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (!promise.isDone()) {
      ctx.read();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event == ChannelInputShutdownEvent.INSTANCE) {
      fail(new SocksException.ProxyClosed(proxy, null));
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    fail(new SocksException.ProxyClosed(proxy, null));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // The second is what Netty makes of ENOTCONN: of a socket that was reset, and has said so once.
    if (cause instanceof IOException || cause instanceof NotYetConnectedException) {
      fail(new SocksException.ProxyClosed(proxy, cause));
    } else {
      malformed("what could not be handled: " + cause, cause);
    }
  }

  final void malformed(String what, @Nullable Throwable cause) {
    fail(new SocksException.MalformedReply(proxy, what, cause));
  }

  final void fail(SocksException cause) {
    promise.tryFailure(cause);
  }

  final void removeDecoder(ChannelPipeline pipeline) {
    if (decoder != null) {
      pipeline.remove(decoder);
      decoder = null;
    }
  }

  static void close(Channel channel) {
    // Nothing waits for the end of it, and a close that fails has closed all the same.
    var unused = channel.close();
  }

  private void cancelTimer() {
    if (timer != null) {
      timer.cancel(false);
    }
  }

  private static @Nullable String decodeAddress(Socks5AddressType type, ByteBuf in)
      throws Exception {
    if (type.byteValue() == TOR_NO_ADDRESS) {
      in.skipBytes(Integer.BYTES);
      return null;
    }
    return Socks5AddressDecoder.DEFAULT.decodeAddress(type, in);
  }

  /** Only the greeting, with the offer of a username and password: hands the channel over. */
  static final class Greeting extends SocksExchange<Channel> {
    private boolean agreed;

    Greeting(Proxy proxy, Promise<Channel> promise) {
      super(proxy, Socks5AuthMethod.PASSWORD, promise);
    }

    /** Only a proxy that has no more to say than that is handed over. */
    @Override
    void greeted(ChannelHandlerContext ctx) {
      agreed = true;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      if (agreed && !promise().isDone() && promise().setUncancellable()) {
        removeDecoder(ctx.pipeline());
        ctx.pipeline().remove(this);
        promise().setSuccess(ctx.channel());
      } else {
        super.channelReadComplete(ctx);
      }
    }

    @Override
    void answered(ChannelHandlerContext ctx, Object answer) {
      ReferenceCountUtil.release(answer);
      malformed("more than was asked for", null);
    }
  }

  /** A request, and the credentials before it. */
  abstract static non-sealed class Request<T> extends SocksExchange<T> {
    private final Socks5CommandRequest request;
    private final @Nullable SocksCredentials credentials;
    private boolean acknowledgmentDue;

    Request(
        Proxy proxy,
        Socks5CommandRequest request,
        @Nullable SocksCredentials credentials,
        Promise<T> promise) {
      super(
          proxy,
          credentials == null ? Socks5AuthMethod.NO_AUTH : Socks5AuthMethod.PASSWORD,
          promise);
      this.request = request;
      this.credentials = credentials;
    }

    /** Goes on where a {@link Greeting} ended. */
    final void goOn(Channel greeted) {
      follow(greeted);
      greeted.pipeline().addLast(this);
      var ctx = greeted.pipeline().context(this);
      startTimer(ctx);
      greeted(ctx);
      ctx.read();
    }

    /** The proxy said yes. Completes the promise; {@code reply} is whole and well-formed. */
    abstract void succeed(ChannelHandlerContext ctx, Socks5CommandResponse reply);

    @Override
    void greeted(ChannelHandlerContext ctx) {
      if (credentials == null) {
        awaitReply(ctx);
      } else {
        // What follows is known, so it need not wait for the answer. To send the greeting along
        // with it would be too much: Tor then forgets to answer that.
        await(ctx, new Socks5PasswordAuthResponseDecoder());
        ask(
            ctx,
            new DefaultSocks5PasswordAuthRequest(credentials.username(), credentials.password()));
      }
      ask(ctx, request);
      ctx.flush();
    }

    @Override
    void answered(ChannelHandlerContext ctx, Object answer) {
      switch (answer) {
        case Socks5PasswordAuthResponse m when m.status().isSuccess() -> {
          awaitReply(ctx);
          acknowledgmentDue = true;
        }
        case Socks5PasswordAuthResponse _ -> fail(new SocksException.CredentialsRefused(proxy()));
        case Socks5CommandResponse m when m.status().equals(Socks5CommandStatus.SUCCESS) ->
            succeed(ctx, m);
        case Socks5CommandResponse m ->
            fail(new SocksException.Refused(m.status().byteValue() & 0xFF));
        default -> {
          ReferenceCountUtil.release(answer);
          malformed("more than was asked for", null);
        }
      }
    }

    /** The request is on its way already, so nothing else takes an acknowledgment along. */
    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      if (acknowledgmentDue && !promise().isDone()) {
        SocketStream.acknowledgeAtOnce(ctx.channel());
        acknowledgmentDue = false;
      }
      super.channelReadComplete(ctx);
    }

    private void awaitReply(ChannelHandlerContext ctx) {
      await(ctx, new Socks5CommandResponseDecoder(ADDRESS_DECODER));
    }
  }

  /** CONNECT: hands the channel over. */
  static final class Connect extends Request<Channel> {
    private final ReadSizes reads;
    private final ChannelHandler next;
    private final List<Object> early = new ArrayList<>(1);
    private boolean handingOver;

    Connect(
        Proxy proxy,
        Socks5CommandRequest request,
        @Nullable SocksCredentials credentials,
        Promise<Channel> promise,
        ReadSizes reads,
        ChannelHandler next) {
      super(proxy, request, credentials, promise);
      this.reads = reads;
      this.next = next;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (handingOver) {
        early.add(message);
      } else {
        super.channelRead(ctx, message);
      }
    }

    @Override
    void succeed(ChannelHandlerContext ctx, Socks5CommandResponse reply) {
      if (!promise().setUncancellable()) {
        return;
      }
      var pipeline = ctx.pipeline();
      handingOver = true;
      if (ctx.channel().config().getRecvByteBufAllocator() instanceof ReadSizes.Allocator asked) {
        asked.use(reads);
      }
      // On its removal the decoder gives out what it holds of the stream's own bytes.
      removeDecoder(pipeline);
      pipeline.remove(Socks5ClientEncoder.DEFAULT);
      pipeline.addLast(next);
      pipeline.remove(this);
      promise().setSuccess(ctx.channel());
      early.forEach(pipeline::fireChannelRead);
      if (!early.isEmpty()) {
        pipeline.fireChannelReadComplete();
      }
    }
  }
}
