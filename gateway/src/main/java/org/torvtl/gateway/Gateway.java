/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.gateway.dns.DnsEvent;
import org.torvtl.link.Link;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.socks.LastingEpollIoHandler;

/**
 * A running gateway: guests behind a link, and an egress. It owns the link and the threads, not the
 * egress.
 */
public final class Gateway implements AutoCloseable {
  private static final long CLOSE_TIMEOUT_SECONDS = 5;

  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  private final MultiThreadIoEventLoopGroup group;
  private final Lane lane;
  private final AtomicBoolean closing = new AtomicBoolean();

  /**
   * A gateway that does not serve yet.
   *
   * @param onLinkFailure is told, on a thread of the gateway, when the link is gone; the gateway is
   *     to be closed then
   */
  public Gateway(
      Link link,
      StackConfig config,
      Egress egress,
      SecureRandom random,
      Consumer<IOException> onLinkFailure) {
    group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("lane"), LastingEpollIoHandler.newFactory());
    lane =
        new Lane(group.next(), link, config, egress, random, FlowTimeouts.DEFAULT, onLinkFailure);
  }

  /** Begins to serve. */
  public void start() {
    lane.loop().execute(lane::start);
  }

  /** TCP connections of guests that are open, wait for an answer, or are in TIME-WAIT. */
  public int connections() {
    return lane.stack().connections();
  }

  /** Every counter that is not zero, under its name; a moment old. */
  public Map<String, Long> counters() {
    var counts = new LinkedHashMap<String, Long>();
    var link = lane.link().counters();
    counts.put("link.received_frames", link.receivedFrames);
    counts.put("link.received_bytes", link.receivedBytes);
    counts.put("link.sent_frames", link.sentFrames);
    counts.put("link.sent_bytes", link.sentBytes);
    counts.put("link.send_drops", link.sendDrops);
    counts.put("link.oversized_drops", link.oversizedDrops);
    counts.put("link.offload_drops", link.offloadDrops);
    counts.put("link.capture_drops", link.captureDrops);
    lane.flowCounters().forEach((name, count) -> counts.put("flow." + name, count));
    counts.put("egress.liveness_questions", lane.liveness().questions());
    counts.put("egress.liveness_failures", lane.liveness().failedQuestions());
    for (var event : DnsEvent.values()) {
      counts.put("dns." + event.name().toLowerCase(Locale.ROOT), lane.dnsCounters().count(event));
    }
    counts.putAll(lane.stack().counters().nonZero());
    lane.stack().tcpCounters().forEach((name, count) -> counts.put("tcp." + name, count));
    counts.values().removeIf(count -> count == 0);
    return counts;
  }

  /**
   * Resets every flow, closes the link, and ends the threads; waits for that, except on one of
   * those threads. More calls do nothing but wait.
   */
  @Override
  public void close() {
    if (closing.compareAndSet(false, true)) {
      // The group closes every channel and device as soon as it is told to end, and the guests'
      // resets need the device, so it is told only afterwards.
      lane.loop()
          .submit(lane::close)
          .addListener(closed -> {
            if (!closed.isSuccess()) {
              log.error("the lane was not closed in order; please report this", closed.cause());
            }
            group.shutdownGracefully(0, CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
          });
    }
    if (!lane.loop().inEventLoop()) {
      group.terminationFuture().awaitUninterruptibly(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
  }
}
