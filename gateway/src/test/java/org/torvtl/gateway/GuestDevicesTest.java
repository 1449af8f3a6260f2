/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.LeakPresenceDetector;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.egress.EgressListener;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/** A gateway with several devices, and the keys under which their guests' requests go out. */
@Timeout(60)
class GuestDevicesTest {
  private static final int SECONDS = 20;

  private final SecureRandom random = new SecureRandom();
  private final SocksServer proxy = new SocksServer();
  private final List<LoopCable> cables = new ArrayList<>();
  private final List<GuestHost> guests = new ArrayList<>();
  private final Told told = new Told();
  private @Nullable Gateway gateway;

  /** The credentials of each request, in their order. */
  private final Queue<String> credentials = new ConcurrentLinkedQueue<>();

  GuestDevicesTest() throws IOException {
    proxy.plays(stream -> {
      credentials.add(stream.credentials());
      if (stream.command() == SocksServer.CONNECT) {
        stream.accept();
        stream.in().transferTo(stream.out());
      } else {
        stream.answer(new byte[] {(byte) 198, 51, 100, 7});
      }
    });
  }

  private static final class Told implements GatewayListener {
    final BlockingQueue<String> gone = new LinkedBlockingQueue<>();
    final BlockingQueue<IOException> failed = new LinkedBlockingQueue<>();

    @Override
    public void failed(IOException cause) {
      failed.add(cause);
    }

    @Override
    public void deviceGone(String device, IOException cause) {
      gone.add(device + ": " + cause.getMessage());
    }
  }

  private GuestDevice device(String name, int lanes, IsolationPolicy isolation) {
    return device(name, lanes, StackConfig.of(StackConfig.DEFAULT_ADDRESS), isolation);
  }

  /** A device with a cable, and a guest at its end, for each lane. */
  private GuestDevice device(String name, int lanes, StackConfig config, IsolationPolicy policy) {
    var ends =
        IntStream.range(0, lanes)
            .mapToObj(lane -> {
              var cable = new LoopCable(1500);
              cables.add(cable);
              guests.add(new GuestHost(cable, TcpConfig.defaults()));
              return cable.gatewayEnd();
            })
            .toList();
    return new GuestDevice(name, ends, config, policy);
  }

  private GuestDevice tap(String name) {
    return device(name, 1, new PerDeviceIsolation(name, random, () -> false));
  }

  private Gateway start(GuestDevice... devices) {
    var started =
        new Gateway(
            List.of(devices),
            FlowConfig.DEFAULT,
            new TorEgress(proxy.address(), PeerCheck.ANY, EgressListener.NONE),
            random,
            told);
    gateway = started;
    started.start();
    return started;
  }

  @AfterEach
  void close() throws Exception {
    if (gateway != null) {
      gateway.close();
    }
    for (var cable : cables) {
      cable.close();
    }
    proxy.close();
    LeakPresenceDetector.check();
  }

  private static GuestSocket exchange(GuestHost guest) throws Exception {
    var socket = guest.connected();
    socket.send("hello");
    socket.awaitText("hello");
    return socket;
  }

  private static void ask(GuestHost guest) throws Exception {
    var question = Record.newRecord(Name.fromString("some.example."), Type.A, DClass.IN);
    var query = Message.newQuery(question).toWire();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
    // As a resolver does: a query may be lost.
    do {
      guest.sendUdp(5353, GuestHost.FAR, 53, query);
    } while (guest.datagrams.poll(1, TimeUnit.SECONDS) == null && System.nanoTime() - end < 0);
    assertThat(System.nanoTime() - end).as("no answer in time").isNegative();
  }

  private void fail(int cable, IOException cause) throws Exception {
    var failing = cables.get(cable);
    failing.loop().submit(() -> failing.fail(cause)).get(SECONDS, TimeUnit.SECONDS);
  }

  /** 60 keys and 63 circuits it was. */
  @Test
  void oneGuestThatMakesUpMacAddressesHasOneKey() throws Exception {
    start(tap("tap0"));
    var guest = guests.getFirst();
    for (int i = 0; i < 60; i++) {
      guest.changeMac(GuestHost.MAC + i);
      var socket = exchange(guest);
      ask(guest);
      socket.abort();
    }
    assertThat(credentials).hasSize(120);
    assertThat(new TreeSet<>(credentials)).hasSize(1);
  }

  @Test
  void guestsOfASharedDeviceHaveAKeyEach() throws Exception {
    var running = start(device("br0", 1, new PerGuestIsolation("br0", random)));
    var guest = guests.getFirst();
    for (int i = 0; i < 60; i++) {
      guest.changeMac(GuestHost.MAC + i % 30);
      var socket = exchange(guest);
      ask(guest);
      socket.abort();
    }
    assertThat(credentials).hasSize(120);
    assertThat(new TreeSet<>(credentials)).hasSize(30);
    assertThat(running.counters())
        .containsEntry("isolation.keys", 30L)
        .doesNotContainKey("isolation.evicted_keys");
  }

