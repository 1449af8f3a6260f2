/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ObjLongConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.egress.IsolationKey;
import org.torvtl.gateway.dns.DnsEvent;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.wire.TcpSegment;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** DNS over a guest's TCP connection to port 53, whatever the address. RFC 7766. */
@Timeout(120)
class DnsConnectionTest {
  private static final byte[] ADDRESS = {(byte) 203, 0, 113, 7};

  /** A length of 45 bytes, and a response with one address: of a name of 11 characters. */
  private static final int ANSWER = 47;

  private static byte[] framed(byte[] message) {
    return ByteBuffer.allocate(2 + message.length)
        .putShort((short) message.length)
        .put(message)
        .array();
  }

  private static byte[] query(int id, String name) throws IOException {
    return query(id, name, Type.A);
  }

  private static byte[] query(int id, String name, int type) throws IOException {
    var message = Message.newQuery(Record.newRecord(Name.fromString(name + "."), type, DClass.IN));
    message.getHeader().setID(id);
    return framed(message.toWire());
  }

  private static byte[] join(byte[]... parts) {
    var all = new ByteArrayOutputStream();
    for (var part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  private static List<Message> responses(GuestSocket socket) throws Exception {
    var all = ByteBuffer.wrap(socket.bytes());
    var messages = new ArrayList<Message>();
    while (all.remaining() > 2) {
      var message = new byte[all.getShort()];
      all.get(message);
      messages.add(new Message(message));
    }
    return messages;
  }

  private static List<Integer> ids(GuestSocket socket) throws Exception {
    return responses(socket).stream().map(response -> response.getHeader().getID()).toList();
  }

  private static GuestSocket connected(LaneWorld world, int address) throws Exception {
    var socket = world.guest.connect(address, 53);
    socket.awaitEstablished();
    return socket;
  }

  private static void answers(LaneWorld world) {
    world.proxy.plays(stream -> {
      assertThat(stream.command()).as("no stream").isEqualTo(SocksServer.RESOLVE);
      stream.answer(ADDRESS);
    });
  }

  @Test
  void anyAddressAnswers() throws Exception {
    try (var world = new LaneWorld()) {
      answers(world);
      for (int address : new int[] {GuestHost.FAR, StackConfig.DEFAULT_ADDRESS, 0x08080808}) {
        var socket = connected(world, address);
        assertThat(world.proxy.open()).as("nothing is asked of Tor yet").isZero();
        socket.send(query(7, "www.example"));
        socket.awaitReceived(ANSWER);
        var response = responses(socket).getFirst();
        assertThat(response.getHeader().getID()).isEqualTo(7);
        assertThat(response.getSection(Section.ANSWER).getFirst().rdataToString())
            .isEqualTo("203.0.113.7");
        socket.finish();
        socket.awaitEnd();
      }
      world.await("no connection is left", () -> world.lane.stack().connections() <= 3);
    }
  }

  @Test
  void otherPortsOfTheGatewayItselfStayClosed() throws Exception {
    try (var world = new LaneWorld()) {
      assertThat(world.guest.connect(StackConfig.DEFAULT_ADDRESS, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
    }
  }

  /** Three in one segment, of which the first takes long. */
  @Test
  void responsesLeaveAsTheirLookupsEnd() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        if (stream.host().startsWith("slow")) {
          go.await();
        }
        stream.answer(ADDRESS);
      });
      var socket = connected(world, GuestHost.FAR);
      socket.send(join(query(1, "slow.exampl"), query(2, "fast.exampl"), query(3, "also.exampl")));
      socket.awaitReceived(2 * ANSWER);
      assertThat(ids(socket)).containsExactlyInAnyOrder(2, 3);
      go.countDown();
      socket.awaitReceived(3 * ANSWER);
      assertThat(ids(socket).getLast()).isEqualTo(1);
    }
  }

