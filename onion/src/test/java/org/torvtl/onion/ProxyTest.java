/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.torvtl.onion.OnionCable.GUEST;
import static org.torvtl.onion.OnionCable.HOST;
import static org.torvtl.onion.OnionCable.SECOND;

import io.netty.buffer.Unpooled;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Network;

class ProxyTest {
  @Test
  void knowsEachRouterByItsProcess() {
    try (var cable = new OnionCable(3, true, 1).up()) {
      assertThat(cable.events)
          .containsExactly(
              new ProxyEvent.RouterUp(1, 1001, Packets.ip("192.168.201.2")),
              new ProxyEvent.RouterUp(2, 1002, Packets.ip("192.168.202.2")),
              new ProxyEvent.RouterUp(3, 1003, Packets.ip("192.168.203.2")),
              new ProxyEvent.AllUp());
    }
  }

  @Test
  void namesTheRouterThatStaysSilent() {
    try (var cable = new OnionCable(3, false, 1)) {
      cable.loses = message -> message.from() == 2;
      cable.run(9 * SECOND);
      assertThat(cable.events).hasSize(2);
      cable.run(SECOND + 1);
      assertThat(cable.events.getLast()).isEqualTo(new ProxyEvent.StayedSilent(List.of(2)));
      cable.run(20 * SECOND);
      assertThat(cable.events).as("said once").hasSize(3);
    }
  }

