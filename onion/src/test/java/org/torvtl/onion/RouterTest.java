/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.onion.OnionCable.GUEST;
import static org.torvtl.onion.OnionCable.HOST;
import static org.torvtl.onion.OnionCable.SECOND;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Packet;

class RouterTest {
  private static final String WORLD = "128.30.2.155";
  private static final String HOP = "192.168.201.1";
  private static final String EXIT = OnionCable.exitAddress(1);

  private static OnionCable cable() {
    return new OnionCable(1, true, 1).up();
  }

  /** What the router has sent to the world, and a copy of it for the world to work with. */
  private static ByteBuf sent(OnionCable cable, ByteBuf packet) {
    int before = cable.toWorld.size();
    cable.hostSends(packet);
    assertThat(cable.toWorld).as("%s", cable.routerLog).hasSize(before + 1);
    return cable.toWorld.getLast();
  }

  private static int identifier(ByteBuf echo) {
    return echo.getUnsignedShort(24);
  }

  @Test
  void pingsTheWorldInItsOwnName() {
    try (var cable = cable()) {
      var out = sent(cable, Packets.ping(GUEST, WORLD, 7, 3));
      int id = identifier(out);
      assertThat(Packets.describe(out))
          .isEqualTo(
              "ICMP echo request %s > %s id %d seq 3, 84 bytes, ttl 63".formatted(EXIT, WORLD, id));
      cable.worldSends(1, Packets.echo(0, WORLD, EXIT, id, 3, 56, 50));
      assertThat(cable.lastDescribed())
          .isEqualTo(
              "ICMP echo reply %s > %s id 7 seq 3, 84 bytes, ttl 49".formatted(WORLD, GUEST));
    }
  }

  @Test
  void datagramsGoOutAndComeBack() {
    try (var cable = cable()) {
      var out = sent(cable, Packets.udp(GUEST, 1234, WORLD, 53, "question", 64));
      assertThat(Packets.describe(out))
          .isEqualTo("UDP %s:40000 > %s:53, 36 bytes, ttl 63".formatted(EXIT, WORLD));
      cable.worldSends(1, Packets.udp(WORLD, 53, EXIT, 40_000, "answer", 60));
      assertThat(cable.lastDescribed())
          .isEqualTo("UDP %s:53 > %s:1234, 34 bytes, ttl 59".formatted(WORLD, GUEST));
    }
  }

  /** As a virtual interface of the same machine hands it over. */
  @Test
  void aDatagramThatHasNoChecksumYetGetsOne() {
    try (var cable = cable()) {
      sent(cable, Packets.udp(GUEST, 1234, WORLD, 53, "question", 64));
      var answer = Packets.udp(WORLD, 53, EXIT, 40_000, "answer", 60);
      int pseudoHeader =
          ~InternetChecksum.fold(
                  InternetChecksum.pseudoHeaderSum(
                      Packets.ip(WORLD), Packets.ip(EXIT), Ipv4Packet.PROTOCOL_UDP, 14))
              & 0xFFFF;
      cable.worldSends(1, answer.copy().setShort(26, pseudoHeader ^ 1));
      assertThat(cable.lastDescribed()).as("a wrong one").isEqualTo("nothing");
      cable.worldSends(1, answer.copy().setShort(26, pseudoHeader));
      assertThat(cable.lastDescribed())
          .isEqualTo("UDP %s:53 > %s:1234, 34 bytes, ttl 59".formatted(WORLD, GUEST));
    }
  }

