/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import java.util.function.ToLongFunction;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Destination;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressListener;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.egress.socket.SocketStream;
import org.torvtl.tor.socks.PeerCheck;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksCredentials;
import org.torvtl.tor.socks.SocksException;

/** Out through Tor's SOCKS port. An isolation key is the SOCKS password. */
public final class TorEgress implements Egress {
  private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(2);

  /** Tor complains in its log about a connection that has asked for nothing for two minutes. */
  private static final Duration WATCH = Duration.ofSeconds(60);

  private final SocksClient socks;
  private final SocksPortFlags flags;
  private final Lookups lookups;
  private final Outage outage;
  private final Map<EventLoop, Streams> byLoop = new ConcurrentHashMap<>();

  /**
   * @param proxy Tor's SOCKS port: an address, not a name, or a Unix domain socket
   * @param peers who may be taken for Tor there
   * @param listener is told when Tor goes away, and when it is back
   */
  public TorEgress(SocketAddress proxy, PeerCheck peers, EgressListener listener) {
    this.socks = new SocksClient(proxy, peers);
    this.flags = new SocksPortFlags(socks);
    this.lookups = new Lookups(flags);
    this.outage = new Outage(listener);
  }

  /** What is known of the streams of one event loop, and of Tor there. */
  private final class Streams implements LivenessCheck.Questions, SocketStream.EndCheck {
    private final EventLoop loop;
    private final LivenessCheck liveness;
    private final ChannelFutureListener onClose = closed -> closed();
    private int open;

    Streams(EventLoop loop) {
      this.loop = loop;
      this.liveness = new LivenessCheck(loop, this, outage, () -> open > 0);
    }

    @Override
    public Future<Boolean> isAlive(EventLoop on) {
      return socks.isAlive(on, PROBE_TIMEOUT);
    }

    @Override
    public Future<Boolean> watch(EventLoop on) {
      return socks.watch(on, WATCH);
    }

    void opened(Channel channel) {
      open++;
      channel.closeFuture().addListener(onClose);
      liveness.watch();
    }

    private void closed() {
      open--;
    }

    /** A request failed: Tor may be gone. */
    void noteFailure(Throwable cause) {
      if (cause instanceof SocksException failure && failure.isProxyGone()) {
        liveness.noteGone(loop.ticker().nanoTime());
      }
    }

    /**
     * Whether a stream ended by its far end. Where Tor was gone since the stream was opened, it is
     * another one now: the stream died with the one before.
     */
    @Override
    public void ask(long openedNanos, Consumer<Boolean> answer) {
      liveness.ask(alive -> answer.accept(alive && !liveness.wasGoneSince(openedNanos)));
    }
  }

  private Streams of(EventLoop loop) {
    return byLoop.computeIfAbsent(loop, Streams::new);
  }

  @Override
  public EgressStream connect(
      EventLoop loop,
      Destination destination,
      IsolationKey isolation,
      StreamOptions options,
      StreamHandler handler) {
    var streams = of(loop);
    var stream = new SocketStream(handler, options, streams);
    var attempt =
        socks.connect(
            loop,
            destination,
            SocksCredentials.isolation(isolation.text()),
            stream.readSizes(),
            stream);
    stream.opening(attempt);
    if (attempt.isDone()) {
      loop.execute(() -> connected(attempt, stream, streams));
    } else {
      attempt.addListener(done -> connected(attempt, stream, streams));
    }
    return stream;
  }

  private void connected(Future<Channel> attempt, SocketStream stream, Streams streams) {
    if (attempt.isSuccess()) {
      streams.opened(attempt.getNow());
      stream.opened(attempt.getNow());
    } else {
      flags.streamFailed(streams.loop, attempt.cause());
      streams.noteFailure(attempt.cause());
      stream.refused(attempt.cause());
    }
  }

  @Override
  public Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name) {
    var credentials = SocksCredentials.isolation(isolation.text());
    return noting(
        loop, lookups.ask(loop, () -> socks.resolve(loop, name, credentials), Answer.Address::new));
  }

  @Override
  public Future<Answer> resolvePtr(EventLoop loop, IsolationKey isolation, InetAddress address) {
    var credentials = SocksCredentials.isolation(isolation.text());
    return noting(
        loop,
        lookups.ask(loop, () -> socks.resolvePtr(loop, address, credentials), Answer.Name::new));
  }

  /** A lookup that finds no Tor is the first to know, where guests have no connections. */
  private Future<Answer> noting(EventLoop loop, Future<Answer> lookup) {
    return lookup.addListener(done -> {
      if (done.cause() != null) {
        of(loop).noteFailure(done.cause());
      }
    });
  }

  @Override
  public void count(ObjLongConsumer<String> sink) {
    sink.accept("liveness_questions", sum(LivenessCheck::questions));
    sink.accept("liveness_failures", sum(LivenessCheck::failedQuestions));
  }

  private long sum(ToLongFunction<LivenessCheck> counter) {
    return byLoop.values().stream().mapToLong(of -> counter.applyAsLong(of.liveness)).sum();
  }
}
