/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.Link;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.socks.LastingEpollIoHandler;

/**
 * A running gateway: guests behind one link, or behind several that are queues of one device, and
 * an egress. It owns the links and the threads, not the egress.
 */
public final class Gateway implements AutoCloseable {
  private static final long CLOSE_TIMEOUT_SECONDS = 5;

  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  private final MultiThreadIoEventLoopGroup group;
  private final List<Lane> lanes;
  private final AtomicBoolean linkFailed = new AtomicBoolean();
  private final AtomicBoolean closing = new AtomicBoolean();

  /**
   * A gateway that does not serve yet, with a lane for each link. All frames of a connection, and
   * their fragments, must come from the same link, always; all that is not TCP from the first one.
   *
   * @param config what the lanes together may have
   * @param onLinkFailure is told once, on a thread of the gateway, when a link is gone; the gateway
   *     is to be closed then
   */
  public Gateway(
      List<? extends Link> links,
      StackConfig config,
      Egress egress,
      SecureRandom random,
      Consumer<IOException> onLinkFailure) {
    group =
        new MultiThreadIoEventLoopGroup(
            links.size(), new DefaultThreadFactory("lane"), LastingEpollIoHandler.newFactory());
    var share = config.dividedBy(links.size());
    Consumer<IOException> once =
        cause -> {
          if (linkFailed.compareAndSet(false, true)) {
            onLinkFailure.accept(cause);
          }
        };
    lanes =
        links.stream()
            .map(link ->
                new Lane(group.next(), link, share, egress, random, FlowTimeouts.DEFAULT, once))
            .toList();
  }

  /** Begins to serve. */
  public void start() {
    lanes.forEach(lane -> lane.loop().execute(lane::start));
  }

  /** TCP connections of guests that are open, wait for an answer, or are in TIME-WAIT. */
  public int connections() {
    return lanes.stream().mapToInt(lane -> lane.stack().connections()).sum();
  }

  /**
   * Every counter that is not zero, under its name, of all lanes together; a moment old. Where
   * there are several lanes, there is also {@code lane0.requested} and so on: the connections
   * guests asked each for.
   */
  public Map<String, Long> counters() {
    var counts = new LinkedHashMap<String, Long>();
    lanes.forEach(lane -> lane.count((name, count) -> counts.merge(name, count, Long::sum)));
    for (int i = 0; i < lanes.size() && lanes.size() > 1; i++) {
      counts.put("lane" + i + ".requested", lanes.get(i).flowCounters().requested);
    }
    counts.values().removeIf(count -> count == 0);
    return counts;
  }

  /**
   * Resets every flow, closes the links, and ends the threads; waits for that, except on one of
   * those threads. More calls do nothing but wait.
   */
  @Override
  public void close() {
    if (closing.compareAndSet(false, true)) {
      // Not before no lane serves any more: what came for one whose queue is gone would come to
      // another. And the group closes every channel and device as soon as it is told to end, but
      // the guests' resets need the device.
      onEachLane(Lane::stop)
          .thenCompose(stopped -> onEachLane(Lane::closeLink))
          .thenRun(() -> group.shutdownGracefully(0, CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS));
    }
    if (lanes.stream().noneMatch(lane -> lane.loop().inEventLoop())) {
      group.terminationFuture().awaitUninterruptibly(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** Does something on the thread of each lane; what fails is logged, and is done as well. */
  private CompletableFuture<Void> onEachLane(Consumer<Lane> action) {
    return CompletableFuture.allOf(
        lanes.stream()
            .map(lane ->
                CompletableFuture.runAsync(() -> action.accept(lane), lane.loop())
                    .exceptionally(cause -> {
                      log.error("a lane was not closed in order; please report this", cause);
                      return null;
                    }))
            .toArray(CompletableFuture[]::new));
  }
}
