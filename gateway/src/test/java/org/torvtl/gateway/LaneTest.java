/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.egress.Answer;
import org.torvtl.egress.Destination;
import org.torvtl.egress.Egress;
import org.torvtl.egress.EgressException;
import org.torvtl.egress.EgressStream;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.Refusal;
import org.torvtl.egress.StreamHandler;
import org.torvtl.egress.StreamOptions;
import org.torvtl.stack.StackConfig;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tor.socks.SocksException;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.TcpSegment;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** What a lane does besides one flow: UDP, floods, and standing what goes wrong in its parts. */
@Timeout(120)
class LaneTest {
  private static final int SECONDS = 20;

  private static void echo(SocksServer.Stream stream) throws IOException {
    stream.accept();
    stream.in().transferTo(stream.out());
  }

  // UDP.

  @Test
  void answersDnsQueriesToAnyAddressFromThatAddress() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        assertThat(stream.command()).isEqualTo(SocksServer.RESOLVE);
        assertThat(stream.host()).isEqualTo("example.org");
        stream.answer(new byte[] {93, (byte) 184, (byte) 216, 34});
      });
      for (var text : new String[] {"9.9.9.9", "192.168.1.1", "10.0.0.1"}) {
        int server = Ipv4Address.parse(text);
        var question = Name.fromString("example.org.");
        var query = Message.newQuery(Record.newRecord(question, Type.A, DClass.IN));
        world.guest.sendUdp(5353, server, 53, query.toWire());
        var datagram = world.guest.datagrams.poll(SECONDS, TimeUnit.SECONDS);
        assertThat(datagram).isNotNull();
        assertThat(datagram.source()).isEqualTo(server);
        assertThat(datagram.sourcePort()).isEqualTo(53);
        assertThat(datagram.port()).isEqualTo(5353);
        var answer = new Message(datagram.payload());
        assertThat(answer.getHeader().getID()).isEqualTo(query.getHeader().getID());
        assertThat(answer.getSection(Section.ANSWER).getFirst().rdataToString())
            .isEqualTo("93.184.216.34");
      }
      world.await("no stream is open", () -> world.proxy.open() == 0);
    }
  }

  @Test
  void refusesAllOtherUdp() throws Exception {
    try (var world = new LaneWorld()) {
      world.guest.sendUdp(4000, GuestHost.FAR, 123, new byte[48]);
      assertThat(world.guest.unreachables.poll(SECONDS, TimeUnit.SECONDS))
          .isEqualTo(
              new GuestHost.Unreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED, GuestHost.FAR));
      world.guest.sendUdp(4000, StackConfig.DEFAULT_ADDRESS, 123, new byte[48]);
      assertThat(world.guest.unreachables.poll(SECONDS, TimeUnit.SECONDS))
          .isEqualTo(
              new GuestHost.Unreachable(
                  Icmpv4Message.PORT_UNREACHABLE, StackConfig.DEFAULT_ADDRESS));
      assertThat(world.proxy.requests()).isZero();
    }
  }

  @Test
  void leavesNoLookupBehindWhenItIsClosed() throws Exception {
    try (var world = new LaneWorld()) {
      world.proxy.plays(SocksServer.Stream::awaitEnd);
      var question = Name.fromString("example.org.");
      var query = Message.newQuery(Record.newRecord(question, Type.A, DClass.IN));
      world.guest.sendUdp(5353, GuestHost.FAR, 53, query.toWire());
      world.await("it is asked for", () -> world.proxy.requests() == 1);
    }
  }

  // A flood.

  @Test
  void holdsNoMoreThanABoundedNumberOfRequestsInAFloodWhileAnOpenFlowGoesOn() throws Exception {
    int flood = 100_000;
    int slice = 1_000;
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        if (stream.host().equals("198.51.100.7")) {
          echo(stream);
        } else {
          stream.awaitEnd();
        }
      });
      var open = world.guest.connected();
      var random = new Random(42);
      // There is one guest, and half of the room is what one guest gets.
      int pending = StackConfig.DEFAULT_MAX_PENDING / 2;
      for (int sent = 0; sent < flood; sent += slice) {
        world.guest.runOnLoop(() -> {
          for (int i = 0; i < slice; i++) {
            world.guest.sendSyn(
                random.nextInt(),
                random.nextInt(1 << 16),
                random.nextInt(),
                random.nextInt(1 << 16),
                random.nextInt());
          }
        });
        if (sent % 10_000 == 0) {
          open.send("still there?");
          open.awaitReceived((sent / 10_000 + 1) * 12L);
        }
        assertThat(world.onLoop(() -> world.lane.stack().connections()))
            .isLessThanOrEqualTo(1 + pending);
      }
      var drops = world.lane.stack().counters();
      world.await("the flood is over", () -> world.lane.link().counters().receivedFrames >= flood);
      long full = world.onLoop(() -> drops.dropCount(Drop.TCP_PENDING_FULL));
      long others =
          world.onLoop(() ->
              drops.dropCount(Drop.GROUP_DESTINATION)
                  // Where the machine is busy with something else.
                  + drops.dropCount(Drop.BACKLOG)
                  + drops.dropCount(Drop.NO_SOURCE)
                  + drops.malformedCount(Protocol.IPV4, Defect.BAD_ADDRESS));
      long evicted = world.onLoop(() -> drops.dropCount(Drop.TCP_PENDING_EVICTED));
      long requested = world.onLoop(() -> world.counters().requested);
      // What is stale may have made room meanwhile.
      assertThat(requested).isBetween(1L + pending, 1L + pending + evicted);
      assertThat(full + others + requested - 1).isBetween(flood - 10L, (long) flood);
      assertThat(drops.dropCount(Drop.FAILED)).isZero();
      open.send("still there?");
      open.awaitReceived(11 * 12L);
      world.await("the evicted ones' streams end", () -> world.proxy.open() <= 1 + pending);
    }
  }

  @Test
  void twoGuestsThatWaitForABlackHoleKeepNoThirdOut() throws Exception {
    int pending = StackConfig.DEFAULT_MAX_PENDING;
    try (var world = new LaneWorld()) {
      world.proxy.plays(stream -> {
        if (stream.port() == 80) {
          echo(stream);
        } else {
          stream.awaitEnd();
        }
      });
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      // Again and again, as guests repeat requests that nobody answers: not all have time at first.
      while (world.proxy.open() < pending) {
        assertThat(System.nanoTime() - deadline).as("not all wait").isNegative();
        world.guest.runOnLoop(() -> {
          for (int i = 0; i < pending; i++) {
            world.guest.mac = GuestHost.MAC + 1 + i % 2;
            world.guest.sendSyn(GuestHost.ADDRESS, 1000 + i, GuestHost.FAR, 81, i);
          }
          world.guest.mac = GuestHost.MAC;
        });
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
      expectEcho(world);
      var drops = world.lane.stack().counters();
      assertThat(world.onLoop(() -> drops.dropCount(Drop.TCP_PENDING_EVICTED))).isEqualTo(1);
      world.await("the evicted one's stream ends", () -> world.proxy.open() == pending);
    }
  }

  @Test
  void hasRoomAgainWhenHeldRequestsAreRefused() throws Exception {
    // There is one guest, and half of the room is what one guest gets.
    int pending = StackConfig.DEFAULT_MAX_PENDING / 2;
    try (var world = new LaneWorld()) {
      var mayRefuse = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        if (stream.port() == 80) {
          echo(stream);
        } else {
          mayRefuse.await();
          stream.refuse(5);
        }
      });
      world.guest.runOnLoop(() -> {
        for (int i = 0; i < pending + 10; i++) {
          world.guest.sendSyn(GuestHost.ADDRESS, 1000 + i, GuestHost.FAR, 81, i);
        }
      });
      var drops = world.lane.stack().counters();
      world.await("there is no more room", () -> drops.dropCount(Drop.TCP_PENDING_FULL) == 10);
      mayRefuse.countDown();
      world.await("there is room", () -> world.lane.stack().connections() == 0);
      assertThat(world.counters().refused).isEqualTo(pending);
      var socket = world.guest.connected();
      socket.send("hello");
      socket.awaitText("hello");
    }
  }

  // What goes wrong inside.

  /** An egress that throws where it is told to; or that has, once, no descriptor for a stream. */
  private static final class Faulty extends ForwardingEgress {
    private final String where;
    private boolean exhausted;

    Faulty(Egress inner, String where) {
      super(inner);
      this.where = where;
    }

    private void fault(String here) {
      if (here.equals(where)) {
        throw new IllegalStateException("a fault in " + here);
      }
    }

    @Override
    public EgressStream connect(
        EventLoop loop,
        Destination destination,
        IsolationKey isolation,
        StreamOptions options,
        StreamHandler handler) {
      if (destination.port() == 666) {
        fault("connect");
      }
      var stream = new FaultyStream(super.connect(loop, destination, isolation, options, handler));
      if (where.equals("exhaustion") && !exhausted) {
        exhausted = true;
        stream.close();
        var proxy = new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050);
        loop.execute(() -> handler.refused(SocksException.exhausted(proxy, "Too many open files")));
      }
      if (where.equals("refusal") && destination.port() == 81) {
        stream.close();
        loop.execute(() -> handler.refused(new FaultyRefusal()));
      }
      return stream;
    }

    @Override
    public Future<Answer> resolve(EventLoop loop, IsolationKey isolation, String name) {
      fault("resolve");
      return super.resolve(loop, isolation, name);
    }

    private final class FaultyStream extends ForwardingEgress.Stream {
      FaultyStream(EgressStream inner) {
        super(inner);
      }

      @Override
      public void confirmEnd(Consumer<Boolean> answer) {
        fault("confirmEnd");
        super.confirmEnd(answer);
      }
    }

    private final class FaultyRefusal extends EgressException {
      FaultyRefusal() {
        super("refused", null);
      }

      @Override
      public Refusal refusal() {
        fault("refusal");
        return Refusal.RESET;
      }
    }
  }

  /** It is no fault of the remote end's, and it passes: the guest asks again. */
  @Test
  void aRequestThatCannotBeMadeForWantOfSomethingIsNotAnswered() throws Exception {
    try (var world = new LaneWorld(egress -> new Faulty(egress, "exhaustion"))) {
      world.proxy.plays(LaneTest::echo);
      expectEcho(world);
      assertThat(world.counters().exhausted).isEqualTo(1);
      assertThat(world.counters().refused).isZero();
      assertThat(world.counters().requested).isEqualTo(2);
    }
  }

  private static void expectEcho(LaneWorld world) throws Exception {
    var socket = world.guest.connected();
    socket.send("hello");
    socket.awaitText("hello");
  }

  @Test
  void aRequestThatCannotBeHandledIsResetAndTakesUpNoRoom() throws Exception {
    int more = StackConfig.DEFAULT_MAX_PENDING + 100;
    try (var world = new LaneWorld(egress -> new Faulty(egress, "connect"))) {
      world.proxy.plays(LaneTest::echo);
      assertThat(world.guest.connect(GuestHost.FAR, 666).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      world.guest.runOnLoop(() -> {
        for (int i = 1; i < more; i++) {
          world.guest.sendSyn(GuestHost.ADDRESS, 1000 + i, GuestHost.FAR, 666, i);
        }
      });
      var drops = world.lane.stack().counters();
      world.await("all have failed", () -> drops.dropCount(Drop.FAILED) == more);
      assertThat(drops.dropCount(Drop.TCP_PENDING_FULL)).isZero();
      assertThat(world.onLoop(() -> world.lane.stack().connections())).isZero();
      expectEcho(world);
    }
  }

  @Test
  void aFailureInAnAnswerOfTheEgressCutsThatFlow() throws Exception {
    try (var world = new LaneWorld(egress -> new Faulty(egress, "refusal"))) {
      world.proxy.plays(stream -> {
        if (stream.port() == 81) {
          stream.refuse(4);
        } else {
          echo(stream);
        }
      });
      assertThat(world.guest.connect(GuestHost.FAR, 81).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      assertThat(world.counters().failed).isEqualTo(1);
      expectEcho(world);
    }
  }

  @Test
  void anEndThatCannotBeConfirmedCutsThatFlow() throws Exception {
    try (var world = new LaneWorld(egress -> new Faulty(egress, "confirmEnd"))) {
      world.proxy.plays(stream -> {
        stream.accept();
        stream.socket().shutdownOutput();
        stream.awaitEnd();
      });
      for (int i = 0; i < 3; i++) {
        var socket = world.guest.connected();
        assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
        assertThat(socket.saw(TcpSegment.FIN)).isFalse();
      }
      assertThat(world.counters().failed).isEqualTo(3);
    }
  }

  @Test
  void aLookupThatCannotBeHandledCostsThatDatagram() throws Exception {
    try (var world = new LaneWorld(egress -> new Faulty(egress, "resolve"))) {
      world.proxy.plays(LaneTest::echo);
      var question = Name.fromString("example.org.");
      var query = Message.newQuery(Record.newRecord(question, Type.A, DClass.IN));
      world.guest.sendUdp(5353, GuestHost.FAR, 53, query.toWire());
      var drops = world.lane.stack().counters();
      world.await("it has failed", () -> drops.dropCount(Drop.FAILED) == 1);
      expectEcho(world);
    }
  }
}