  /** Any of the first messages may be lost, in either direction. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void comesUpOverALossyWire(long seed) {
    try (var cable = new OnionCable(4, false, seed)) {
      var random = new Random(seed);
      cable.loses = message -> random.nextInt(3) == 0;
      cable.run(9 * SECOND);
      assertThat(cable.events).contains(new ProxyEvent.AllUp());
    }
  }

  @Test
  void aProcessThatIsNotTheRouterIsNotBelieved() {
    try (var cable = new OnionCable(1, false, 1)) {
      cable.proxy.routerStarted(1, 4711);
      cable.run(SECOND);
      assertThat(cable.events).isEmpty();
      assertThat(cable.proxy.counters().dropCount(Drop.MESSAGE_UNEXPECTED)).isGreaterThan(1);
    }
  }

  /** Of the others it tells how many they were; each packet is carried all the same. */
  @Test
  void aFloodHasABoundedNumberOfLines() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      cable.run(2 * SECOND);
      cable.proxyLog.clear();
      cable.routerLog.clear();
      int packets = 5_000;
      for (int i = 0; i < packets; i++) {
        cable.hostSends(Packets.echo(Icmpv4Message.ECHO_REQUEST, HOST, "10.5.51.9", 7, i, 8, 64));
      }
      assertThat(cable.proxy.counters().inPackets).isEqualTo(packets);
      assertThat(cable.proxyLog).hasSize(PacketLines.PER_SECOND);
      assertThat(cable.routerLog).hasSize(PacketLines.PER_SECOND);
      cable.run(2 * SECOND);
      assertThat(cable.proxyLog.getLast())
          .isEqualTo("9500 lines about packets left out: more than 500 a second");
      assertThat(cable.routerLog.getLast())
          .isEqualTo("router 1: 4500 lines about packets left out: more than 500 a second");
      cable.hostSends(Packets.echo(Icmpv4Message.ECHO_REQUEST, HOST, "10.5.51.9", 7, 1, 8, 64));
      assertThat(cable.proxyLog.getLast()).contains("10.5.51.9").contains("to tun");
    }
  }

  /** What happens to a router is told, whatever packets there are. */
  @Test
  void aFloodHidesNoRouter() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      for (int i = 0; i < 5_000; i++) {
        cable.hostSends(Packets.echo(Icmpv4Message.ECHO_REQUEST, HOST, "10.5.51.9", 7, i, 8, 64));
      }
      cable.proxy.routerEnded(1, "was killed by signal 9");
      assertThat(cable.proxyLog.getLast()).contains("was killed by signal 9");
    }
  }

  @Test
  void pingComesBackAsItWent() {
    try (var cable = new OnionCable(3, false, 1).up()) {
      for (int size = 0; size <= 1472; size++) {
        var sent = Packets.echo(Icmpv4Message.ECHO_REQUEST, HOST, "10.5.51.9", 7, size, size, 64);
        cable.hostSends(sent);
        assertThat(cable.last())
            .isEqualTo(
                Packets.echo(Icmpv4Message.ECHO_REPLY, "10.5.51.9", HOST, 7, size, size, 64));
      }
    }
  }

  @Test
  void aFlowStaysWithItsRouterAndFlowsSpread() {
    try (var cable = new OnionCable(4, true, 1).up()) {
      var ofFlow = new HashMap<Integer, Integer>();
      for (int round = 0; round < 3; round++) {
        for (int id = 0; id < 400; id++) {
          cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, round));
          int router = cable.lastRouter.getLast();
          assertThat(ofFlow.merge(id, router, (was, is) -> was.equals(is) ? was : -1))
              .isEqualTo(router);
        }
      }
      for (int router = 1; router <= 4; router++) {
        int number = router;
        assertThat(ofFlow.values().stream().filter(r -> r == number).count()).isBetween(60L, 140L);
      }
    }
  }

  @Test
  void onlyTheFlowsOfADeadRouterMove() {
    try (var cable = new OnionCable(4, true, 1).up()) {
      var first = new HashMap<Integer, Integer>();
      for (int id = 0; id < 200; id++) {
        cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, 1));
        first.put(id, cable.lastRouter.getLast());
      }
      cable.proxy.routerEnded(2, "was killed by signal 9");
      assertThat(cable.events.getLast())
          .isEqualTo(new ProxyEvent.RouterGone(2, 1002, "was killed by signal 9", 3));
      var takers = new HashSet<Integer>();
      for (int id = 0; id < 200; id++) {
        cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, 2));
        if (first.getOrDefault(id, 0) == 2) {
          takers.add(cable.lastRouter.getLast());
        } else {
          assertThat(cable.lastRouter.getLast()).isEqualTo(first.get(id));
        }
      }
      assertThat(takers).containsExactlyInAnyOrder(1, 3, 4);
    }
  }

  @Test
  void withoutARouterPacketsAreDropped() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      cable.proxy.routerEnded(1, "ended with exit status 1");
      cable.hostSends(Packets.ping(HOST, "10.5.51.9", 7, 1));
      assertThat(cable.proxy.counters().dropCount(Drop.NO_ROUTER)).isEqualTo(1);
    }
  }

  @Test
  void takesOnlyWhatIsTheHosts() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      cable.hostSends(Packets.ping("192.0.2.1", "10.5.51.9", 7, 1));
      cable.hostSends(Packets.ping(HOST, "224.0.0.1", 7, 1));
      cable.hostSends(Packets.echo(8, HOST, "10.5.51.9", 7, 1, 1473, 64));
      cable.hostSends(Unpooled.copiedBuffer(new byte[] {0x60, 0, 0, 0, 0, 0}));
      cable.hostSends(Packets.ping(HOST, "10.5.51.9", 7, 1).setByte(10, 0));
      cable.hostSends(Unpooled.EMPTY_BUFFER);
      var counters = cable.proxy.counters();
      assertThat(counters.dropCount(Drop.SPOOFED)).isEqualTo(1);
      assertThat(counters.dropCount(Drop.GROUP_DESTINATION)).isEqualTo(1);
      assertThat(counters.dropCount(Drop.TOO_LARGE)).isEqualTo(1);
      assertThat(counters.dropCount(Drop.IPV6)).isEqualTo(1);
      assertThat(counters.malformedCount(Defect.BAD_CHECKSUM)).isEqualTo(1);
      assertThat(counters.malformedCount(Defect.TRUNCATED)).isEqualTo(1);
      assertThat(counters.outPackets).isZero();
    }
  }

  /**
   * Any program of the machine can send to the port: its log must hold what matters all the same.
   */
  @Test
  void aFloodOfForgeriesIsALineASecond() {
    try (var cable = new OnionCable(2, false, 1).up()) {
      int before = cable.proxyLog.size();
      int routerBefore = cable.routerLog.size();
      var forged = Unpooled.wrappedBuffer(new byte[32]).setByte(0, 1).setByte(1, 4).setByte(3, 1);
      for (int i = 0; i < 3000; i++) {
        cable.proxy.receive(forged, new Endpoint(Packets.ip("127.0.0.1"), 9), cable.now);
        cable.routers.getFirst().receive(forged, cable.now);
        cable.run(SECOND / 1000);
      }
      assertThat(cable.proxyLog.subList(before, cable.proxyLog.size()))
          .hasSize(3)
          .element(2)
          .asString()
          .contains("127.0.0.1:9: MESSAGE_FORGED (and 999 like it before)");
      assertThat(cable.routerLog.subList(routerBefore, cable.routerLog.size())).hasSize(3);
      assertThat(cable.proxy.counters().dropCount(Drop.MESSAGE_FORGED)).isEqualTo(3000);
    }
  }

  /** As with kill -STOP: the process is there, and does nothing. */
  @Test
  void theFlowsOfASilentRouterMoveAndComeBack() {
    try (var cable = new OnionCable(2, true, 1).up()) {
      cable.run(60 * SECOND);
      assertThat(cable.events.getLast()).as("no news").isEqualTo(new ProxyEvent.AllUp());
      cable.loses = message -> message.from() == 2 || message.to() == 2;
      cable.run(3 * SECOND);
      assertThat(cable.events.getLast()).as("not yet").isEqualTo(new ProxyEvent.AllUp());
      cable.run(2 * SECOND);
      assertThat(cable.events.getLast()).isEqualTo(new ProxyEvent.RouterSilent(2, 1002, 1));
      for (int id = 0; id < 50; id++) {
        cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, 1));
        assertThat(cable.lastRouter).hasSize(id + 1);
      }
      assertThat(Set.copyOf(cable.lastRouter)).containsExactly(1);
      cable.run(20 * SECOND);
      assertThat(cable.events.getLast())
          .as("said once")
          .isInstanceOf(ProxyEvent.RouterSilent.class);
      cable.loses = message -> false;
      cable.run(SECOND);
      assertThat(cable.events.getLast()).isEqualTo(new ProxyEvent.RouterBack(2, 1002));
      for (int id = 0; id < 50; id++) {
        cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, 2));
      }
      assertThat(cable.lastRouter).contains(2);
    }
  }

  /** A proxy that was stopped, or could not run for long, has nobody to blame. */
  @Test
  void aProxyThatWasStoppedDoesNotBlameItsRouters() {
    try (var cable = new OnionCable(2, true, 1).up()) {
      cable.now += 60 * SECOND;
      cable.proxy.onDeadline(cable.now);
      cable.run(5 * SECOND);
      assertThat(cable.events.getLast()).isEqualTo(new ProxyEvent.AllUp());
    }
  }

  @Test
  void whatARouterWithoutAnInterfaceHadGoesToTheOthers() {
    try (var cable = new OnionCable(2, true, 1).up()) {
      cable.withoutWay.add(2);
      cable.run(SECOND + 1);
      assertThat(cable.events.getLast()).isEqualTo(new ProxyEvent.ExitChanged(2, 1002, 0));
      for (int id = 0; id < 50; id++) {
        cable.hostSends(Packets.ping(GUEST, "128.30.2.155", id, 1));
        assertThat(cable.lastRouter).hasSize(id + 1);
      }
      cable.withoutWay.clear();
      cable.run(SECOND);
      assertThat(cable.events.getLast())
          .isEqualTo(new ProxyEvent.ExitChanged(2, 1002, Packets.ip("192.168.202.2")));
    }
  }

  /** As after: ip addr add 192.168.200.77/24 dev eth0. */
  @Test
  void anAddressTheHostGetsLaterIsServedFromItsFirstPacketOn() {
    try (var cable = new OnionCable(2, true, 1).up()) {
      cable.run(SECOND);
      var ping = Packets.ping("192.168.200.77", "10.5.51.9", 7, 1);
      cable.hostSends(ping.copy());
      assertThat(cable.proxy.counters().dropCount(Drop.SPOOFED)).isEqualTo(1);
      cable.hostAddresses.add(Packets.ip("192.168.200.77"));
      cable.hostSends(ping.copy());
      assertThat(cable.proxy.counters().dropCount(Drop.SPOOFED))
          .as("read once a second")
          .isEqualTo(2);
      cable.run(SECOND);
      cable.hostSends(ping.copy());
      assertThat(cable.lastDescribed()).contains("echo reply 10.5.51.9 > 192.168.200.77 id 7");
      // One that went away is none of the host's any more.
      cable.hostAddresses.remove(Packets.ip(GUEST));
      cable.run(SECOND);
      cable.hostSends(Packets.ping("192.168.200.78", "10.5.51.9", 7, 1));
      cable.hostSends(Packets.ping(GUEST, "10.5.51.9", 7, 1));
      assertThat(cable.delivered).hasSize(1);
    }
  }

  @Test
  void theEndIsToldToEveryRouter() {
    try (var cable = new OnionCable(3, false, 1).up()) {
      cable.proxy.close();
      cable.run(0);
      assertThat(cable.closed).containsExactlyInAnyOrder(1, 2, 3);
      cable.proxy.routerEnded(1, "ended with exit status 0");
      assertThat(cable.events.getLast()).as("no news").isEqualTo(new ProxyEvent.AllUp());
    }
  }

  @Test
  void aNetworkTooSmallIsRefused() {
    assertThatThrownBy(() ->
            new ProxyConfig(
                "tun1",
                Ipv4Network.parse("10.0.0.1/30"),
                1500,
                Set.of(Packets.ip("10.0.0.1")),
                List.of(Secret.parse("00".repeat(32)), Secret.parse("01".repeat(32))),
                1,
                SECOND))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("10.0.0.0/30 has no addresses for 2 routers");
  }
}
