/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Egress;
import org.torvtl.egress.IsolationKey;
import org.torvtl.gateway.dns.DnsClient;
import org.torvtl.gateway.dns.DnsCounters;
import org.torvtl.gateway.dns.DnsEvent;
import org.torvtl.gateway.dns.DnsLimits;
import org.torvtl.gateway.dns.DnsService;
import org.torvtl.gateway.dns.NameResolver;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.OwnerRates;
import org.torvtl.link.Link;
import org.torvtl.stack.GuestConnection;
import org.torvtl.stack.Stack;
import org.torvtl.stack.StackConfig;
import org.torvtl.stack.StackHandler;
import org.torvtl.tcp.IsnGenerator;

/** One event loop, one link with its stack, and the flows whose packets arrive there. */
final class Lane implements StackHandler, FlowContext.Owner {
  private static final int DNS_PORT = 53;

  /** Queries of one owner over TCP. */
  private static final int DNS_OVER_TCP_PER_SECOND = 500, DNS_OVER_TCP_BURST = 256;

  private static final Logger log = LoggerFactory.getLogger(Lane.class);

  private final IoEventLoop loop;
  private final Link link;
  private final IsolationPolicy isolation;
  private final Stack stack;
  private final DnsService dns;
  private final DnsCounters dnsCounters = new DnsCounters();
  private final OwnerRates dnsOverTcpRates;
  private final FlowCounters flowCounters = new FlowCounters();
  private final FlowContext flows;
  private final Consumer<IOException> onLinkFailure;
  private long failureLoggedNanos;
  private long exhaustionLoggedNanos;
  private final List<Flow> unflushed = new ArrayList<>();
  private @Nullable ScheduledFuture<?> alarm;

  /** What all lanes of a gateway share. */
  record GatewayShared(Egress egress, FlowConfig flowConfig, SecureRandom random) {}

  /**
   * What all lanes of a device share.
   *
   * @param config of each lane's stack: what it limits, it limits for that lane alone
   */
  record DeviceShared(
      StackConfig config, IsolationPolicy isolation, ControlConnections controlConnections) {}

  Lane(
      IoEventLoop loop,
      Link link,
      GatewayShared gateway,
      DeviceShared device,
      Consumer<IOException> onLinkFailure) {
    this.loop = loop;
    this.failureLoggedNanos = loop.ticker().nanoTime() - TimeUnit.SECONDS.toNanos(1);
    this.exhaustionLoggedNanos = loop.ticker().nanoTime() - TimeUnit.MINUTES.toNanos(1);
    this.link = link;
    this.isolation = device.isolation();
    this.onLinkFailure = onLinkFailure;
    var config = device.config();
    this.flows =
        new FlowContext(
            loop,
            gateway.egress(),
            gateway.flowConfig(),
            flowCounters,
            new PausedFlows(loop),
            device.controlConnections(),
            this);
    this.dns = new DnsService(loop, names(gateway.egress()), dnsLimits(config), dnsCounters);
    this.dnsOverTcpRates =
        new OwnerRates(isolation::ownerOf, DNS_OVER_TCP_PER_SECOND, DNS_OVER_TCP_BURST);
    var secret = new byte[IsnGenerator.SECRET_LENGTH];
    gateway.random().nextBytes(secret);
    this.stack = new Stack(link, config, this, loop.ticker()::nanoTime, this::setAlarm, secret);
    stack.udpServices().add(DNS_PORT, this::dnsQuery);
  }

  /**
   * Handling something failed: a defect, or memory is out. The first costs what it happened to, the
   * second what is held for the guest that holds most.
   */
  @Override
  public void failed(Throwable cause) {
    if (cause instanceof OutOfMemoryError) {
      stack.memory().allocationFailed();
      giveUpMemory(": " + cause.getMessage());
      return;
    }
    long now = loop.ticker().nanoTime();
    if (now - failureLoggedNanos >= TimeUnit.SECONDS.toNanos(1)) {
      failureLoggedNanos = now;
      // Without the flow's name: logs that are not asked for do not tell who spoke to whom.
      log.error("a flow is cut, handling it failed; please report this", cause);
    }
  }

  @Override
  public void exhausted(Throwable cause) {
    flowCounters.exhausted++;
    long now = loop.ticker().nanoTime();
    if (now - exhaustionLoggedNanos >= TimeUnit.MINUTES.toNanos(1)) {
      exhaustionLoggedNanos = now;
      log.warn(
          "requests of guests have to wait, {} up to now: {}",
          flowCounters.exhausted,
          cause.getMessage());
    }
  }

  /**
   * Gives up out-of-order data, or a flow if there is none. Where an allocation failed and there is
   * neither, the lane ends: without memory it can serve nobody, and must not seem to.
   */
  private void giveUpMemory(String detail) {
    var memory = stack.memory();
    boolean failed = memory.hasAllocationFailed();
    if (ByteBufAllocator.DEFAULT instanceof PooledByteBufAllocator pool) {
      // What this thread has freed and keeps for its next allocations.
      pool.trimCurrentThreadCache();
    }
    if (!memory.giveUp() && failed) {
      linkFailed(new IOException("out of memory" + detail));
    }
  }

  @Override
  public void allocationFailed() {
    giveUpMemory("");
  }

  @Override
  public void memoryIsShort(GuestConnection connection) {
    if (connection.owner() instanceof Flow flow) {
      flow.cutForMemory();
    } else {
      connection.abort();
    }
  }

  /** Begins to serve. */
  void start() {
    try {
      link.start(loop, stack);
    } catch (RuntimeException e) {
      linkFailed(new IOException("cannot start " + link.name() + ": " + e.getMessage(), e));
    }
  }

