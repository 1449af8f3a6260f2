/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.torvtl.gateway.dns.DnsCounters;
import org.torvtl.gateway.dns.DnsLimits;
import org.torvtl.gateway.dns.DnsService;
import org.torvtl.gateway.dns.DnsTransport;
import org.torvtl.gateway.dns.NameResolver;
import org.torvtl.link.Link;
import org.torvtl.stack.DatagramFlow;
import org.torvtl.stack.GuestConnection;
import org.torvtl.stack.Stack;
import org.torvtl.stack.StackConfig;
import org.torvtl.stack.StackHandler;
import org.torvtl.tcp.IsnGenerator;

/** One event loop, one link with its stack, and the flows whose packets arrive there. */
final class Lane implements StackHandler {
  private static final int DNS_PORT = 53;

  private final IoEventLoop loop;
  private final Link link;
  private final Egress egress;
  private final Stack stack;
  private final DnsService dns;
  private final DnsCounters dnsCounters = new DnsCounters();
  private final LivenessCheck liveness;
  private final FlowCounters flowCounters = new FlowCounters();
  private final FlowTimeouts timeouts;
  private final Consumer<IOException> onLinkFailure;
  private final List<Flow> unflushed = new ArrayList<>();
  private @Nullable ScheduledFuture<?> alarm;

  Lane(
      IoEventLoop loop,
      Link link,
      StackConfig config,
      Egress egress,
      SecureRandom random,
      FlowTimeouts timeouts,
      Consumer<IOException> onLinkFailure) {
    this.loop = loop;
    this.link = link;
    this.egress = egress;
    this.timeouts = timeouts;
    this.onLinkFailure = onLinkFailure;
    this.dns = new DnsService(loop, names(), DnsLimits.DEFAULT, dnsCounters);
    this.liveness = new LivenessCheck(loop, egress);
    var secret = new byte[IsnGenerator.SECRET_LENGTH];
    random.nextBytes(secret);
    this.stack = new Stack(link, config, this, System::nanoTime, this::setAlarm, secret);
  }

  /** Begins to serve. */
  void start() {
    try {
      link.start(loop, stack);
    } catch (RuntimeException e) {
      linkFailed(new IOException("cannot start " + link.name() + ": " + e.getMessage(), e));
    }
  }

  private NameResolver names() {
    return new NameResolver() {
      @Override
      public Future<InetAddress> resolve(String isolationKey, String name) {
        return egress.resolve(loop, isolationKey, name);
      }

      @Override
      public Future<String> resolvePtr(String isolationKey, InetAddress address) {
        return egress.resolvePtr(loop, isolationKey, address);
      }
    };
  }

  private void setAlarm(long deadlineNanos) {
    if (alarm != null) {
      alarm.cancel(false);
    }
    alarm = loop.schedule(this::alarm, deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
  }

  private void alarm() {
    alarm = null;
    stack.onDeadline();
    endOfBatch();
  }

  @Override
  public void connection(GuestConnection pending) {
    Flow.start(pending, this);
  }

  @Override
  public boolean datagram(DatagramFlow flow, ByteBuf payload) {
    if (flow.port() != DNS_PORT) {
      return false;
    }
    dns.answer(
        egress.isolationKey(flow.guest()),
        payload,
        DnsTransport.UDP,
        answer -> {
          try {
            stack.sendDatagram(flow, answer);
          } finally {
            answer.release();
          }
        });
    return true;
  }

  /** The flow wants {@link Flow#flush} to be called once this batch of frames is done. */
  void flushAtEndOfBatch(Flow flow) {
    unflushed.add(flow);
  }

  @Override
  public void endOfBatch() {
    // A flush may end another flow, but begins no new write.
    for (int i = 0; i < unflushed.size(); i++) {
      unflushed.get(i).flush();
    }
    unflushed.clear();
  }

  @Override
  public void linkFailed(IOException cause) {
    onLinkFailure.accept(cause);
  }

  /** Resets every flow and closes the link; to be called on the loop. */
  void close() {
    try {
      dns.close();
      stack.close();
    } finally {
      if (alarm != null) {
        alarm.cancel(false);
      }
      link.close();
    }
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

  Egress egress() {
    return egress;
  }

  LivenessCheck liveness() {
    return liveness;
  }

  DnsCounters dnsCounters() {
    return dnsCounters;
  }

  FlowTimeouts timeouts() {
    return timeouts;
  }

  FlowCounters flowCounters() {
    return flowCounters;
  }
}