  @Test
  void aGuestHasOneKeyOnAllLanesOfADevice() throws Exception {
    start(device("br0", 2, new PerGuestIsolation("br0", random)));
    for (var lane : guests) {
      exchange(lane);
    }
    ask(guests.getFirst());
    assertThat(credentials).hasSize(3);
    assertThat(new TreeSet<>(credentials)).hasSize(1);
  }

  @Test
  void guestsOfTheSameAddressesOnTwoDevicesShareNothing() throws Exception {
    start(
        tap("tap0"),
        tap("tap1"),
        device("br0", 1, new PerGuestIsolation("br0", random)),
        device("br1", 1, new PerGuestIsolation("br1", random)));
    for (var guest : guests) {
      exchange(guest);
      ask(guest);
    }
    assertThat(credentials).hasSize(8);
    assertThat(new TreeSet<>(credentials)).hasSize(4);
  }

  @Test
  void oneDeviceThatIsGoneEndsNothingForTheOthers() throws Exception {
    var running = start(tap("tap0"), tap("tap1"));
    var lost = exchange(guests.getFirst());
    var kept = exchange(guests.getLast());
    fail(0, new IOException("it was deleted"));
    assertThat(told.gone.poll(SECONDS, TimeUnit.SECONDS)).isEqualTo("tap0: it was deleted");
    kept.send("still here?");
    kept.awaitText("hellostill here?");
    exchange(guests.getLast());
    assertThat(running.connections()).isEqualTo(2);
    assertThat(lost.established).isCompleted();
    assertThat(told.failed).isEmpty();
    assertThat(running.counters())
        .containsEntry("flow.shut_down", 1L)
        .containsEntry("tap0.lane0.requested", 1L)
        .containsEntry("tap1.lane0.requested", 2L);

    fail(1, new IOException("this one too"));
    assertThat(told.failed.poll(SECONDS, TimeUnit.SECONDS)).hasMessage("this one too");
    assertThat(told.gone).isEmpty();
    running.close();
    assertThat(told.failed).isEmpty();
    assertThat(running.connections()).isZero();
  }

  /** The other queues would take their part of the connections, and the guest wait for the rest. */
  @Test
  void aDeviceThatLosesAQueueIsGoneAsAWhole() throws Exception {
    var running = start(device("tap0", 2, new PerGuestIsolation("tap0", random)), tap("tap1"));
    exchange(guests.get(0));
    var reset = exchange(guests.get(1));
    exchange(guests.get(2));
    fail(0, new IOException("it was deleted"));
    assertThat(told.gone.poll(SECONDS, TimeUnit.SECONDS)).isEqualTo("tap0: it was deleted");
    assertThat(reset.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
    fail(1, new IOException("it was deleted"));
    exchange(guests.get(2));
    assertThat(running.connections()).isEqualTo(2);
    assertThat(told.gone).isEmpty();
    assertThat(told.failed).isEmpty();
  }

  @Test
  void withoutMemoryNoDeviceIsServed() throws Exception {
    start(tap("tap0"), tap("tap1"));
    exchange(guests.getFirst());
    fail(0, new IOException("out of memory", new OutOfMemoryError("direct")));
    assertThat(told.failed.poll(SECONDS, TimeUnit.SECONDS)).hasMessage("out of memory");
    assertThat(told.gone).isEmpty();
  }

  @Test
  void devicesTogetherHaveNoMoreThanOneWould() throws Exception {
    var config =
        new StackConfig(
            StackConfig.DEFAULT_MAC,
            StackConfig.DEFAULT_ADDRESS,
            /* maxConnections= */ 9,
            StackConfig.DEFAULT_MAX_PENDING,
            StackConfig.DEFAULT_BUFFER_BYTES,
            TcpConfig.defaults(),
            address -> false,
            LongUnaryOperator.identity());
    var running =
        start(
            device("tap0", 2, config, new PerGuestIsolation("tap0", random)),
            device("tap1", 1, config, new PerGuestIsolation("tap1", random)));
    var shares = List.of(2, 2, 4);
    for (int i = 0; i < guests.size(); i++) {
      var host = guests.get(i);
      for (int j = 0; j < shares.get(i); j++) {
        host.connected();
      }
      // In the place of the first, the longest idle.
      host.connected();
    }
    assertThat(running.connections()).isEqualTo(8);
    assertThat(running.counters()).containsEntry("drop.tcp_evicted", 3L);
  }
}
