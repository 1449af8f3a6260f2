/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.LeakPresenceDetector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.egress.EgressListener;
import org.torvtl.stack.StackConfig;
import org.torvtl.stack.StackCounters;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;
import org.torvtl.wire.Defect;

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

  private Gateway gateway(SocksServer proxy, GatewayListener listener) {
    return gateway(List.of(cable), StackConfig.of(StackConfig.DEFAULT_ADDRESS), proxy, listener);
  }

  /** Behind one device, which has a queue at the end of each cable. */
  private static Gateway gateway(
      List<LoopCable> queues, StackConfig config, SocksServer proxy, GatewayListener listener) {
    var random = new SecureRandom();
    var links = queues.stream().map(LoopCable::gatewayEnd).toList();
    var device = new GuestDevice("cable0", links, config, new PerGuestIsolation("cable0", random));
    return new Gateway(
        List.of(device),
        FlowConfig.DEFAULT,
        new TorEgress(proxy.address(), PeerCheck.ANY, EgressListener.NONE),
        random,
        listener);
  }

  private static void unexpected(IOException cause) {
    throw new AssertionError(cause);
  }

  private static String oneOf(Enum<?>... constants) {
    return Arrays.stream(constants)
        .map(constant -> constant.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining("|"));
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

  /** What {@code kill -USR1} and the end of a run with -v show must be explained, and is there. */
  @Test
  void everyCounterIsInTheDocs() throws Exception {
    var row = Pattern.compile("(?m)^\\| `([^`]+)` \\| (.+) \\|$");
    var explained =
        row.matcher(Files.readString(Path.of("../docs/counters.md")))
            .results()
            .filter(found -> found.group(2).length() > 10)
            .map(found -> found.group(1))
            .toList();
    var malformed =
        Pattern.compile(
            "(%s)\\.(%s)"
                .formatted(oneOf(StackCounters.Protocol.values()), oneOf(Defect.values())));
    try (var proxy = new SocksServer();
        var gateway = gateway(proxy, GatewayTest::unexpected)) {
      gateway.start();
      var names =
          gateway.everyCounter().keySet().stream()
              .map(name -> malformed.matcher(name).replaceFirst("PROTOCOL.$2"))
              .distinct();
      assertThat(explained)
          .doesNotHaveDuplicates()
          .containsExactlyInAnyOrderElementsOf(
              Stream.concat(names, Stream.of("laneN.requested")).toList());
    }
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

  /** Behind two links, as behind two queues of a device. */
  private Gateway gatewayOfTwoLanes(
      LoopCable other, StackConfig config, SocksServer proxy, GatewayListener listener) {
    return gateway(List.of(cable, other), config, proxy, listener);
  }

  @RepeatedTest(5)
  void eachLaneHasAThreadAndAllAreClosed() throws Exception {
    var before = laneThreads();
    var otherCable = new LoopCable(1500);
    var otherGuest = new GuestHost(otherCable, TcpConfig.defaults());
    try (var proxy = new SocksServer()) {
      proxy.plays(stream -> {
        stream.accept();
        stream.in().transferTo(stream.out());
      });
      var gateway =
          gatewayOfTwoLanes(
              otherCable,
              StackConfig.of(StackConfig.DEFAULT_ADDRESS),
              proxy,
              GatewayTest::unexpected);
      gateway.start();
      assertThat(cable.loop()).isNotSameAs(otherCable.loop());
      var sockets = new ArrayList<GuestSocket>();
      for (var host : List.of(guest, otherGuest, otherGuest)) {
        sockets.add(host.connected());
        sockets.getLast().send("hello");
        sockets.getLast().awaitText("hello");
      }
      assertThat(gateway.connections()).isEqualTo(3);
      gateway.close();
      cable.close();
      otherCable.close();
      for (var socket : sockets) {
        assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      }
      assertThat(gateway.counters())
          .containsEntry("flow.requested", 3L)
          .containsEntry("lane0.requested", 1L)
          .containsEntry("lane1.requested", 2L)
          .containsEntry("flow.bytes_out", 15L)
          .containsEntry("tcp.established", 3L)
          .containsEntry("flow.shut_down", 3L);
      assertThat(gateway.connections()).isZero();
      assertEnd(before);
    }
    LeakPresenceDetector.check();
  }

  @Test
  void lanesTogetherHaveNoMoreThanOneWould() throws Exception {
    var otherCable = new LoopCable(1500);
    var otherGuest = new GuestHost(otherCable, TcpConfig.defaults());
    var config =
        new StackConfig(
            StackConfig.DEFAULT_MAC,
            StackConfig.DEFAULT_ADDRESS,
            /* maxConnections= */ 5,
            StackConfig.DEFAULT_MAX_PENDING,
            StackConfig.DEFAULT_BUFFER_BYTES,
            TcpConfig.defaults(),
            address -> false,
            LongUnaryOperator.identity());
    assertThat(config.dividedBy(2).bufferBytes()).isEqualTo(StackConfig.DEFAULT_BUFFER_BYTES / 2);
    assertThat(StackConfig.of(StackConfig.DEFAULT_ADDRESS).dividedBy(2).maxPending())
        .isEqualTo(StackConfig.DEFAULT_MAX_PENDING / 2);
    try (var proxy = new SocksServer()) {
      proxy.plays(stream -> {
        stream.accept();
        stream.in().transferTo(stream.out());
      });
      var gateway = gatewayOfTwoLanes(otherCable, config, proxy, GatewayTest::unexpected);
      gateway.start();
      for (var host : List.of(guest, otherGuest)) {
        host.connected();
        host.connected();
        // In the place of the first, the longest idle.
        host.connected();
      }
      assertThat(gateway.connections()).isEqualTo(4);
      assertThat(gateway.counters())
          .containsEntry("drop.tcp_evicted", 2L)
          .containsEntry("flow.made_room", 2L);
      gateway.close();
      cable.close();
      otherCable.close();
    }
    LeakPresenceDetector.check();
  }

  @Test
  void thatTheDeviceIsGoneIsToldOnce() throws Exception {
    var otherCable = new LoopCable(1500);
    otherCable.attach(new GuestHost(new LoopCable(1500), TcpConfig.defaults()));
    try (var proxy = new SocksServer()) {
      var told = new ConcurrentLinkedQueue<IOException>();
      var gateway =
          gatewayOfTwoLanes(
              otherCable, StackConfig.of(StackConfig.DEFAULT_ADDRESS), proxy, told::add);
      gateway.start();
      for (var each : List.of(cable, otherCable)) {
        each.loop()
            .submit(() -> each.fail(new IOException("it was deleted")))
            .get(SECONDS, TimeUnit.SECONDS);
      }
      assertThat(told).hasSize(1);
      gateway.close();
      cable.close();
      otherCable.close();
    }
    LeakPresenceDetector.check();
  }
}