  /** A lookup takes a descriptor too, so there are fewer where there are few connections. */
  private static DnsLimits dnsLimits(StackConfig config) {
    return DnsLimits.DEFAULT.withAtMost(Math.max(1, config.maxConnections() / 2));
  }

  private NameResolver names(Egress egress) {
    return new NameResolver() {
      @Override
      public Future<Answer> resolve(IsolationKey isolation, String name) {
        return egress.resolve(loop, isolation, name);
      }

      @Override
      public Future<Answer> resolvePtr(IsolationKey isolation, InetAddress address) {
        return egress.resolvePtr(loop, isolation, address);
      }
    };
  }

  private void setAlarm(long deadlineNanos) {
    if (alarm != null) {
      alarm.cancel(false);
    }
    alarm =
        loop.schedule(this::alarm, deadlineNanos - loop.ticker().nanoTime(), TimeUnit.NANOSECONDS);
  }

  private void alarm() {
    alarm = null;
    try {
      stack.onDeadline();
      endOfBatch();
    } catch (RuntimeException | OutOfMemoryError e) {
      failed(e);
    }
  }

  @Override
  public void connection(GuestConnection pending) {
    if (pending.tuple().port() == DNS_PORT) {
      DnsConnection.start(pending, this);
    } else {
      Flow.start(pending, isolationKey(pending.tuple()), flows);
    }
  }

  @Override
  public boolean listens(int port) {
    return port == DNS_PORT;
  }

  private void dnsQuery(FourTuple flow, ByteBuf query) {
    dns.answer(
        dnsClient(flow, false),
        query,
        stack::admitsRequest,
        answer -> {
          try {
            stack.sendDatagram(flow, answer);
          } catch (RuntimeException | OutOfMemoryError e) {
            failed(e);
          } finally {
            answer.release();
          }
        });
  }

  @Override
  public void guestLeft(long guest) {
    dns.forget(isolation.ownerOf(guest));
    isolation.forget(guest);
  }

  /** Under which a guest's request goes out. */
  private IsolationKey isolationKey(FourTuple tuple) {
    return isolation.keyOf(
        new IsolationPolicy.Request(
            tuple.guest(), tuple.guestAddress(), tuple.address(), tuple.port()));
  }

  /** Who asks over a connection. */
  DnsClient dnsClient(GuestConnection guest) {
    return dnsClient(guest.tuple(), true);
  }

  private DnsClient dnsClient(FourTuple tuple, boolean isStream) {
    return new DnsClient(
        isolation.ownerOf(tuple.guest()),
        isolationKey(tuple),
        tuple.guest(),
        tuple.guestAddress(),
        tuple.guestPort(),
        isStream);
  }

  /**
   * Whether one more query over TCP may be answered now; if so, it is charged. In bulk, segments
   * are free, so queries have a rate by owner.
   */
  boolean admitsDnsOverTcp(GuestConnection guest) {
    return dnsOverTcpRates.tryAcquire(guest.guest(), loop.ticker().nanoTime());
  }

  @Override
  public void flushAtEndOfBatch(Flow flow) {
    unflushed.add(flow);
  }

  @Override
  public void endOfBatch() {
    // A flush may end another flow, but begins no new write.
    for (int i = 0; i < unflushed.size(); i++) {
      unflushed.get(i).flush();
    }
    unflushed.clear();
    if (stack.memory().isShort()) {
      giveUpMemory("");
    }
    flows.paused().memoryWasReleased();
  }

  @Override
  public void linkFailed(IOException cause) {
    onLinkFailure.accept(cause);
  }

  /** Resets every flow; nothing more is taken from the link. To be called on the loop. */
  void stop() {
    try {
      dns.close();
      stack.close();
    } finally {
      if (alarm != null) {
        alarm.cancel(false);
      }
    }
  }

  /** Closes the link of a lane that is stopped; to be called on the loop. */
  void closeLink() {
    link.close();
  }

  /** Gives every counter to {@code sink} with its name; a moment old on another thread. */
  void count(ObjLongConsumer<String> sink) {
    var frames = link.counters();
    sink.accept("link.received_frames", frames.receivedFrames);
    sink.accept("link.received_bytes", frames.receivedBytes);
    sink.accept("link.sent_frames", frames.sentFrames);
    sink.accept("link.sent_bytes", frames.sentBytes);
    sink.accept("link.send_drops", frames.sendDrops);
    sink.accept("link.memory_drops", frames.memoryDrops);
    sink.accept("link.guard_drops", frames.guardDrops);
    sink.accept("link.oversized_drops", frames.oversizedDrops);
    sink.accept("link.offload_drops", frames.offloadDrops);
    sink.accept("link.misdirected_drops", frames.misdirectedDrops);
    sink.accept("link.capture_drops", frames.captureDrops);
    sink.accept("memory.held_bytes", stack.memory().heldBytes());
    flowCounters.forEach((name, count) -> sink.accept("flow." + name, count));
    for (var event : DnsEvent.values()) {
      sink.accept("dns." + event.name().toLowerCase(Locale.ROOT), dnsCounters.count(event));
    }
    stack.counters().forEach(sink);
    stack.tcpCounters().forEach((name, count) -> sink.accept("tcp." + name, count));
  }

  IoEventLoop loop() {
    return loop;
  }

  Link link() {
    return link;
  }

  Stack stack() {
    return stack;
  }

  DnsService dns() {
    return dns;
  }

  DnsCounters dnsCounters() {
    return dnsCounters;
  }

  FlowConfig flowConfig() {
    return flows.config();
  }

  FlowCounters flowCounters() {
    return flowCounters;
  }
}
