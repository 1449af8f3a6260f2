/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MemoryFootprint;
import org.torvtl.wire.TcpSegment;

/** Guests hold as much as they can, and no more than they may; others are served. */
class MemoryAccountTest {
  private static final int LIMIT = 8 << 20;

  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final long GUEST = 0x0200_0000_0002L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");

  private final List<GuestConnection> connections = new ArrayList<>();
  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 65_535);
  private final TcpSegment segment = new TcpSegment();
  private final Stack stack;
  private final ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();

  /** Bytes delivered in order, and whether they are kept, as by a stream that takes nothing. */
  private long delivered;

  private boolean keeps;
  private final List<ByteBuf> kept = new ArrayList<>();

  MemoryAccountTest() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
    var defaults = StackConfig.of(StackConfig.DEFAULT_ADDRESS);
    stack =
        new Stack(
            cable[0],
            new StackConfig(
                defaults.mac(),
                defaults.address(),
                defaults.maxConnections(),
                defaults.maxPending(),
                LIMIT,
                TcpConfig.defaults(),
                none -> false,
                LongUnaryOperator.identity()),
            new Accepter(),
            System::nanoTime,
            deadline -> {},
            new byte[16],
            Unpoliced.policer());
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    ResourceLeakDetector.setLevel(level);
    stack.close();
    kept.forEach(ByteBuf::release);
    cable[0].close();
    cable[1].close();
  }

  private final class Accepter extends TakingHandler {
    @Override
    void requested(GuestConnection pending) {
      connections.add(pending);
      pending.accept();
    }

    @Override
    void data(GuestConnection connection, ByteBuf data) {
      delivered += data.readableBytes();
      if (keeps) {
        connection.memory().charge(MemoryFootprint.of(data));
        kept.add(data);
      } else {
        super.data(connection, data);
      }
    }
  }

  /** Sends a segment in a frame that is padded to so many bytes. */
  private void send(
      long mac, int port, int flags, int sequence, int acknowledgment, int payload, int padded) {
    int room = Math.max(TRANSPORT + TcpSegment.MIN_HEADER_LENGTH + payload, padded);
    var frame = ByteBufAllocator.DEFAULT.directBuffer(room).writeZero(room);
    GuestFrames.composeTcp(
        frame, mac, GUEST_IP, FAR_IP, port, flags, sequence, acknowledgment, payload);
    // A real frame is not copied on its way from the device to the stack.
    stack.frame(frame);
    frame.release();
  }

  /** Opens a connection; our next sequence number, or 0 if there was no answer. */
  private int open(long mac, int port) {
    drain();
    send(mac, port, TcpSegment.SYN, 0, 0, 0, 0);
    stack.endOfBatch();
    int sequence = 0;
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      var packet = new Ipv4Packet().wrap(frame, IP, frame.readableBytes() - IP);
      segment.wrap(frame, packet.payloadOffset(), packet.payloadLength());
      sequence = segment.has(TcpSegment.SYN) ? segment.sequence() + 1 : sequence;
      frame.release();
    }
    if (sequence != 0) {
      send(mac, port, TcpSegment.ACK, 1, sequence, 0, 0);
    }
    return sequence;
  }

  private void drain() {
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      frame.release();
    }
  }

  /** Opens connections and fills their windows with every second piece. */
  private void hoard(long mac, int count, int piece, int padded) {
    for (int i = 0; i < count; i++) {
      int port = 1024 + i;
      int acknowledgment = open(mac, port);
      for (int at = 2; acknowledgment != 0 && at + piece < 16 << 10; at += 2 * piece) {
        send(mac, port, TcpSegment.ACK, at, acknowledgment, piece, padded);
      }
      drain();
    }
  }

  private long drops(Drop reason) {
    return stack.counters().dropCount(reason);
  }

  @Test
  void oneGuestsOutOfOrderDataTakesAThird() {
    hoard(GUEST, 600, 1024, 64 << 10);
    assertThat(stack.memory().heldBytes()).isBetween(LIMIT / 3L, LIMIT / 2L + 4096);
    assertThat(stack.tcpCounters().droppedForMemory()).isPositive();
  }

  @Test
  void manyGuestsTogetherStayBelowTheLimitAndANewcomerIsServed() {
    for (int guest = 0; guest < 20; guest++) {
      hoard(GUEST + guest, 100, 1 + guest * 100, guest % 2 == 0 ? 0 : 60_000);
      assertThat(stack.memory().heldBytes()).isLessThanOrEqualTo(LIMIT);
    }
    assertThat(stack.memory().heldBytes()).isGreaterThan(LIMIT / 2);
    long before = delivered;
    int acknowledgment = open(GUEST + 99, 5000);
    assertThat(acknowledgment)
        .as("%s, %d held", stack.counters().nonZero(), stack.memory().heldBytes())
        .isNotZero();
    // As much as the first window, without looking at a second.
    for (int i = 0; i < 65; i++) {
      send(GUEST + 99, 5000, TcpSegment.ACK, 1 + 1000 * i, acknowledgment, 1000, 0);
    }
    assertThat(delivered - before).isEqualTo(65_000);
  }

  @Test
  void aGuestThatHoldsWhatItMayGetsNoMoreConnections() {
    hoard(GUEST, 2000, 1024, 0);
    assertThat(drops(Drop.TCP_MEMORY)).isPositive();
    assertThat(open(GUEST + 1, 5000)).isNotZero();
  }

  @Test
  void outOfOrderDataMakesRoomForDataInOrder() {
    hoard(GUEST, 300, 1024, 0);
    long before = stack.memory().heldBytes();
    keeps = true;
    long deliveredBefore = delivered;
    int acknowledgment = open(GUEST, 60_000);
    for (int i = 0; i < 16; i++) {
      connections.getLast().memory().charge(LIMIT / 32);
      send(GUEST, 60_000, TcpSegment.ACK, 1 + 1000 * i, acknowledgment, 1000, 0);
    }
    assertThat(delivered - deliveredBefore).isBetween(1000L, 15_000L);
    assertThat(stack.tcpCounters().reneged()).isPositive();
    assertThat(before).isPositive();
    connections.getLast().memory().release(LIMIT / 2);
  }

  @Test
  void whatIsHeldIsReleasedWithTheConnection() {
    hoard(GUEST, 100, 1024, 60_000);
    List.copyOf(connections).forEach(GuestConnection::abort);
    assertThat(stack.memory().heldBytes()).isZero();
    assertThat(stack.memory().guests()).isZero();
  }

  @Test
  void outOfOrderDataOfTheGuestWithMostIsGivenUpFirst() {
    hoard(GUEST, 10, 1024, 0);
    hoard(GUEST + 1, 20, 1024, 0);
    long first = stack.memory().heldBytes(GUEST);
    long second = stack.memory().heldBytes(GUEST + 1);
    assertThat(stack.memory().giveUp()).isTrue();
    assertThat(stack.memory().heldBytes(GUEST)).isEqualTo(first);
    assertThat(stack.memory().heldBytes(GUEST + 1)).isLessThan(second / 2);
    assertThat(stack.memory().giveUp()).isTrue();
    assertThat(stack.memory().heldBytes()).isEqualTo(30L * MemoryAccount.CONNECTION_BYTES);
    assertThat(stack.connections()).isEqualTo(30);
    for (int left = 29; left >= 0; left--) {
      assertThat(stack.memory().giveUp()).isTrue();
      assertThat(stack.connections()).isEqualTo(left);
    }
    assertThat(stack.memory().giveUp()).isFalse();
    assertThat(stack.memory().heldBytes()).isZero();
  }

  @Test
  void whereTheAllocatorIsShortAGuestWithMoreThanItsShareGetsNothing() {
    var allocated = new double[] {0.5};
    var account =
        new MemoryAccount(
            LIMIT, LongUnaryOperator.identity(), () -> allocated[0], connection -> {});
    account.guest(GUEST).charge(1000);
    account.guest(GUEST + 1).charge(LIMIT / 4);
    assertThat(account.admitsConnection(GUEST + 1)).isTrue();
    assertThat(account.isShort()).isFalse();
    allocated[0] = 0.9;
    assertThat(account.admitsConnection(GUEST)).isTrue();
    assertThat(account.admitsConnection(GUEST + 1)).isFalse();
    account.guest(GUEST + 1).release(LIMIT / 4);
    assertThat(account.isShort()).as("it is not the guests that fill it").isFalse();
    account.guest(GUEST + 1).charge(LIMIT / 4);
    assertThat(account.isShort()).isTrue();
  }

  @Test
  void anAllocationThatFailedFreesABlock() {
    hoard(GUEST, 10, 1024, 0);
    stack.allocationFailed();
    assertThat(stack.memory().isShort()).isTrue();
    assertThat(stack.memory().giveUp()).isTrue();
    assertThat(stack.memory().isShort()).isFalse();
    assertThat(stack.memory().heldBytes()).as("less than a block was held").isZero();
  }
}
