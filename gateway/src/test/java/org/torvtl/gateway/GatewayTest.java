/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.LeakPresenceDetector;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;

/** A gateway as a whole: its beginning, its end, and what it tells of itself. */
@Timeout(60)
class GatewayTest {
  private static final int SECONDS = 20;

  private final LoopCable cable = new LoopCable(1500);
  private final GuestHost guest = new GuestHost(cable, TcpConfig.defaults());

  private static Set<Thread> laneThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("lane"))
        .collect(Collectors.toSet());
  }

  /** Waits for the threads that were not there before: a loop is done just before its thread is. */
  private static void assertEnd(Set<Thread> before) throws InterruptedException {
    for (var thread : laneThreads()) {
      if (!before.contains(thread)) {
        assertThat(thread.join(Duration.ofSeconds(SECONDS))).isTrue();
      }
    }
  }

  private Gateway gateway(SocksServer proxy, Consumer<IOException> onLinkFailure) {
    return new Gateway(
        cable.gatewayEnd(),
        StackConfig.of(StackConfig.DEFAULT_ADDRESS),
        new TorEgress(proxy.address(), new SecureRandom()),
        new SecureRandom(),
        onLinkFailure);
  }

  private static void unexpected(IOException cause) {
    throw new AssertionError(cause);
  }

  @RepeatedTest(10)
  void closingResetsEveryFlowAndEndsTheThreads() throws Exception {
    var before = laneThreads();
    try (var proxy = new SocksServer()) {
      proxy.plays(stream -> {
        if (stream.port() == 81) {
          stream.awaitEnd();
        }
        stream.accept();
        stream.in().transferTo(stream.out());
      });
      var gateway = gateway(proxy, GatewayTest::unexpected);
      gateway.start();
      var sockets = new ArrayList<GuestSocket>();
      for (int i = 0; i < 10; i++) {
        sockets.add(guest.connected());
        sockets.getLast().send("hello");
        sockets.getLast().awaitText("hello");
      }
      var opening = guest.connect(GuestHost.FAR, 81);
      assertThat(guest.onLoop(gateway::connections)).isEqualTo(11);
      assertThat(gateway.counters())
          .containsEntry("flow.opened", 10L)
          .containsEntry("flow.bytes_out", 50L)
          .containsEntry("tcp.established", 10L);
      gateway.close();
      cable.close();
      for (var socket : sockets) {
        assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      }
      assertThat(opening.awaitClosed()).isEqualTo(CloseReason.REFUSED_BY_PEER);
      assertThat(gateway.counters()).containsEntry("flow.shut_down", 11L);
      assertThat(gateway.connections()).isZero();
      assertEnd(before);
      gateway.close();
    }
    LeakPresenceDetector.check();
  }

  @Test
  void canBeClosedBeforeItWasStartedAndFromManyThreadsAtOnce() throws Exception {
    var before = laneThreads();
    try (var proxy = new SocksServer()) {
      var gateway = gateway(proxy, GatewayTest::unexpected);
      var closers = new ArrayList<Thread>();
      for (int i = 0; i < 8; i++) {
        closers.add(Thread.startVirtualThread(gateway::close));
      }
      for (var closer : closers) {
        assertThat(closer.join(Duration.ofSeconds(SECONDS))).isTrue();
      }
      assertEnd(before);
      cable.close();
    }
    LeakPresenceDetector.check();
  }

  @Test
  void tellsThatTheLinkIsGoneAndCanBeClosedRightThere() throws Exception {
    var before = laneThreads();
    try (var proxy = new SocksServer()) {
      var told = new CompletableFuture<IOException>();
      var self = new CompletableFuture<Gateway>();
      var gateway =
          gateway(
              proxy,
              cause -> {
                self.join().close();
                told.complete(cause);
              });
      self.complete(gateway);
      gateway.start();
      var gone = new IOException("cannot read from cable0: it was deleted");
      cable.loop().execute(() -> cable.fail(gone));
      assertThat(told.get(SECONDS, TimeUnit.SECONDS)).isSameAs(gone);
      gateway.close();
      assertEnd(before);
      cable.close();
    }
    LeakPresenceDetector.check();
  }

  @Test
  void tellsThatTheLinkCouldNotBeStarted() throws Exception {
    try (var proxy = new SocksServer()) {
      var told = new CompletableFuture<IOException>();
      var gateway = gateway(proxy, told::complete);
      gateway.start();
      cable.loop();
      gateway.start();
      assertThat(told.get(SECONDS, TimeUnit.SECONDS))
          .hasMessageStartingWith("cannot start cable0: ");
      gateway.close();
      cable.close();
    }
    LeakPresenceDetector.check();
  }
}
