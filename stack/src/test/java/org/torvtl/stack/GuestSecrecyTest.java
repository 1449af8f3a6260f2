/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/** What a guest gets tells it nothing of what other guests send and get. */
class GuestSecrecyTest {
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final long GUEST = 0x0200_0000_0002L, OTHER_GUEST = 0x0200_0000_0003L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int GATEWAY_IP = StackConfig.DEFAULT_ADDRESS;
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");
  private static final int MTU = 1500, PINGS = 200;

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, MTU);
  private final Stack stack =
      new Stack(
          cable[0],
          StackConfig.of(GATEWAY_IP),
          new TakingHandler(),
          () -> 0,
          deadline -> {},
          new byte[16]);

  GuestSecrecyTest() {
    cable[0].start(stack);
    stack.udpServices().add(53, (flow, query) -> stack.sendDatagram(flow, Unpooled.EMPTY_BUFFER));
  }

  @AfterEach
  void close() {
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  private record Received(Ipv4Packet packet, ByteBuf frame) {}

  private void send(long guest, int destination, int protocol, byte[] payload) {
    var frame = Unpooled.buffer(TRANSPORT + payload.length);
    frame.setBytes(TRANSPORT, payload);
    new EthernetFrame()
        .wrap(frame, 0, IP)
        .compose(StackConfig.DEFAULT_MAC, guest, EthernetFrame.TYPE_IPV4);
    var packet = new Ipv4Packet().wrap(frame, IP, Ipv4Packet.HEADER_LENGTH + payload.length);
    int unit = MTU - Ipv4Packet.HEADER_LENGTH & ~7;
    for (int from = 0; from < payload.length; from += unit) {
      int length = Math.min(unit, payload.length - from);
      frame.setBytes(TRANSPORT, payload, from, length);
      packet.compose(GUEST_IP, destination, protocol, 77, false, length);
      if (payload.length > unit) {
        packet.composeFragment(from, from + length < payload.length, length);
      }
      cable[1].send(frame.setIndex(0, TRANSPORT + length), Unpooled.EMPTY_BUFFER);
      cable[0].deliver();
    }
    frame.release();
  }

  private List<Received> receive() {
    var received = new ArrayList<Received>();
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      var copy = Unpooled.copiedBuffer(frame);
      frame.release();
      var packet = new Ipv4Packet().wrap(copy, IP, copy.readableBytes() - IP);
      assertThat(packet.defect()).isNull();
      received.add(new Received(packet, copy));
    }
    return received;
  }

  private void ping(long guest, int destination, int bytes) {
    var message = Unpooled.buffer(8 + bytes).writeZero(8 + bytes);
    new Icmpv4Message().wrap(message, 0, 8 + bytes).compose(Icmpv4Message.ECHO_REQUEST, 0, 7 << 16);
    send(guest, destination, Ipv4Packet.PROTOCOL_ICMP, ByteBufUtil.getBytes(message));
  }

  private void query(long guest) {
    var datagram = Unpooled.buffer(12).writeZero(12);
    new UdpDatagram().wrap(datagram, 0, 12).compose(GUEST_IP, FAR_IP, 5000, 53, 4);
    send(guest, FAR_IP, Ipv4Packet.PROTOCOL_UDP, ByteBufUtil.getBytes(datagram));
  }

  private void tcp(long guest, int flags) {
    var options = new TcpOptions().timestamps(1, 0);
    var segment = Unpooled.buffer(TcpSegment.MAX_HEADER_LENGTH);
    var view = new TcpSegment();
    var header = new TcpHeader(options).sequence(1000).flags(flags).window(65_535);
    int length = view.compose(segment, 0, 40_000, 80, header);
    view.updateChecksum(
        InternetChecksum.pseudoHeaderSum(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_TCP, length));
    send(guest, FAR_IP, Ipv4Packet.PROTOCOL_TCP, ByteBufUtil.getBytes(segment, 0, length));
  }

  /** An identification counted for all guests told each how many packets the others get. */
  @Test
  void wholePacketsBearNoCount() {
    for (long guest : new long[] {GUEST, OTHER_GUEST, GUEST}) {
      ping(guest, GATEWAY_IP, 56);
      ping(guest, FAR_IP, 56);
      query(guest);
      tcp(guest, TcpSegment.SYN);
      tcp(guest, TcpSegment.RST);
    }
    tcp(GUEST, TcpSegment.ACK);
    var received = receive();
    assertThat(received).hasSize(3 * 4 + 1);
    for (var each : received) {
      assertThat(each.packet.dontFragment()).isTrue();
      assertThat(each.packet.identification()).isZero();
    }
  }

  @Test
  void fragmentsBearNumbersThatLookRandom() {
    var numbers = new ArrayList<Integer>();
    for (int i = 0; i < PINGS; i++) {
      ping(GUEST, GATEWAY_IP, 2000);
      var fragments = receive();
      assertThat(fragments).hasSize(2);
      assertThat(fragments.getFirst().packet.dontFragment()).isFalse();
      assertThat(fragments.getLast().packet.identification())
          .isEqualTo(fragments.getFirst().packet.identification());
      numbers.add(fragments.getFirst().packet.identification());
    }
    // 200 of 65,536: the mean of random ones is 32,768, and its deviation below 1,400.
    assertThat(numbers.stream().mapToInt(n -> n).average().orElseThrow())
        .isBetween(32_768.0 - 7_000, 32_768.0 + 7_000);
    assertThat(new TreeSet<>(numbers)).hasSizeGreaterThan(PINGS - 5);
    var steps = new TreeSet<Integer>();
    for (int i = 1; i < PINGS; i++) {
      steps.add(numbers.get(i) - numbers.get(i - 1) & 0xFFFF);
    }
    assertThat(steps).hasSizeGreaterThan(PINGS - 6);
  }

  @Test
  void anotherSecretGivesOtherNumbers() {
    var secret = new byte[16];
    new Random(1).nextBytes(secret);
    var ours = new FragmentIdentifications(new byte[16]);
    var others = new FragmentIdentifications(secret);
    int same = 0;
    for (int i = 0; i < PINGS; i++) {
      same += ours.next() == others.next() ? 1 : 0;
    }
    assertThat(same).isLessThan(3);
  }

  /**
   * A neighbor that takes a guest's IP address, and opens a connection with its ports, does not
   * learn what numbers the guest's connection has.
   */
  @Test
  void aNeighborWithTheSameAddressGetsOtherSequenceNumbersAndTimestamps() {
    var numbers = new TreeSet<Integer>();
    var timestamps = new TreeSet<Integer>();
    for (long guest : new long[] {GUEST, OTHER_GUEST}) {
      tcp(guest, TcpSegment.SYN);
      var answer = receive().getFirst();
      var segment =
          new TcpSegment()
              .wrap(answer.frame, answer.packet.payloadOffset(), answer.packet.payloadLength());
      assertThat(segment.defect(answer.packet.pseudoHeaderSum())).isNull();
      assertThat(segment.flags()).isEqualTo(TcpSegment.SYN | TcpSegment.ACK);
      numbers.add(segment.sequence());
      timestamps.add(segment.options().timestampValue());
    }
    assertThat(numbers).hasSize(2);
    assertThat(timestamps).hasSize(2);
  }
}