  @Test
  void responsesToOneIdentifierKeepTheirOrder() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        if (stream.host().startsWith("slow")) {
          go.await();
        }
        stream.answer(ADDRESS);
      });
      var socket = connected(world, GuestHost.FAR);
      socket.send(join(query(1, "slow.exampl"), query(1, "fast.exampl"), query(2, "also.exampl")));
      socket.awaitReceived(ANSWER);
      assertThat(ids(socket)).containsExactly(2);
      world.await("the other is answered", () -> world.lane.dns().inFlight() == 1);
      go.countDown();
      socket.awaitReceived(3 * ANSWER);
      assertThat(responses(socket))
          .extracting(response -> response.getQuestion().getName().toString())
          .containsExactly("also.exampl.", "slow.exampl.", "fast.exampl.");
    }
  }

  /** Wherever TCP has cut the messages. */
  @Test
  void aQueryMayComeInPieces() throws Exception {
    try (var world = new LaneWorld()) {
      answers(world);
      var socket = connected(world, GuestHost.FAR);
      var all = join(query(1, "www.example"), query(2, "ftp.example"));
      int at = 0;
      for (int cut : new int[] {1, 2, 5, 30, 31, 40, all.length}) {
        socket.send(Arrays.copyOfRange(all, at, cut));
        at = cut;
      }
      socket.awaitReceived(2 * ANSWER);
      assertThat(ids(socket)).containsExactlyInAnyOrder(1, 2);
    }
  }

  @Test
  void aGuestThatHasEndedItsSideGetsWhatIsDue() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        go.await();
        stream.answer(ADDRESS);
      });
      var socket = connected(world, GuestHost.FAR);
      socket.send(join(query(1, "www.example"), query(2, "ftp.example"), new byte[] {0}));
      socket.finish();
      world.await("both are asked for", () -> world.lane.dns().inFlight() == 2);
      assertThat(socket.saw(TcpSegment.FIN)).isFalse();
      go.countDown();
      socket.awaitEnd();
      assertThat(ids(socket)).containsExactlyInAnyOrder(1, 2);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
    }
  }

  @Test
  void aGuestThatAsksNothingIsLetGo() throws Exception {
    try (var world = new LaneWorld()) {
      var socket = connected(world, GuestHost.FAR);
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(world.proxy.requests()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"0, nothing", "11, less than a header", "4097, more than a query", "65535, the most"})
  void aLengthThatNoQueryHasEndsTheConnection(int length, String what) throws Exception {
    try (var world = new LaneWorld()) {
      var socket = connected(world, GuestHost.FAR);
      socket.send(new byte[] {(byte) (length >> 8), (byte) length});
      assertThat(socket.awaitClosed()).as(what).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.lane.dnsCounters().count(DnsEvent.CONNECTION_MALFORMED)).isEqualTo(1);
    }
  }

  @Test
  void aResponseEndsTheConnection() throws Exception {
    try (var world = new LaneWorld()) {
      var response = new Message(7);
      response.getHeader().setFlag(Flags.QR);
      var socket = connected(world, GuestHost.FAR);
      socket.send(framed(response.toWire()));
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
    }
  }

  /** It is read again as its lookups end. */
  @Test
  void aGuestIsNotReadBeyondWhatMayBeInFlight() throws Exception {
    int queries = DnsConnection.MOST_IN_FLIGHT + 100;
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        go.await();
        stream.answer(ADDRESS);
      });
      var all = new ByteArrayOutputStream();
      for (int i = 0; i < queries; i++) {
        all.writeBytes(query(i, "name%03d.exm".formatted(i)));
      }
      var socket = connected(world, GuestHost.FAR);
      socket.send(all.toByteArray());
      socket.finish();
      world.await("all it may are asked for", () -> world.proxy.requests() >= 128);
      assertThat(world.onLoop(() -> world.lane.dns().waiting()))
          .isEqualTo(DnsConnection.MOST_IN_FLIGHT);
      assertThat(world.onLoop(() -> world.lane.stack().memory().heldBytes())).isPositive();
      go.countDown();
      socket.awaitEnd();
      assertThat(responses(socket))
          .hasSize(queries)
          .allMatch(response -> response.getRcode() == Rcode.NOERROR);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
    }
  }

  /** In bulk a segment is free, so what is answered at once has a rate. */
  @Test
  void aGuestThatAsksTooFastIsReadMoreSlowly() throws Exception {
    int queries = 400;
    try (var world = new LaneWorld()) {
      var all = new ByteArrayOutputStream();
      for (int i = 0; i < queries; i++) {
        all.writeBytes(query(i, "x.onion", i % 2 == 0 ? Type.A : Type.AAAA));
      }
      long started = System.nanoTime();
      var socket = connected(world, GuestHost.FAR);
      socket.send(all.toByteArray());
      socket.finish();
      socket.awaitEnd();
      assertThat(responses(socket))
          .hasSize(queries)
          .allMatch(response -> response.getRcode() == Rcode.NXDOMAIN);
      // 256 at once, 500 a second.
      assertThat(Duration.ofNanos(System.nanoTime() - started))
          .isGreaterThan(Duration.ofMillis(200));
    }
  }

  @Test
  void aGuestThatAsksNothingForLongIsLetGo() throws Exception {
    var idle = Duration.ofMillis(300);
    var timeouts = new FlowConfig(LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, idle, Set.of());
    try (var world = new LaneWorld(timeouts, 1500)) {
      answers(world);
      var socket = connected(world, GuestHost.FAR);
      socket.send(query(1, "www.example"));
      // Half a query is none.
      socket.send(new byte[] {0, 40, 1});
      socket.awaitEnd();
      assertThat(ids(socket)).containsExactly(1);
      // It does not end its side.
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(world.lane.dnsCounters().count(DnsEvent.CONNECTION_IDLE)).isEqualTo(2);
    }
  }

  @Test
  void aLookupOutlivesItsConnection() throws Exception {
    try (var world = new LaneWorld()) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        go.await();
        stream.answer(ADDRESS);
      });
      var socket = connected(world, GuestHost.FAR);
      socket.send(join(query(1, "www.example"), new byte[] {0, 40, 1}));
      world.await("it is asked for", () -> world.proxy.requests() == 1);
      socket.abort();
      world.await("the connection is gone", () -> world.lane.stack().connections() == 0);
      assertThat(world.onLoop(() -> world.lane.stack().memory().heldBytes())).isZero();
      go.countDown();
      world.await("it is answered", () -> world.lane.dns().waiting() == 0);
    }
  }

  private static FlowConfig idleAfter(Duration idle) {
    return new FlowConfig(LaneWorld.LONG, LaneWorld.LONG, LaneWorld.LONG, idle, Set.of());
  }

  /** A lookup that never ends must not keep the connection; nor is it a fault when it ends then. */
  @Test
  void aLookupWithoutAnAnswerDoesNotKeepTheConnection() throws Exception {
    try (var errors = new ErrorLog();
        var world = new LaneWorld(idleAfter(Duration.ofSeconds(1)), 1500)) {
      var go = new CountDownLatch(1);
      world.proxy.plays(stream -> {
        go.await();
        stream.answer(ADDRESS);
      });
      var socket = connected(world, GuestHost.FAR);
      socket.send(query(1, "www.example"));
      socket.awaitEnd();
      assertThat(world.onLoop(() -> world.lane.dns().waiting())).isEqualTo(1);
      go.countDown();
      world.await("it is answered after all", () -> world.lane.dns().waiting() == 0);
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(ids(socket)).isEmpty();
      assertThat(world.lane.dnsCounters().count(DnsEvent.CONNECTION_IDLE)).isEqualTo(2);
      assertThat(errors.lines()).isEmpty();
    }
  }

  /** One that asks for a megabyte and reads nothing: what it has asked since is forgotten. */
  @Test
  void aGuestThatDoesNotTakeTheResponsesIsLetGo() throws Exception {
    int queries = 5_000;
    var longest = String.join(".", "x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(50));
    var guestTcp = TcpConfig.defaults().withCapacity(64 << 10, 16 << 10);
    var idle = Duration.ofMillis(1_500);
    try (var errors = new ErrorLog();
        var world = new LaneWorld(idleAfter(idle), 1500, guestTcp)) {
      var all = new ByteArrayOutputStream();
      for (int i = 0; i < queries; i++) {
        all.writeBytes(query(i, longest + ".onion"));
      }
      var socket = connected(world, GuestHost.FAR);
      socket.reading(false);
      socket.send(all.toByteArray());
      socket.finish();
      var counters = world.lane.dnsCounters();
      world.await("it is told the end", () -> counters.count(DnsEvent.CONNECTION_IDLE) == 1);
      long answered = counters.count(DnsEvent.NAME_ONION);
      assertThat(answered).as("it was not read any more").isLessThan(queries);
      socket.reading(true);
      socket.awaitEnd();
      assertThat(socket.awaitClosed())
          .as("all it has sent was taken")
          .isEqualTo(CloseReason.NORMAL);
      assertThat(counters.count(DnsEvent.NAME_ONION)).as("and not answered").isEqualTo(answered);
      assertThat(errors.lines()).isEmpty();
    }
  }

  /** Gives keys to what the stack calls, and fails what a timer does. */
  private static final class FaultyForTimers implements IsolationPolicy {
    private final IsolationPolicy inner = new PerGuestIsolation("cable0", new SecureRandom());
    private final AtomicBoolean isFaulty = new AtomicBoolean(true);

    @Override
    public IsolationKey keyOf(Request request) {
      boolean isTimer =
          StackWalker.getInstance()
              .walk(frames ->
                  frames.noneMatch(frame -> frame.getClassName().startsWith("org.torvtl.stack.")));
      if (isTimer && isFaulty.getAndSet(false)) {
        throw new IllegalStateException("a fault in a timer");
      }
      return inner.keyOf(request);
    }

    @Override
    public void forget(long guest) {
      inner.forget(guest);
    }

    @Override
    public void count(ObjLongConsumer<String> sink) {
      inner.count(sink);
    }
  }

  /** It asks too fast, so a timer goes on with it. */
  @Test
  void aFaultInATimerCutsTheConnection() throws Exception {
    try (var errors = new ErrorLog();
        var world = new LaneWorld(new FaultyForTimers())) {
      var all = new ByteArrayOutputStream();
      for (int i = 0; i < 400; i++) {
        all.writeBytes(query(i, "x.onion"));
      }
      var socket = connected(world, GuestHost.FAR);
      socket.send(all.toByteArray());
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.RESET_BY_PEER);
      assertThat(errors.lines()).containsExactly(ErrorLog.CUT);
      var other = connected(world, GuestHost.FAR);
      other.send(query(1, "x.onion"));
      other.finish();
      other.awaitEnd();
      assertThat(ids(other)).containsExactly(1);
    }
  }
}
