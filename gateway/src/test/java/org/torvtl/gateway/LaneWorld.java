/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.LeakPresenceDetector;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressListener;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;

/** A lane between a guest and a SOCKS server. Closing it fails if a buffer was not released. */
final class LaneWorld implements AutoCloseable {
  static final Duration LONG = Duration.ofMinutes(10);
  static final FlowConfig PATIENT = new FlowConfig(LONG, LONG, LONG, LONG, Set.of());
  private static final int SECONDS = 20;

  final SocksServer proxy = new SocksServer();
  final LoopCable cable;
  final GuestHost guest;
  final Lane lane;
  final Egress egress;
  final CompletableFuture<IOException> linkFailure = new CompletableFuture<>();
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, LastingEpollIoHandler.newFactory());

  LaneWorld() throws Exception {
    this(PATIENT, 1500);
  }

  LaneWorld(FlowConfig timeouts, int mtu) throws Exception {
    this(timeouts, mtu, TcpConfig.defaults());
  }

  LaneWorld(FlowConfig timeouts, int mtu, TcpConfig guestTcp) throws Exception {
    this(timeouts, mtu, guestTcp, egress -> egress);
  }

  LaneWorld(UnaryOperator<Egress> egress) throws Exception {
    this(PATIENT, 1500, TcpConfig.defaults(), egress);
  }

  /** One whose flows together may hold so much. */
  LaneWorld(int bufferBytes) throws Exception {
    this(PATIENT, 1500, TcpConfig.defaults(), egress -> egress, bufferBytes, perGuest());
  }

  LaneWorld(IsolationPolicy isolation) throws Exception {
    this(
        PATIENT,
        1500,
        TcpConfig.defaults(),
        egress -> egress,
        StackConfig.DEFAULT_BUFFER_BYTES,
        isolation);
  }

  private static IsolationPolicy perGuest() {
    return new PerGuestIsolation("cable0", new SecureRandom());
  }

  /**
   * @param egress makes what the lane uses from the way to the SOCKS server
   */
  LaneWorld(FlowConfig timeouts, int mtu, TcpConfig guestTcp, UnaryOperator<Egress> egress)
      throws Exception {
    this(timeouts, mtu, guestTcp, egress, StackConfig.DEFAULT_BUFFER_BYTES, perGuest());
  }

  private LaneWorld(
      FlowConfig timeouts,
      int mtu,
      TcpConfig guestTcp,
      UnaryOperator<Egress> egress,
      int bufferBytes,
      IsolationPolicy isolation)
      throws Exception {
    cable = new LoopCable(mtu);
    this.egress = egress.apply(new TorEgress(proxy.address(), PeerCheck.ANY, EgressListener.NONE));
    lane =
        new Lane(
            group.next(),
            cable.gatewayEnd(),
            new Lane.GatewayShared(this.egress, timeouts, new SecureRandom()),
            new Lane.DeviceShared(
                new StackConfig(
                    StackConfig.DEFAULT_MAC,
                    StackConfig.DEFAULT_ADDRESS,
                    StackConfig.DEFAULT_MAX_CONNECTIONS,
                    StackConfig.DEFAULT_MAX_PENDING,
                    bufferBytes,
                    TcpConfig.defaults(),
                    address -> false,
                    LongUnaryOperator.identity()),
                isolation,
                new ControlConnections()),
            linkFailure::complete);
    guest = new GuestHost(cable, guestTcp);
    lane.loop().submit(lane::start).get(SECONDS, TimeUnit.SECONDS);
  }

  <T> T onLoop(Callable<T> task) throws Exception {
    return guest.onLoop(task);
  }

  FlowCounters counters() {
    return lane.flowCounters();
  }

  /** A counter of the egress, as {@code liveness_questions}. */
  long egressCount(String name) {
    var found = new AtomicLong(-1);
    egress.count((each, count) -> {
      if (each.equals(name)) {
        found.set(count);
      }
    });
    return found.get();
  }

  /** Waits until what the loop or the proxy's threads do has come about: no event tells of it. */
  void await(String what, BooleanSupplier condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    while (!onLoop(condition::getAsBoolean)) {
      assertThat(System.nanoTime() - deadline).as("still not: " + what).isNegative();
      LockSupport.parkNanos(1_000_000);
    }
  }

  /** Waits until no connection and no stream is left. */
  void awaitNothingOpen() throws Exception {
    await("no stream is open", () -> proxy.open() == 0);
    await("no connection is held", () -> lane.stack().connections() == 0);
  }

  @Override
  public void close() throws IOException {
    var closed =
        lane.loop()
            .submit(() -> {
              lane.stop();
              lane.closeLink();
            });
    assertThat(closed.awaitUninterruptibly(SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(closed.cause()).isNull();
    assertThat(lane.stack().connections()).isZero();
    group.shutdownGracefully(0, SECONDS, TimeUnit.SECONDS);
    assertThat(group.terminationFuture().awaitUninterruptibly(SECONDS, TimeUnit.SECONDS)).isTrue();
    cable.close();
    proxy.close();
    LeakPresenceDetector.check();
  }
}