  @Test
  void onlyTheFarEndOfAFlowIsHeard() {
    try (var cable = cable()) {
      int id = identifier(sent(cable, Packets.ping(GUEST, WORLD, 7, 3)));
      sent(cable, Packets.udp(GUEST, 1234, WORLD, 53, "question", 64));
      int delivered = cable.delivered.size();
      cable.worldSends(1, Packets.echo(0, "18.1.1.1", EXIT, id, 3, 56, 50));
      cable.worldSends(1, Packets.echo(0, WORLD, EXIT, id ^ 1, 3, 56, 50));
      cable.worldSends(1, Packets.udp("18.1.1.1", 53, EXIT, 40_000, "x", 60));
      cable.worldSends(1, Packets.udp(WORLD, 54, EXIT, 40_000, "x", 60));
      cable.worldSends(1, Packets.udp(WORLD, 53, EXIT, 40_001, "x", 60));
      cable.worldSends(1, Packets.udp(WORLD, 53, "192.168.201.9", 40_000, "x", 60));
      assertThat(cable.delivered).hasSize(delivered);
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.UNKNOWN_FLOW)).isEqualTo(6);
    }
  }

  /** Any amount may be quoted; checksums fit what the host itself has sent. RFC 5508, 4.2. */
  @ParameterizedTest
  @ValueSource(ints = {28, 29, 36, 60, 84})
  void anErrorQuotesWhatTheHostHasSent(int quoted) {
    try (var cable = cable()) {
      var host = Packets.ping(GUEST, WORLD, 7, 3);
      new Ipv4Packet().wrap(host, 0, 84).setTtl(2);
      var out = sent(cable, host);
      cable.worldSends(1, Packets.error(Icmpv4Message.TIME_EXCEEDED, 0, HOP, out, quoted));
      assertThat(cable.lastDescribed())
          .isEqualTo(
              "ICMP time exceeded %s > %s, %d bytes, ttl 59".formatted(HOP, GUEST, 28 + quoted));
      var quote = Packets.quoted(cable.delivered.getLast());
      // But for the time to live, and the IP checksum with it, all is as the host made it.
      new Ipv4Packet().wrap(host, 0, 84).setTtl(1);
      assertThat(quote).isEqualTo(host.slice(0, quoted));
    }
  }

  @Test
  void anErrorAboutADatagramQuotesItsChecksumToo() {
    try (var cable = cable()) {
      var random = new Random(5);
      for (int i = 0; i < 200; i++) {
        var host =
            Packets.udp(
                GUEST,
                random.nextInt(1, 0x10000),
                WORLD,
                random.nextInt(1, 0x10000),
                "x" + random.nextLong(),
                random.nextInt(2, 255));
        var out = sent(cable, host);
        cable.worldSends(
            1, Packets.error(Icmpv4Message.UNREACHABLE, 3, WORLD, out, out.readableBytes()));
        var quote = Packets.quoted(cable.delivered.getLast());
        new Ipv4Packet().wrap(host, 0, host.readableBytes()).setTtl(Packets.packet(host).ttl() - 1);
        assertThat(quote).isEqualTo(host);
      }
    }
  }

  @Test
  void anErrorAboutWhatWasNotSentIsDropped() {
    try (var cable = cable()) {
      var out = sent(cable, Packets.ping(GUEST, WORLD, 7, 3));
      int delivered = cable.delivered.size();
      var foreign = out.copy();
      foreign.setShort(24, identifier(out) ^ 1);
      cable.worldSends(1, Packets.error(Icmpv4Message.TIME_EXCEEDED, 0, HOP, foreign, 60));
      cable.worldSends(1, Packets.error(Icmpv4Message.TIME_EXCEEDED, 0, HOP, out, 27));
      cable.worldSends(1, Packets.error(5, 0, HOP, out, 60));
      assertThat(cable.delivered).hasSize(delivered);
    }
  }

  @Test
  void isAHopOnTheWay() {
    try (var cable = cable()) {
      var probe = Packets.echo(8, GUEST, WORLD, 7, 1, 32, 1);
      cable.hostSends(probe);
      assertThat(cable.toWorld).isEmpty();
      assertThat(cable.lastDescribed())
          .isEqualTo("ICMP time exceeded 10.5.51.254 > %s, 88 bytes, ttl 64".formatted(GUEST));
      assertThat(Packets.quoted(cable.delivered.getLast())).isEqualTo(probe);
      cable.hostSends(Packets.echo(8, HOST, "10.5.51.9", 7, 1, 32, 1));
      assertThat(cable.lastDescribed()).as("for the router itself").contains("echo reply");
    }
  }

  @Test
  void aReplyThatHasLivedItsTimeEndsHere() {
    try (var cable = cable()) {
      int id = identifier(sent(cable, Packets.ping(GUEST, WORLD, 7, 3)));
      cable.worldSends(1, Packets.echo(0, WORLD, EXIT, id, 3, 56, 1));
      assertThat(cable.delivered).isEmpty();
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.TTL)).isEqualTo(1);
    }
  }

  /** No route, no neighbour, interface down: the host hears of it, and it is counted. */
  @Test
  void whatTheInterfaceDoesNotTakeIsRefused() {
    try (var cable = cable()) {
      cable.withoutWay.add(1);
      cable.hostSends(Packets.ping(GUEST, WORLD, 7, 3));
      assertThat(cable.lastDescribed()).startsWith("ICMP unreachable (1) 10.5.51.254 > " + GUEST);
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.NOT_SENT)).isEqualTo(1);
    }
  }

  @Test
  void withoutAWayOutTheNetIsUnreachable() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      cable.hostSends(Packets.ping(GUEST, WORLD, 7, 3));
      assertThat(cable.lastDescribed()).startsWith("ICMP unreachable (0) 10.5.51.254 > " + GUEST);
    }
  }

  @Test
  void tcpIsRefused() {
    try (var cable = cable()) {
      var syn = Packets.udp(GUEST, 1234, WORLD, 80, "twenty bytes of TCP.", 64);
      syn.setByte(9, 6);
      new Ipv4Packet().wrap(syn, 0, syn.readableBytes()).setTtl(64);
      cable.hostSends(syn);
      assertThat(cable.lastDescribed()).startsWith("ICMP unreachable (2) 10.5.51.254 > " + GUEST);
      assertThat(cable.toWorld).isEmpty();
    }
  }

  @Test
  void noErrorAboutAnError() {
    try (var cable = new OnionCable(1, false, 1).up()) {
      var about = Packets.ping(GUEST, WORLD, 7, 3);
      var error = Packets.error(Icmpv4Message.UNREACHABLE, 1, GUEST, about, 60);
      new Ipv4Packet().wrap(error, 0, error.readableBytes()).setTtl(64);
      error.setInt(16, Packets.ip(WORLD));
      new Ipv4Packet().wrap(error, 0, error.readableBytes()).setTtl(64);
      cable.hostSends(error);
      assertThat(cable.delivered).isEmpty();
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.NO_WAY_OUT)).isEqualTo(1);
    }
  }

  @Test
  void aFlowThatWasSilentIsForgottenAndItsPortGivenBack() {
    try (var cable = cable()) {
      sent(cable, Packets.udp(GUEST, 1234, WORLD, 53, "question", 64));
      cable.run(119 * SECOND);
      assertThat(cable.portsHeld).containsExactly(40_000);
      sent(cable, Packets.udp(GUEST, 1234, WORLD, 53, "again", 64));
      cable.run(119 * SECOND);
      assertThat(cable.portsHeld).as("it was used").containsExactly(40_000);
      cable.run(2 * SECOND);
      assertThat(cable.portsHeld).isEmpty();
      cable.worldSends(1, Packets.udp(WORLD, 53, EXIT, 40_000, "late", 60));
      assertThat(cable.delivered).isEmpty();
    }
  }

  @Test
  void thereIsABoundOnFlows() {
    try (var cable = cable()) {
      for (int port = 1; port <= 3000; port++) {
        cable.hostSends(Packets.udp(GUEST, port, WORLD, 53, "question", 64));
      }
      assertThat(cable.portsHeld).hasSize(1024);
      assertThat(cable.portsHeld).as("the latest are kept").contains(42_999, 41_976);
      cable.routers.getFirst().close();
      assertThat(cable.portsHeld).isEmpty();
    }
  }

  /** The user is the source port's thousand. */
  private static OnionCable cableOfUsers() {
    var cable = cable();
    cable.users = flow -> flow.sourcePort() / 1000;
    return cable;
  }

  /** What the router's port of a flow is, to see later whether it still has it. */
  private static int portOf(OnionCable cable, int port, int remotePort) {
    return sent(cable, Packets.udp(GUEST, port, WORLD, remotePort, "question", 64))
        .getUnsignedShort(20);
  }

  @Test
  void aUserWithManyFlowsEvictsNoneOfAUserWithFew() {
    try (var cable = cableOfUsers()) {
      int[] few = new int[10];
      for (int i = 0; i < few.length; i++) {
        few[i] = portOf(cable, 1000 + i, 53);
      }
      for (int remotePort = 1; remotePort <= 2000; remotePort++) {
        cable.hostSends(Packets.udp(GUEST, 2000, WORLD, remotePort, "x", 64));
      }
      assertThat(cable.portsHeld).hasSize(1024);
      for (int i = 0; i < few.length; i++) {
        cable.worldSends(1, Packets.udp(WORLD, 53, EXIT, few[i], "answer", 60));
        assertThat(cable.lastDescribed()).contains("> %s:%d".formatted(GUEST, 1000 + i));
        assertThat(portOf(cable, 1000 + i, 53)).isEqualTo(few[i]);
      }
      // And a newcomer gets in, and stays.
      int late = portOf(cable, 3000, 53);
      cable.hostSends(Packets.udp(GUEST, 2000, WORLD, 2001, "x", 64));
      assertThat(portOf(cable, 3000, 53)).isEqualTo(late);
      assertThat(cable.routers.getFirst().counters().evictedFlows)
          .isEqualTo(2000 + 10 - 1024 + 1 + 1);
    }
  }

  @Test
  void pingsAreSharedOutToo() {
    try (var cable = cableOfUsers()) {
      int few = identifier(sent(cable, Packets.ping(GUEST, WORLD, 1000, 1)));
      for (int host = 1; host <= 1500; host++) {
        cable.hostSends(
            Packets.ping(GUEST, "18.7.%d.%d".formatted(host / 250, 1 + host % 250), 2000, 1));
      }
      assertThat(identifier(sent(cable, Packets.ping(GUEST, WORLD, 1000, 2)))).isEqualTo(few);
    }
  }

  /** Whose flows they are is not known, as of raw sockets: then a socket is what has a share. */
  @Test
  void ofOneUsersSocketsTheOneWithTheMostGivesWay() {
    try (var cable = cable()) {
      int few = portOf(cable, 1000, 53);
      for (int remotePort = 1; remotePort <= 1500; remotePort++) {
        cable.hostSends(Packets.udp(GUEST, 2000, WORLD, remotePort, "x", 64));
      }
      assertThat(portOf(cable, 1000, 53)).isEqualTo(few);
    }
  }

  /** The system may have fewer ports, or descriptors, than the table has room. */
  @Test
  void aNewFlowGetsInWhereTheSystemHasNoMorePorts() {
    try (var cable = cableOfUsers()) {
      cable.mostPorts = 20;
      for (int remotePort = 1; remotePort <= 100; remotePort++) {
        cable.hostSends(Packets.udp(GUEST, 2000, WORLD, remotePort, "x", 64));
      }
      assertThat(cable.portsHeld).hasSize(20);
      int late = portOf(cable, 1000, 53);
      cable.hostSends(Packets.udp(GUEST, 2000, WORLD, 101, "x", 64));
      assertThat(portOf(cable, 1000, 53)).isEqualTo(late);
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.NO_PORT)).isZero();
      cable.mostPorts = 0;
      cable.routers.getFirst().close();
      assertThat(cable.portsHeld).isEmpty();
    }
  }

  /** As ping -s 1473 sends: what is larger than the tunnel carries, cut by the host itself. */
  @Test
  void theFirstFragmentIsRefusedAndTheOthersAreDropped() {
    try (var cable = cable()) {
      var fragment = Packets.ping(GUEST, WORLD, 7, 1);
      new Ipv4Packet().wrap(fragment, 0, 84).composeFragment(0, true, 64);
      cable.hostSends(fragment);
      assertThat(cable.lastDescribed()).startsWith("ICMP unreachable (13) 10.5.51.254 > " + GUEST);
      new Ipv4Packet().wrap(fragment, 0, 84).composeFragment(64, false, 64);
      cable.hostSends(fragment);
      assertThat(cable.delivered).hasSize(1);
      assertThat(cable.toWorld).isEmpty();
      assertThat(cable.routers.getFirst().counters().dropCount(Drop.FRAGMENT)).isEqualTo(2);
    }
  }

  /** A proxy that lies to its router gets nothing out: the router looks for itself. */
  @Test
  void relaysOnlyWhatIsRight() {
    var world = new OnionCable(1, true, 1);
    try (world) {
      world.up();
      var proxySide = SecurityAssociation.ofProxy(1, Secret.parse("%064x".formatted(77)));
      // The cable's own proxy has sent a few messages already.
      for (int i = 0; i < 100; i++) {
        proxySide.seal(proxySide.compose(MessageType.CLOSE, 9, 0)).release();
      }
      send(world, proxySide, Packets.ping("192.0.2.66", WORLD, 7, 1));
      send(world, proxySide, Packets.echo(8, GUEST, WORLD, 7, 1, 1473, 64));
      send(world, proxySide, Packets.ping(GUEST, "239.1.1.1", 7, 1));
      send(world, proxySide, Packets.ping(GUEST, "10.5.51.255", 7, 1));
      send(world, proxySide, Packets.ping(GUEST, HOST, 7, 1));
      send(world, proxySide, Packets.ping(GUEST, "0.1.2.3", 7, 1));
      send(world, proxySide, Packets.ping(GUEST, "127.0.0.1", 7, 1));
      send(world, proxySide, Packets.ping(GUEST, EXIT, 7, 1));
      send(world, proxySide, Packets.ping(GUEST, WORLD, 7, 1).setByte(30, 0x55));
      send(world, proxySide, Packets.ping(GUEST, WORLD, 7, 1).setIndex(0, 50));
      var fragment = Packets.ping(GUEST, WORLD, 7, 1);
      new Ipv4Packet().wrap(fragment, 0, 84).composeFragment(64, true, 64);
      send(world, proxySide, fragment);
      send(world, proxySide, withOption(Packets.ping(GUEST, WORLD, 7, 1)));
      assertThat(world.toWorld).as("%s", world.routerLog).isEmpty();
      assertThat(world.delivered).isEmpty();
      assertThat(world.routers.getFirst().counters().nonZero())
          .containsEntry("drop.spoofed", 1L)
          .containsEntry("drop.too_large", 1L)
          .containsEntry("drop.group_destination", 2L)
          .containsEntry("drop.not_for_host", 1L)
          .containsEntry("drop.local_destination", 2L)
          .containsEntry("malformed.bad_address", 1L)
          .containsEntry("malformed.bad_checksum", 1L)
          .containsEntry("malformed.truncated", 1L)
          .containsEntry("drop.fragment", 1L)
          .containsEntry("drop.options", 1L);
    }
  }

  private static void send(OnionCable cable, SecurityAssociation as, ByteBuf packet) {
    ByteBuf message = as.compose(MessageType.PACKET, 1, packet.readableBytes());
    message.setBytes(OnionMessage.HEADER_LENGTH, packet, 0, packet.readableBytes());
    cable.routers.getFirst().receive(as.seal(message), cable.now);
    message.release();
  }

  private static ByteBuf withOption(ByteBuf packet) {
    var longer = Unpooled.buffer(88);
    longer.writeBytes(packet, 0, 20).writeInt(0x01010101).writeBytes(packet, 20, 64);
    longer.setByte(0, 0x46).setShort(2, 88).setShort(10, 0);
    longer.setShort(10, InternetChecksum.fold(InternetChecksum.sum(longer, 0, 24)));
    return longer;
  }

  /** Whatever arrives from the world: no exception, no leak, nothing to the host but replies. */
  @Test
  void survivesAnythingFromTheWorld() {
    try (var cable = cable()) {
      var out = sent(cable, Packets.ping(GUEST, WORLD, 7, 3));
      var random = new Random(11);
      var good = Packets.error(Icmpv4Message.TIME_EXCEEDED, 0, HOP, out, 60);
      for (int i = 0; i < 20_000; i++) {
        var frame = good.copy();
        for (int flips = random.nextInt(4); flips > 0; flips--) {
          frame.setByte(random.nextInt(frame.readableBytes()), random.nextInt());
        }
        frame.writerIndex(random.nextInt(10) == 0 ? random.nextInt(88) : 88);
        int length = frame.readableBytes();
        if (length == 88 && random.nextBoolean()) {
          new Ipv4Packet().wrap(frame, 0, 20).setTtl(60);
          frame.setShort(22, 0);
          frame.setShort(22, InternetChecksum.fold(InternetChecksum.sum(frame, 20, 68)));
        }
        cable.worldSends(1, frame);
      }
      assertThat(cable.delivered)
          .isNotEmpty()
          .allMatch(packet -> Packets.packet(packet).destination() == Packets.ip(GUEST))
          .allMatch(packet -> Packets.describe(packet).startsWith("ICMP "));
    }
  }
}
