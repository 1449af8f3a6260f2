/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.CloseReason;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;

/** A guest whose MAC address changes: it waited for what was sent to the old one, for ever. */
class MovedGuestsTest {
  private static final long OLD = 0x0200_0000_0002L, NEW = 0x0200_0000_0003L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int OTHER_IP = Ipv4Address.parse("203.0.113.10");
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");
  private static final int STEP_MILLIS = 10;
  private static final int TRANSPORT = EthernetFrame.HEADER_LENGTH + Ipv4Packet.HEADER_LENGTH;

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private final List<CloseReason> closed = new ArrayList<>();
  private final List<Long> resetAt = new ArrayList<>();
  private LongUnaryOperator owners = mac -> -1;
  private long now;
  private int answered;
  private long asked;
  private final Stack stack =
      new Stack(
          cable[0],
          StackConfig.of(StackConfig.DEFAULT_ADDRESS).withOwners(mac -> owners.applyAsLong(mac)),
          new TakingHandler() {
            @Override
            void closed(GuestConnection connection, CloseReason reason) {
              closed.add(reason);
            }
          },
          () -> now,
          deadline -> {},
          new byte[16],
          Unpoliced.policer());

  MovedGuestsTest() {
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  private void receive() {
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      received(frame);
      frame.release();
    }
  }

  private void received(ByteBuf frame) {
    var ethernet = new EthernetFrame().wrap(frame, frame.readerIndex(), frame.readableBytes());
    if (ethernet.type() == EthernetFrame.TYPE_IPV4) {
      var segment =
          new TcpSegment()
              .wrap(frame, frame.readerIndex() + TRANSPORT, frame.readableBytes() - TRANSPORT);
      answered = segment.sequence();
      asked = ethernet.destination();
      if (segment.has(TcpSegment.RST)) {
        resetAt.add(ethernet.destination());
      }
    }
  }

  private void send(ByteBuf frame) {
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
    receive();
  }

  private void tcp(long mac, int address, int port, int flags, int sequence, int ack) {
    send(GuestFrames.tcp(mac, address, FAR_IP, port, flags, sequence, ack, 0));
  }

  private void open(long mac, int address, int port) {
    tcp(mac, address, port, TcpSegment.SYN, 100, 0);
    tcp(mac, address, port, TcpSegment.ACK, 101, answered + 1);
    assertThat(stack.connections()).isPositive();
  }

  private void arp(long mac) {
    send(GuestFrames.arpRequest(mac, mac, GUEST_IP, StackConfig.DEFAULT_ADDRESS));
  }

  private void after(long millis) {
    long end = now + TimeUnit.MILLISECONDS.toNanos(millis);
    while (now < end) {
      busyFor(Math.min(STEP_MILLIS, TimeUnit.NANOSECONDS.toMillis(end - now)));
    }
  }

  /** Nothing is done meanwhile. */
  private void busyFor(long millis) {
    now += TimeUnit.MILLISECONDS.toNanos(millis);
    stack.onDeadline();
    receive();
  }

  @Test
  void itsOldConnectionsAreResetAtTheNewAddress() {
    open(OLD, GUEST_IP, 1000);
    open(OLD, GUEST_IP, 1001);
    open(OLD, OTHER_IP, 1000);
    after(1);
    open(NEW, GUEST_IP, 1002);
    after(500);
    assertThat(resetAt).isEmpty();
    after(600);
    assertThat(resetAt).containsExactly(NEW, NEW);
    assertThat(closed).containsExactly(CloseReason.TIMED_OUT, CloseReason.TIMED_OUT);
    assertThat(stack.connections()).isEqualTo(2);
    assertThat(stack.counters().dropCount(Drop.GUEST_MOVED)).isEqualTo(2);
  }

  @Test
  void anArpPacketTellsIt() {
    arp(OLD);
    open(OLD, GUEST_IP, 1000);
    after(1);
    arp(NEW);
    after(1100);
    assertThat(resetAt).containsExactly(NEW);
  }

