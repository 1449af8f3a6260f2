/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.Egress;
import org.torvtl.egress.socket.LastingEpollIoHandler;

/**
 * A running gateway: guests behind one device or several, and an egress. It owns the links and the
 * threads, not the egress.
 *
 * <p>Each device is served by threads of its own, has an equal part of what all may hold, and
 * isolates its guests from those of the others. One that fails is given up; the others go on.
 */
public final class Gateway implements AutoCloseable {
  private static final long CLOSE_TIMEOUT_SECONDS = 5;

  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  private final MultiThreadIoEventLoopGroup group;
  private final List<Served> devices;
  private final GatewayListener listener;
  private final Lane.GatewayShared shared;
  private final AtomicInteger serving;
  private final AtomicBoolean failed = new AtomicBoolean();
  private final AtomicBoolean closing = new AtomicBoolean();

  /** A device and its lanes. */
  private record Served(GuestDevice device, List<Lane> lanes, AtomicBoolean gone) {}

  /**
   * A gateway that does not serve yet, with a lane for each link of each device.
   *
   * @param devices at least one
   */
  public Gateway(
      List<GuestDevice> devices,
      FlowConfig flows,
      Egress egress,
      SecureRandom random,
      GatewayListener listener) {
    int lanes = devices.stream().mapToInt(device -> device.links().size()).sum();
    this.group =
        new MultiThreadIoEventLoopGroup(
            lanes, new DefaultThreadFactory("lane"), LastingEpollIoHandler.newFactory());
    this.listener = listener;
    this.shared = new Lane.GatewayShared(egress, flows, random);
    this.serving = new AtomicInteger(devices.size());
    this.devices = devices.stream().map(device -> served(device, devices.size())).toList();
  }

  private Served served(GuestDevice device, int devices) {
    var isolation = device.isolation();
    var config =
        device.config().dividedBy(devices * device.links().size()).withOwners(isolation::ownerOf);
    var ofDevice = new Lane.DeviceShared(config, isolation, new ControlConnections());
    var lanes = new ArrayList<Lane>();
    var served = new Served(device, lanes, new AtomicBoolean());
    for (var link : device.links()) {
      lanes.add(new Lane(group.next(), link, shared, ofDevice, cause -> linkFailed(served, cause)));
    }
    return served;
  }

  /** Begins to serve. */
  public void start() {
    lanes().forEach(lane -> lane.loop().execute(lane::start));
  }

  private Stream<Lane> lanes() {
    return devices.stream().flatMap(served -> served.lanes.stream());
  }

  /** Called by a lane of the device, once or more often. */
  private void linkFailed(Served served, IOException cause) {
    if (cause.getCause() instanceof OutOfMemoryError) {
      // What one lane lacks, all lack.
      fail(cause);
    } else if (served.gone.compareAndSet(false, true)) {
      if (serving.decrementAndGet() == 0) {
        fail(cause);
      } else if (!closing.get()) {
        var unused = close(served.lanes);
        listener.deviceGone(served.device.name(), cause);
      }
    }
  }

  private void fail(IOException cause) {
    if (failed.compareAndSet(false, true)) {
      listener.failed(cause);
    }
  }

  /** TCP connections of guests that are open, wait for an answer, or are in TIME-WAIT. */
  public int connections() {
    return lanes().mapToInt(lane -> lane.stack().connections()).sum();
  }

  /**
   * Every counter that is not zero, under its name, of all lanes together; a moment old. Where
   * there are several lanes, there is also {@code lane0.requested} and so on: the connections
   * guests asked each for. Where there are several devices, the device's name is before it.
   */
  public Map<String, Long> counters() {
    var counts = everyCounter();
    counts.values().removeIf(count -> count == 0);
    return counts;
  }

  /** As {@link #counters()}, with those that are zero. */
  Map<String, Long> everyCounter() {
    var counts = new LinkedHashMap<String, Long>();
    ObjLongConsumer<String> sum = (name, count) -> counts.merge(name, count, Long::sum);
    lanes().forEach(lane -> lane.count(sum));
    shared.egress().count((name, count) -> sum.accept("egress." + name, count));
    for (var served : devices) {
      served.device.isolation().count((name, count) -> sum.accept("isolation." + name, count));
      putRequested(served, counts);
    }
    return counts;
  }

  private void putRequested(Served served, Map<String, Long> counts) {
    int lanes = served.lanes.size();
    var device = devices.size() > 1 ? served.device.name() + "." : "";
    for (int i = 0; i < lanes && (lanes > 1 || devices.size() > 1); i++) {
      counts.put(device + "lane" + i + ".requested", served.lanes.get(i).flowCounters().requested);
    }
  }

  /**
   * Resets every flow, closes the links, and ends the threads; waits for that, except on one of
   * those threads. More calls do nothing but wait.
   */
  @Override
  public void close() {
    if (closing.compareAndSet(false, true)) {
      // The group closes every channel and device as soon as it is told to end, but the guests'
      // resets need the device.
      close(lanes().toList())
          .thenRun(() -> group.shutdownGracefully(0, CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS));
    }
    if (lanes().noneMatch(lane -> lane.loop().inEventLoop())) {
      group.terminationFuture().awaitUninterruptibly(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** Stops lanes and closes their links; does nothing to one that is closed. */
  private static CompletableFuture<Void> close(List<Lane> lanes) {
    // Not before no lane serves any more: what came for one whose queue is gone would come to
    // another.
    return onEach(lanes, Lane::stop).thenCompose(stopped -> onEach(lanes, Lane::closeLink));
  }

  /** Does something on the thread of each lane; what fails is logged, and is done as well. */
  private static CompletableFuture<Void> onEach(List<Lane> lanes, Consumer<Lane> action) {
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
