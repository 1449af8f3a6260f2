/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import io.netty.channel.ManualIoEventLoop;
import io.netty.channel.local.LocalIoHandler;
import io.netty.util.LeakPresenceDetector;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.TcpConfig;

/**
 * A lane between a guest and an egress in memory, on a loop that the test's thread turns and whose
 * clock it sets: nothing here waits. Closing it fails if a buffer was not released.
 */
final class VirtualWorld implements AutoCloseable {
  private static final long STEP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  final MemoryEgress egress = new MemoryEgress();
  final GuestHost guest;
  final Lane lane;
  private final MockTicker clock = Ticker.newMockTicker();
  private final ManualIoEventLoop loop =
      new ManualIoEventLoop(null, Thread.currentThread(), LocalIoHandler.newFactory(), clock);
  private final LoopCable cable = new LoopCable(1500);

  VirtualWorld(FlowConfig config) {
    lane =
        new Lane(
            loop,
            cable.gatewayEnd(),
            new Lane.GatewayShared(egress, config, new SecureRandom()),
            new Lane.DeviceShared(
                StackConfig.of(StackConfig.DEFAULT_ADDRESS),
                new PerGuestIsolation("cable0", new SecureRandom()),
                new ControlConnections()),
            cause -> {
              throw new AssertionError(cause);
            });
    guest =
        new GuestHost(
            cable,
            TcpConfig.defaults(),
            new GuestHost.Runner() {
              @Override
              public <T> T run(Callable<T> task) throws Exception {
                var result = task.call();
                turn();
                return result;
              }
            });
    lane.start();
    turn();
  }

  /** Does all that is due. */
  void turn() {
    while (loop.runNow() > 0) {
      // What was done may have set off more.
    }
  }

  /** Time passes, in steps of at most a millisecond. */
  void pass(Duration time) {
    for (long left = time.toNanos(); left > 0; left -= STEP_NANOS) {
      clock.advance(Math.min(left, STEP_NANOS), TimeUnit.NANOSECONDS);
      turn();
    }
  }

  /** The far end of the last stream that was asked for. */
  MemoryEgress.FarEnd farEnd() {
    return egress.streams.getLast();
  }

  /** An open connection to {@link #farEnd}. */
  GuestSocket connected(int port) throws Exception {
    var socket = guest.connect(GuestHost.FAR, port);
    farEnd().handler.opened();
    turn();
    socket.awaitEstablished();
    return socket;
  }

  FlowCounters counters() {
    return lane.flowCounters();
  }

  @Override
  public void close() {
    lane.stop();
    turn();
    lane.closeLink();
    cable.close();
    LeakPresenceDetector.check();
  }
}