  @Test
  void aSegmentOfAnOldConnectionTellsIt() {
    open(OLD, GUEST_IP, 1000);
    open(OLD, GUEST_IP, 1001);
    after(1);
    tcp(NEW, GUEST_IP, 1000, TcpSegment.ACK, 101, answered + 1);
    assertThat(resetAt).containsExactly(NEW);
    after(1100);
    assertThat(resetAt).containsExactly(NEW, NEW, NEW);
    assertThat(stack.connections()).isZero();
  }

  /** A host with two network cards and one address uses both. */
  @Test
  void oneThatIsHeardFromBothKeepsItsConnections() {
    open(OLD, GUEST_IP, 1000);
    int next = answered + 1;
    after(1);
    open(NEW, GUEST_IP, 1001);
    after(1);
    tcp(OLD, GUEST_IP, 1000, TcpSegment.ACK, 101, next);
    after(1100);
    assertThat(resetAt).isEmpty();
    assertThat(stack.connections()).isEqualTo(2);
  }

  /** Both are alive, but an idle connection says nothing of itself. */
  @Test
  void anIdleConnectionThatAnswersAtTheOldAddressIsKept() {
    open(OLD, GUEST_IP, 1000);
    int next = answered + 1;
    open(OLD, GUEST_IP, 1001);
    after(1);
    open(NEW, GUEST_IP, 1002);
    asked = 0;
    after(550);
    assertThat(asked).isEqualTo(OLD);
    assertThat(stack.tcpCounters().keepAlives()).isEqualTo(2);
    // The second does not answer.
    tcp(OLD, GUEST_IP, 1000, TcpSegment.ACK, 101, next);
    after(600);
    assertThat(resetAt).containsExactly(NEW);
    assertThat(stack.connections()).isEqualTo(2);
    after(60_000);
    assertThat(stack.connections()).isEqualTo(2);
  }

  /** Two network cards that speak by turns, with an idle connection at each. */
  @Test
  void twoAddressesThatAlternateKeepTheirConnections() {
    open(OLD, GUEST_IP, 1000);
    int atOld = answered + 1;
    after(1);
    open(NEW, GUEST_IP, 1000);
    int atNew = answered + 1;
    after(1);
    for (int i = 0; i < 20; i++) {
      arp(i % 2 == 0 ? OLD : NEW);
      asked = 0;
      for (int j = 0; j < 4; j++) {
        after(500);
        if (asked != 0) {
          tcp(asked, GUEST_IP, 1000, TcpSegment.ACK, 101, asked == OLD ? atOld : atNew);
          asked = 0;
        }
      }
    }
    assertThat(resetAt).isEmpty();
    assertThat(stack.connections()).isEqualTo(2);
    assertThat(stack.tcpCounters().keepAlives()).isEqualTo(20);
  }

  /** However busy the gateway is: a question that was not put is not one without an answer. */
  @Test
  void aConnectionIsAskedBeforeItIsEnded() {
    open(OLD, GUEST_IP, 1000);
    int next = answered + 1;
    after(1);
    open(NEW, GUEST_IP, 1001);
    busyFor(10_000);
    assertThat(resetAt).isEmpty();
    tcp(OLD, GUEST_IP, 1000, TcpSegment.ACK, 101, next);
    busyFor(10_000);
    assertThat(resetAt).isEmpty();
    assertThat(stack.connections()).isEqualTo(2);
  }

  /** Else it could end its neighbour's connections. */
  @Test
  void anotherGuestWithTheAddressEndsNothing() {
    owners = LongUnaryOperator.identity();
    open(OLD, GUEST_IP, 1000);
    after(1);
    open(NEW, GUEST_IP, 1001);
    arp(NEW);
    after(5000);
    assertThat(resetAt).isEmpty();
    assertThat(stack.connections()).isEqualTo(2);
  }

  @Test
  void aSecondMoveIsFoundToo() {
    open(OLD, GUEST_IP, 1000);
    after(1);
    open(NEW, GUEST_IP, 1001);
    after(900);
    open(OLD + 7, GUEST_IP, 1002);
    after(2200);
    assertThat(stack.connections()).isEqualTo(1);
  }
}
