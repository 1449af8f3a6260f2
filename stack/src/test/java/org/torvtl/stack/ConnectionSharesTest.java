/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;

/** Guests that want all there is, and others that want a little: on virtual time. */
class ConnectionSharesTest {
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final long GREEDY = 0x0200_0000_0010L, OTHER = 0x0200_0000_0020L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int REMOTE_IP = Ipv4Address.parse("198.51.100.7");
  private static final int FIRST_PORT = 1024;

  private MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private final TcpSegment segment = new TcpSegment();
  private final Answerer answerer = new Answerer();
  private final Map<Integer, Integer> sequences = new HashMap<>();
  private final List<Integer> resets = new ArrayList<>();
  private int unreachables;
  private long now;
  private Stack stack = stack(64, 32, LongUnaryOperator.identity());

  /** Elsewhere every access to a buffer is recorded; here there are too many. */
  private final ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();

  ConnectionSharesTest() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
  }

  private Stack stack(int maxConnections, int maxPending, LongUnaryOperator owners) {
    if (stack != null) {
      stack.close();
      cable[0].close();
      cable[1].close();
      cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
    }
    var config =
        new StackConfig(
            StackConfig.DEFAULT_MAC,
            StackConfig.DEFAULT_ADDRESS,
            maxConnections,
            maxPending,
            StackConfig.DEFAULT_BUFFER_BYTES,
            TcpConfig.defaults(),
            address -> false,
            owners);
    stack =
        new Stack(
            cable[0],
            config,
            answerer,
            () -> now,
            deadline -> {},
            new byte[16],
            Unpoliced.policer());
    cable[0].start(stack);
    return stack;
  }

  @AfterEach
  void close() {
    ResourceLeakDetector.setLevel(level);
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  /** Accepts requests at once, or lets them wait. */
  private static final class Answerer extends TakingHandler {
    final Map<String, GuestConnection> open = new HashMap<>();
    final List<String> closed = new ArrayList<>();
    boolean accepts = true;

    static String name(long guest, int port) {
      return Long.toHexString(guest) + ":" + port;
    }

    @Override
    void requested(GuestConnection pending) {
      open.put(name(pending.guest(), pending.tuple().guestPort()), pending);
      if (accepts) {
        pending.accept();
      }
    }

    @Override
    void closed(GuestConnection connection, CloseReason reason) {
      var name = name(connection.guest(), connection.tuple().guestPort());
      open.remove(name);
      closed.add(name + (connection.isEvicted() ? " evicted" : " " + reason));
    }
  }

  private void send(long mac, int port, int flags, int sequence, int acknowledgment, int payload) {
    send(GuestFrames.tcp(mac, GUEST_IP, REMOTE_IP, port, flags, sequence, acknowledgment, payload));
  }

  private void sendIpv4(ByteBuf frame, long mac, int protocol, int length) {
    new Ipv4Packet()
        .wrap(frame, IP, frame.readableBytes() - IP)
        .compose(GUEST_IP, REMOTE_IP, protocol, 1, true, length);
    new EthernetFrame()
        .wrap(frame, 0, IP)
        .compose(StackConfig.DEFAULT_MAC, mac, EthernetFrame.TYPE_IPV4);
    send(frame);
  }

  private void send(ByteBuf frame) {
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
    receive();
  }

  /** Notes what the stack has sent, by the guest's port. */
  private void receive() {
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      var packet = new Ipv4Packet().wrap(frame, IP, frame.readableBytes() - IP);
      if (packet.protocol() == Ipv4Packet.PROTOCOL_ICMP) {
        unreachables++;
      } else {
        segment.wrap(frame, TRANSPORT, frame.readableBytes() - TRANSPORT);
        sequences.put(segment.destinationPort(), segment.sequence());
        if (segment.has(TcpSegment.RST)) {
          resets.add(segment.destinationPort());
        }
      }
      frame.release();
    }
  }

  private void syn(long mac, int port) {
    send(mac, port, TcpSegment.SYN, 1000, 0, 0);
  }

  /** Opens a connection as a guest does that means it. */
  private void connect(long mac, int port) {
    syn(mac, port);
    send(mac, port, TcpSegment.ACK, 1001, sequences.getOrDefault(port, 0) + 1, 0);
  }

  private void connect(long mac, int from, int count) {
    for (int i = 0; i < count; i++) {
      connect(mac, from + i);
    }
  }

  private void syns(long mac, int from, int count) {
    for (int i = 0; i < count; i++) {
      syn(mac, from + i);
    }
  }

  private void pass(long time, TimeUnit unit) {
    now += unit.toNanos(time);
    stack.onDeadline();
    receive();
  }

  private boolean isOpen(long mac, int port) {
    return answerer.open.containsKey(Answerer.name(mac, port));
  }

  private GuestConnection connection(long mac, int port) {
    return Objects.requireNonNull(answerer.open.get(Answerer.name(mac, port)));
  }

  private long openOf(long mac) {
    return answerer.open.keySet().stream()
        .filter(name -> name.startsWith(Long.toHexString(mac) + ":"))
        .count();
  }

  private long drops(Drop reason) {
    return stack.counters().dropCount(reason);
  }

  // The table.

  /** A connection that is over goes first, whichever guest it is of, and is counted. */
  @Test
  void aConnectionInTimeWaitIsForgottenToMakeRoom() {
    connect(GREEDY, 1000);
    var over = connection(GREEDY, 1000);
    over.shutdownOutput();
    receive();
    int ours = sequences.getOrDefault(1000, 0) + 1;
    send(GREEDY, 1000, TcpSegment.ACK | TcpSegment.FIN, 1001, ours, 0);
    assertThat(over.state()).isEqualTo(TcpState.TIME_WAIT);
    connect(OTHER, 2000, 64);
    assertThat(over.state()).isEqualTo(TcpState.CLOSED);
    assertThat(stack.connections()).isEqualTo(64);
    assertThat(drops(Drop.TCP_TIME_WAIT)).isOne();
    assertThat(drops(Drop.TCP_EVICTED)).isZero();
  }

  @Test
  void aGuestThatHoldsTheWholeTableLosesTheOneIdleLongest() {
    stack(
        StackConfig.DEFAULT_MAX_CONNECTIONS,
        StackConfig.DEFAULT_MAX_PENDING,
        LongUnaryOperator.identity());
    for (int i = 0; i < StackConfig.DEFAULT_MAX_CONNECTIONS; i++) {
      connect(GREEDY, FIRST_PORT + i);
    }
    pass(2, TimeUnit.SECONDS);
    // All but the third are used.
    for (int i = 0; i < StackConfig.DEFAULT_MAX_CONNECTIONS; i++) {
      int port = FIRST_PORT + i;
      if (i != 2) {
        send(GREEDY, port, TcpSegment.ACK, 1001, sequences.getOrDefault(port, 0) + 1, 1);
      }
    }
    resets.clear();
    connect(OTHER, 700);
    assertThat(isOpen(OTHER, 700)).isTrue();
    assertThat(isOpen(GREEDY, FIRST_PORT + 2)).isFalse();
    assertThat(answerer.closed).containsExactly(Answerer.name(GREEDY, FIRST_PORT + 2) + " evicted");
    assertThat(resets).as("its guest is told").containsExactly(FIRST_PORT + 2);
    assertThat(drops(Drop.TCP_EVICTED)).isEqualTo(1);
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_CONNECTIONS);
  }

  /** Another may have its MAC address from now on, and is told nothing of it. */
  @Test
  void ofAGuestThatLeftNothingIsThere() {
    connect(GREEDY, FIRST_PORT, 3);
    connect(OTHER, 700);
    answerer.accepts = false;
    syn(GREEDY, 900);
    resets.clear();
    stack.guestLeft(GREEDY);
    receive();
    assertThat(openOf(GREEDY)).isZero();
    assertThat(answerer.closed).hasSize(4);
    assertThat(isOpen(OTHER, 700)).isTrue();
    assertThat(stack.connections()).isEqualTo(1);
    assertThat(resets).isEmpty();
    assertThat(drops(Drop.GUEST_LEFT)).isEqualTo(4);
  }

  @Test
  void guestsWithFewKeepTheirs() {
    connect(OTHER, FIRST_PORT, 4);
    pass(5, TimeUnit.SECONDS);
    connect(GREEDY, 2000, 60);
    connect(OTHER + 1, 3000, 10);
    assertThat(openOf(OTHER)).as("the idle ones of the guest with few").isEqualTo(4);
    assertThat(openOf(OTHER + 1)).isEqualTo(10);
    assertThat(openOf(GREEDY)).isEqualTo(50);
  }

  @Test
  void guestsShareEquallyWhateverTheyAskFor() {
    for (int round = 0; round < 100; round++) {
      for (int guest = 0; guest < 4; guest++) {
        connect(GREEDY + guest, FIRST_PORT + 100 * guest + round);
      }
    }
    for (int guest = 0; guest < 4; guest++) {
      assertThat(openOf(GREEDY + guest)).isEqualTo(16);
    }
  }

  @Test
  void aGuestAloneReplacesItsOwn() {
    connect(GREEDY, FIRST_PORT, 70);
    assertThat(stack.connections()).isEqualTo(64);
    assertThat(isOpen(GREEDY, FIRST_PORT + 5)).isFalse();
    assertThat(isOpen(GREEDY, FIRST_PORT + 6)).isTrue();
    assertThat(isOpen(GREEDY, FIRST_PORT + 69)).isTrue();
  }

  @Test
  void guestsOfOneOwnerShareOneShare() {
    stack(64, 32, guest -> guest >= OTHER ? guest : 0);
    for (int i = 0; i < 60; i++) {
      connect(GREEDY + i % 10, FIRST_PORT + i);
    }
    // More than any of the made-up MAC addresses, and far less than all of them.
    connect(OTHER, 3000, 20);
    assertThat(openOf(OTHER)).isEqualTo(20);
    assertThat(drops(Drop.TCP_EVICTED)).isEqualTo(16);
  }

  @Test
  void whatIsLikelyDoneGoesFirst() {
    connect(GREEDY, FIRST_PORT, 64);
    connection(GREEDY, FIRST_PORT + 40).likelyDone(true);
    connection(GREEDY, FIRST_PORT + 20).likelyDone(true);
    connection(GREEDY, FIRST_PORT + 40).likelyDone(false);
    connect(OTHER, 700);
    assertThat(answerer.closed)
        .containsExactly(Answerer.name(GREEDY, FIRST_PORT + 20) + " evicted");
  }

  /** From MAC addresses that have made up few each, and from more of them than places. */
  @Test
  void aFloodOfSynsFromManyGuestsTakesAsFewPlaces() {
    connect(OTHER, FIRST_PORT, 60);
    for (int i = 0; i < 1000; i++) {
      syn(GREEDY + 0x1000 + i % 250, 10_000 + i);
    }
    // There are 4 free places, and 28 more make as many half-open ones as requests may wait.
    assertThat(openOf(OTHER)).isEqualTo(60 - 28);
    assertThat(drops(Drop.TCP_EVICTED)).isEqualTo(28);
    assertThat(drops(Drop.TCP_HALF_OPEN)).isEqualTo(1000 - 32);
    connect(OTHER, 700);
    assertThat(isOpen(OTHER, 700)).isTrue();
  }

  @Test
  void aGuestsWindowDoesNotTellHowManyConnectionsOthersHave() {
    stack(2000, 1000, LongUnaryOperator.identity());
    connect(OTHER, 700);
    int alone = window(700);
    connect(GREEDY, FIRST_PORT, 1000);
    connect(OTHER + 1, 701);
    assertThat(window(701)).isEqualTo(alone);
    assertThat(window(FIRST_PORT + 999)).isLessThan(alone);
  }

  private int window(int port) {
    return answerer.open.values().stream()
        .filter(connection -> connection.tuple().guestPort() == port)
        .findFirst()
        .orElseThrow()
        .sendCapacityBytes();
  }

  @Test
  void aFloodOfSynsEvictsItselfAndOnlyAShareOfWhatIsOpen() {
    connect(GREEDY, FIRST_PORT, 64);
    syns(OTHER, 10_000, 1000);
    assertThat(openOf(GREEDY)).isEqualTo(64 - 16);
    assertThat(drops(Drop.TCP_EVICTED)).isEqualTo(16);
    assertThat(drops(Drop.TCP_HALF_OPEN)).isEqualTo(1000 - 16);
    connect(OTHER + 1, 700);
    assertThat(isOpen(OTHER + 1, 700)).isTrue();
  }

  // Requests that wait for an answer.

  @Test
  void requestsOfFourGuestsToABlackHoleKeepNobodyOut() {
    stack(1 << 14, StackConfig.DEFAULT_MAX_PENDING, LongUnaryOperator.identity());
    answerer.accepts = false;
    for (int i = 0; i < StackConfig.DEFAULT_MAX_PENDING; i++) {
      syn(GREEDY + i % 4, FIRST_PORT + i);
    }
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_PENDING);
    answerer.accepts = true;
    connect(OTHER, 700);
    assertThat(isOpen(OTHER, 700)).isTrue();
    assertThat(answerer.closed).as("the stalest").containsExactly(evicted(GREEDY, FIRST_PORT));
    assertThat(resets).as("it may ask again").isEmpty();
    assertThat(drops(Drop.TCP_PENDING_EVICTED)).isEqualTo(1);
    // It was accepted, and waits no longer: the next finds its place.
    connect(OTHER + 1, 701);
    assertThat(drops(Drop.TCP_PENDING_EVICTED)).isEqualTo(1);
  }

  private static String evicted(long guest, int port) {
    return Answerer.name(guest, port) + " evicted";
  }

  @Test
  void aRequestThatIsRepeatedIsNotTheStalest() {
    answerer.accepts = false;
    syns(GREEDY, FIRST_PORT, 16);
    syns(GREEDY + 1, 3000, 16);
    syn(GREEDY, FIRST_PORT);
    syn(OTHER, 700);
    assertThat(answerer.closed).containsExactly(evicted(GREEDY, FIRST_PORT + 1));
  }

  @Test
  void oneGuestLeavesAReserve() {
    answerer.accepts = false;
    syns(GREEDY, FIRST_PORT, 1000);
    assertThat(stack.connections()).isEqualTo(16);
    assertThat(drops(Drop.TCP_PENDING_FULL)).isEqualTo(1000 - 16);
    syns(OTHER, FIRST_PORT, 16);
    assertThat(stack.connections()).isEqualTo(32);
    assertThat(drops(Drop.TCP_PENDING_EVICTED)).isZero();
  }

  /**
   * Each eviction cancels a stream and each admission opens one, so a flood must not cause them.
   */
  @Test
  void guestsThatFloodDoNotEvictEachOtherForEver() {
    answerer.accepts = false;
    for (int i = 0; i < 1000; i++) {
      for (int guest = 0; guest < 5; guest++) {
        syn(GREEDY + guest, FIRST_PORT + 1000 * guest + i);
      }
    }
    assertThat(stack.connections()).isEqualTo(32);
    assertThat(drops(Drop.TCP_PENDING_EVICTED)).isLessThan(32);
    for (int guest = 0; guest < 5; guest++) {
      assertThat(openOf(GREEDY + guest)).isBetween(6L, 7L);
    }
  }

  @Test
  void aGuestThatHasNoneGetsOneThoughNobodyHasMore() {
    answerer.accepts = false;
    for (int guest = 0; guest < 32; guest++) {
      syn(GREEDY + 0x100 + guest, FIRST_PORT + guest);
    }
    syn(OTHER, 700);
    assertThat(isOpen(OTHER, 700)).isTrue();
    assertThat(answerer.closed).containsExactly(evicted(GREEDY + 0x100, FIRST_PORT));
  }

  @Test
  void aGuestsOwnStaleRequestMakesRoom() {
    answerer.accepts = false;
    syns(GREEDY, FIRST_PORT, 16);
    pass(3, TimeUnit.SECONDS);
    syn(GREEDY, 3000);
    assertThat(isOpen(GREEDY, 3000)).isTrue();
    assertThat(answerer.closed).containsExactly(evicted(GREEDY, FIRST_PORT));
  }

  @Test
  void aRequestThatWaitsMayBeAllThereIsToEvict() {
    stack(4, 32, LongUnaryOperator.identity());
    answerer.accepts = false;
    syns(GREEDY, FIRST_PORT, 4);
    syn(OTHER, 700);
    assertThat(isOpen(OTHER, 700)).isTrue();
    assertThat(stack.connections()).isEqualTo(4);
  }

  @Test
  void howeverManyLanesAGuestHasADecentShare() {
    var config = StackConfig.of(StackConfig.DEFAULT_ADDRESS).dividedBy(16);
    assertThat(config.maxPending()).isEqualTo(StackConfig.MIN_PENDING);
    assertThat(config.maxPendingOfOneOwner()).isEqualTo(128);
    assertThat(config.maxPending()).isLessThan(config.maxConnections());
  }

  // Requests that were given up.

  @Test
  void aRequestThatIsNotRepeatedFreesItsPlace() {
    answerer.accepts = false;
    syn(GREEDY, FIRST_PORT);
    pass(9, TimeUnit.SECONDS);
    assertThat(isOpen(GREEDY, FIRST_PORT)).isTrue();
    pass(1100, TimeUnit.MILLISECONDS);
    assertThat(stack.connections()).isZero();
    assertThat(answerer.closed)
        .containsExactly(Answerer.name(GREEDY, FIRST_PORT) + " " + CloseReason.DROPPED);
    assertThat(drops(Drop.TCP_GIVEN_UP)).isEqualTo(1);
    assertThat(resets).isEmpty();
  }

  /** Seconds after the first at which a guest repeats its SYN, and one of them is lost. */
  private void holdsFor(int lost, int... seconds) {
    int port = FIRST_PORT + 100 * seconds[0] + lost;
    syn(GREEDY, port);
    long start = now;
    for (int i = 0; i < seconds.length; i++) {
      pass(TimeUnit.SECONDS.toNanos(seconds[i]) - (now - start), TimeUnit.NANOSECONDS);
      assertThat(isOpen(GREEDY, port)).as("after %d s, without %d", seconds[i], lost).isTrue();
      if (i != lost) {
        syn(GREEDY, port);
      }
    }
    pass(10 + 3 * seconds[seconds.length - 1] + 1, TimeUnit.SECONDS);
    assertThat(isOpen(GREEDY, port)).isFalse();
  }

  @Test
  void aRequestThatIsRepeatedIsHeldAsLongAsItIs() {
    answerer.accepts = false;
    // Linux; one with an initial timeout of 3 s; Linux with linear timeouts; Windows.
    int[][] schedules = {
      {1, 3, 7, 15, 31, 63}, {3, 9, 21, 45, 93}, {1, 2, 3, 4, 5, 7, 11, 19, 35, 67}, {1, 3, 7}
    };
    for (var schedule : schedules) {
      for (int lost = -1; lost < schedule.length; lost++) {
        holdsFor(lost, schedule);
      }
    }
    assertThat(drops(Drop.TCP_PENDING_EVICTED)).isZero();
  }

  @Test
  void aResetFreesThePlaceAtOnce() {
    answerer.accepts = false;
    syns(GREEDY, FIRST_PORT, 16);
    send(GREEDY, FIRST_PORT, TcpSegment.RST, 1001, 0, 0);
    assertThat(stack.connections()).isEqualTo(15);
    syn(GREEDY, 3000);
    assertThat(isOpen(GREEDY, 3000)).isTrue();
  }

  @Test
  void aRequestBegunAnewHasAllItsTime() {
    answerer.accepts = false;
    syn(GREEDY, FIRST_PORT);
    pass(8, TimeUnit.SECONDS);
    send(GREEDY, FIRST_PORT, TcpSegment.SYN, 5000, 0, 0);
    pass(9, TimeUnit.SECONDS);
    assertThat(isOpen(GREEDY, FIRST_PORT)).isTrue();
    pass(2, TimeUnit.SECONDS);
    assertThat(isOpen(GREEDY, FIRST_PORT)).as("its time does not count from the first").isFalse();
  }

  @Test
  void aRequestThatIsIgnoredMayBeRepeated() {
    answerer.accepts = false;
    syn(GREEDY, FIRST_PORT);
    connection(GREEDY, FIRST_PORT).ignore();
    assertThat(stack.connections()).isZero();
    assertThat(resets).isEmpty();
    answerer.accepts = true;
    connect(GREEDY, FIRST_PORT);
    connection(GREEDY, FIRST_PORT).ignore();
    assertThat(stack.connections()).as("it was answered").isEqualTo(1);
  }

  // ICMP errors.

  private int unreachablesFor(long mac, int packets) {
    int before = unreachables;
    for (int i = 0; i < packets; i++) {
      int length = Icmpv4Message.HEADER_LENGTH;
      var frame = Unpooled.buffer(TRANSPORT + length).writeZero(TRANSPORT + length);
      new Icmpv4Message()
          .wrap(frame, TRANSPORT, length)
          .compose(Icmpv4Message.ECHO_REQUEST, 0, 0x0007_0001);
      sendIpv4(frame, mac, Ipv4Packet.PROTOCOL_ICMP, length);
    }
    return unreachables - before;
  }

  @Test
  void oneGuestsErrorsDoNotShowInAnothers() {
    int alone = unreachablesFor(OTHER, 200);
    assertThat(alone).isEqualTo(100);
    pass(10, TimeUnit.SECONDS);
    for (int guest = 0; guest < 8; guest++) {
      assertThat(unreachablesFor(GREEDY + guest, 5000)).isEqualTo(100);
    }
    assertThat(unreachablesFor(OTHER, 200)).isEqualTo(alone);
  }

  /** MAC addresses that one guest makes up took the rate of all. */
  @Test
  void theErrorsOfManyMacAddressesLeaveAnotherItsOwn() {
    for (int guest = 0; guest < 256; guest++) {
      unreachablesFor(GREEDY + 0x1000 + guest, 200);
    }
    assertThat(unreachablesFor(OTHER, 10)).isEqualTo(10);
  }

  @Test
  void errorsAreBoundedByOwner() {
    stack(64, 32, guest -> 0);
    assertThat(unreachablesFor(GREEDY, 200) + unreachablesFor(OTHER, 200)).isEqualTo(100);
  }
}
