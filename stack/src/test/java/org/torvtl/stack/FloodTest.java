/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import java.util.ArrayList;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.function.LongUnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.TcpConnection;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/**
 * One guest floods the gateway with packets of one kind, 200,000 a second, and another pings it,
 * all in virtual time. The flood gets its share of the lane, and the pings all their answers.
 */
class FloodTest {
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final long GUEST = 0x0200_0000_0002L, FLOODER = 0x0200_0000_0066L;
  private static final long NEWCOMER = 0x0200_0000_0033L;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int GATEWAY_IP = StackConfig.DEFAULT_ADDRESS;
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");
  private static final int FLOOD = 40_000;
  private static final long EACH_NANOS = 5_000, FLOOD_NANOS = FLOOD * EACH_NANOS;
  private static final int FRAMES_PER_PING = 500;

  /** What one guest gets for segments, in a flood: 15%, a burst of 4 ms, and one beyond. */
  private static final long SEGMENTS_NANOS = FLOOD_NANOS * 15 / 100 + 4_002_000;

  /** Floods that make us send a window each; the share of one guest in it, and a window beyond. */
  private static final int SHORT_FLOOD = 200;

  private static final long SHORT_NANOS =
      SHORT_FLOOD * EACH_NANOS * 15 / 100 + 4_000_000 + 1_100_000;

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private final ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();
  private final Answerer answerer = new Answerer();
  private long now;

  /** Segments with payload that the flooder was sent, their bytes, and where the last one ends. */
  private int segments;

  private long segmentBytes;
  private int sentTo;
  private int acknowledged;

  private final SplittableRandom random = new SplittableRandom(4711);
  private LongUnaryOperator owners = LongUnaryOperator.identity();
  private final Stack stack =
      new Stack(
          cable[0],
          StackConfig.of(GATEWAY_IP).withOwners(guest -> owners.applyAsLong(guest)),
          answerer,
          () -> now,
          deadline -> {},
          new byte[16]);

  FloodTest() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.SIMPLE);
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    ResourceLeakDetector.setLevel(level);
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  /** Counts what comes. */
  private static final class Answerer extends TakingHandler {
    private int received;
    private int acknowledged;
    private int ended;
    private boolean holds;
    private boolean refills;
    private @Nullable GuestConnection last;

    @Override
    void requested(GuestConnection pending) {
      last = pending;
      if (!holds) {
        pending.accept();
      }
    }

    @Override
    void acknowledged(int bytes) {
      acknowledged += bytes;
      if (refills) {
        last().send(Unpooled.wrappedBuffer(new byte[bytes]));
      }
    }

    @Override
    void endOfStream() {
      ended++;
    }

    GuestConnection last() {
      return Objects.requireNonNull(last);
    }

    @Override
    void data(GuestConnection connection, ByteBuf data) {
      received += data.readableBytes();
      super.data(connection, data);
    }
  }

  private static ByteBuf frame(long guest, int type, int length) {
    var frame = Unpooled.buffer(IP + length).writeZero(IP + length);
    new EthernetFrame().wrap(frame, 0, IP).compose(StackConfig.DEFAULT_MAC, guest, type);
    return frame;
  }

  private static ByteBuf ipv4(long guest, int destination, int protocol, int length) {
    var frame = frame(guest, EthernetFrame.TYPE_IPV4, Ipv4Packet.HEADER_LENGTH + length);
    new Ipv4Packet()
        .wrap(frame, IP, Ipv4Packet.HEADER_LENGTH + length)
        .compose(GUEST_IP, destination, protocol, 1, false, length);
    return frame;
  }

  private static ByteBuf arp(int number) {
    return request(FLOODER, GUEST_IP, FAR_IP + number);
  }

  private static ByteBuf request(long guest, int sender, int target) {
    var frame = frame(guest, EthernetFrame.TYPE_ARP, ArpPacket.LENGTH);
    MacAddress.set(frame, 0, MacAddress.BROADCAST);
    new ArpPacket()
        .wrap(frame, IP, ArpPacket.LENGTH)
        .compose(ArpPacket.REQUEST, guest, sender, 0, target);
    return frame;
  }

  private static ByteBuf echo(long guest, int destination, int length) {
    var frame = ipv4(guest, destination, Ipv4Packet.PROTOCOL_ICMP, length);
    new Icmpv4Message().wrap(frame, TRANSPORT, length).compose(Icmpv4Message.ECHO_REQUEST, 0, 1);
    return frame;
  }

  private static ByteBuf udp(int length) {
    var frame = ipv4(FLOODER, FAR_IP, Ipv4Packet.PROTOCOL_UDP, UdpDatagram.HEADER_LENGTH + length);
    new UdpDatagram()
        .wrap(frame, TRANSPORT, UdpDatagram.HEADER_LENGTH + length)
        .compose(GUEST_IP, FAR_IP, 4000, 9, length);
    return frame;
  }

  private static ByteBuf fragment(int number) {
    var frame = ipv4(FLOODER, FAR_IP, Ipv4Packet.PROTOCOL_UDP, 8);
    new Ipv4Packet()
        .wrap(frame, IP, Ipv4Packet.HEADER_LENGTH + 8)
        .compose(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_UDP, number, false, 8)
        .composeFragment(8, true, 8);
    return frame;
  }

  private static ByteBuf tcp(
      long guest, int port, int flags, int sequence, int acknowledgment, int payload) {
    return GuestFrames.tcp(guest, GUEST_IP, FAR_IP, port, flags, sequence, acknowledgment, payload);
  }

  private void send(ByteBuf frame) {
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
  }

  /** Frames that have come to a guest since the last call. */
  private int received(long guest) {
    int count = 0;
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      count += MacAddress.get(frame, 0) == guest ? 1 : 0;
      noteSegment(frame);
      frame.release();
    }
    return count;
  }

  private void noteSegment(ByteBuf frame) {
    if (MacAddress.get(frame, 0) == FLOODER
        && frame.getUnsignedShort(IP - Short.BYTES) == EthernetFrame.TYPE_IPV4
        && frame.getByte(IP + 9) == Ipv4Packet.PROTOCOL_TCP) {
      var segment = new TcpSegment().wrap(frame, TRANSPORT, frame.readableBytes() - TRANSPORT);
      int bytes = segment.payloadLength();
      segments += bytes > 0 ? 1 : 0;
      segmentBytes += bytes;
      int end = segment.sequence() + bytes;
      sentTo = bytes > 0 && end - sentTo > 0 ? end : sentTo;
    }
  }

  private int ping() {
    send(echo(GUEST, GATEWAY_IP, 64));
    return received(GUEST);
  }

  private void bothAreKnown() {
    for (int i = 0; i < 3; i++) {
      assertThat(ping()).isEqualTo(1);
      send(echo(FLOODER, GATEWAY_IP, 64));
      now += Greylist.PROBATION_NANOS;
    }
    received(FLOODER);
  }

  /** Sends the flood for 200 ms, and returns how many of its packets were dropped for it. */
  private long flood(IntFunction<ByteBuf> packets) {
    return flood(FLOOD, packets);
  }

  private long flood(int frames, IntFunction<ByteBuf> packets) {
    long before = stack.counters().dropCount(Drop.OVER_SHARE);
    int answers = 0;
    int pings = 0;
    for (int i = 0; i < frames; i++) {
      send(packets.apply(i));
      if (i % FRAMES_PER_PING == 0) {
        received(FLOODER);
        answers += ping();
        pings++;
      }
      now += EACH_NANOS;
    }
    received(FLOODER);
    assertThat(answers).as("pings answered").isEqualTo(pings);
    return stack.counters().dropCount(Drop.OVER_SHARE) - before;
  }

  /** Each with its nominal cost. */
  static Stream<Arguments> kinds() {
    return Stream.of(
        Arguments.of("ARP", WorkCost.FRAME, (IntFunction<ByteBuf>) FloodTest::arp),
        Arguments.of(
            "ping of the gateway",
            WorkCost.echo(1000),
            (IntFunction<ByteBuf>) i -> echo(FLOODER, GATEWAY_IP, 1000)),
        Arguments.of(
            "ping of another",
            WorkCost.echo(64),
            (IntFunction<ByteBuf>) i -> echo(FLOODER, FAR_IP, 64)),
        Arguments.of("UDP", WorkCost.answer(8), (IntFunction<ByteBuf>) i -> udp(0)),
        Arguments.of(
            "another protocol",
            WorkCost.answer(8),
            (IntFunction<ByteBuf>) i -> ipv4(FLOODER, FAR_IP, 132, 8)),
        Arguments.of("fragments", WorkCost.FRAGMENT, (IntFunction<ByteBuf>) FloodTest::fragment),
        Arguments.of(
            "segments of no connection",
            WorkCost.answer(0),
            (IntFunction<ByteBuf>) i -> tcp(FLOODER, i & 0xFFFF, TcpSegment.ACK, i, i, 0)),
        Arguments.of(
            "requests",
            WorkCost.REQUEST,
            (IntFunction<ByteBuf>) i -> tcp(FLOODER, 1024 + i, TcpSegment.SYN, i, 0, 0)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void aFloodLeavesTheOthersTheirTime(String kind, long cost, IntFunction<ByteBuf> packets) {
    bothAreKnown();
    long dropped = flood(packets);
    assertThat((FLOOD - dropped) * cost).as("nominal time").isLessThan(FLOOD_NANOS * 48 / 100);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void aGuestThatIsAloneHasAllTheTime(String kind, long cost, IntFunction<ByteBuf> packets) {
    for (int i = 0; i < 2_000; i++) {
      send(packets.apply(i));
    }
    received(FLOODER);
    assertThat(stack.counters().dropCount(Drop.OVER_SHARE)).isZero();
  }

  /** As many MAC addresses as packets; a guest that comes later asks again after 0.4 s. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void madeUpAddressesLeaveTheOthersTheirTime(
      String kind, long cost, IntFunction<ByteBuf> packets) {
    bothAreKnown();
    IntFunction<ByteBuf> madeUp = i -> madeUp(packets.apply(i));
    int tries = 0;
    long dropped = 0;
    do {
      dropped += flood(madeUp) + flood(madeUp);
      tries++;
    } while (!answersNewcomer());
    assertThat(tries).as("tries of the newcomer").isLessThanOrEqualTo(2);
    assertThat((2 * FLOOD * tries - dropped) * cost)
        .as("nominal time")
        .isLessThan(2 * FLOOD_NANOS * tries * 7 / 100);
  }

  private ByteBuf madeUp(ByteBuf frame) {
    // Neither a group nor one of the guests here.
    long mac = random.nextLong(1L << 40) | 0x0600_0000_0000L;
    MacAddress.set(frame, MacAddress.LENGTH, mac);
    if (new EthernetFrame().wrap(frame, 0, frame.readableBytes()).type()
        == EthernetFrame.TYPE_ARP) {
      var arp = new ArpPacket().wrap(frame, IP, ArpPacket.LENGTH);
      arp.compose(arp.operation(), mac, arp.senderIp(), 0, arp.targetIp());
    }
    return frame;
  }

  private boolean answersNewcomer() {
    send(echo(NEWCOMER, GATEWAY_IP, 64));
    return received(NEWCOMER) == 1;
  }

  /** A device that is one guest: nobody waits for another. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void aDeviceThatIsOneGuestHasAllTheTime(String kind, long cost, IntFunction<ByteBuf> packets) {
    owners = guest -> -1;
    for (int i = 0; i < 2_000; i++) {
      send(madeUp(packets.apply(i)));
    }
    assertThat(stack.counters().dropCount(Drop.OVER_SHARE)).isZero();
  }

  /**
   * STP, LLDP, IGMP, IPv6 router discovery: what a switch or a bridge on the way says for itself.
   */
  @ParameterizedTest
  @CsvSource({
    "0x0180c2000000, 0x0027",
    "0x0180c200000e, 0x88cc",
    "0x01005e00006a, 0x0800",
    "0x33330000006a, 0x86dd"
  })
  void aSwitchIsNoGuest(long group, int type) {
    var asked = new ArrayList<Long>();
    owners =
        guest -> {
          asked.add(guest);
          return guest;
        };
    send(GuestFrames.frame(FLOODER, group, type, 60));
    assertThat(asked).isEmpty();
    send(echo(GUEST, GATEWAY_IP, 64));
    assertThat(asked).isNotEmpty().containsOnly(GUEST);
  }

  /** A guest keeps its address, however many others are claimed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void forgedClaimsLeaveAGuestItsAddress(boolean isMadeUp) {
    bothAreKnown();
    send(claim(GUEST, GUEST_IP));
    for (int i = 0; i < 100_000; i++) {
      var claim = claim(FLOODER, GUEST_IP + 1 + i);
      send(isMadeUp ? madeUp(claim) : claim);
      now += EACH_NANOS;
    }
    received(FLOODER);
    send(request(GUEST, GUEST_IP, FAR_IP));
    assertThat(received(GUEST)).isEqualTo(1);
    now += FLOOD_NANOS;
    send(request(FLOODER, FAR_IP - 1, GUEST_IP));
    assertThat(received(FLOODER)).as("answered for the guest").isZero();
    now += FLOOD_NANOS;
    send(request(FLOODER, FAR_IP - 1, FAR_IP));
    assertThat(received(FLOODER)).isEqualTo(1);
  }

  private static ByteBuf claim(long guest, int address) {
    return request(guest, address, address);
  }

  /** Segments that a connection has had, which it answers each time. */
  @Test
  void whatAConnectionRepeatsIsBounded() {
    bothAreKnown();
    int ours = open(FLOODER);
    send(tcp(FLOODER, 5000, TcpSegment.ACK, 1001, ours, 1000));
    long dropped = flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1, ours, 1));
    assertThat((FLOOD - dropped) * WorkCost.REPEATED_SEGMENT).isLessThan(SEGMENTS_NANOS);
  }

  /** Each carries the connection forward, by the least there is. */
  @Test
  void segmentsOfOneByteAreBounded() {
    bothAreKnown();
    int ours = open(FLOODER);
    // As a guest that hears nothing of what was dropped: what comes next is what is awaited.
    long dropped =
        flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001 + answerer.received, ours, 1));
    assertThat((FLOOD - dropped) * WorkCost.segment(1)).isLessThan(SEGMENTS_NANOS);
    assertThat((long) answerer.received).isEqualTo(FLOOD - dropped);
  }

  @Test
  void acknowledgmentsOfOneByteAreBounded() {
    bothAreKnown();
    int ours = open(FLOODER);
    var connection = answerer.last();
    connection.send(Unpooled.wrappedBuffer(new byte[StackConfig.MAX_SHARE]));
    long dropped =
        flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001, ours + answerer.acknowledged + 1, 0));
    assertThat((long) answerer.acknowledged).isEqualTo(FLOOD - dropped);
    assertThat((FLOOD - dropped) * WorkCost.segment(1)).isLessThan(SEGMENTS_NANOS);
  }

  /** Opens a connection whose guest takes segments of such a size, and gives it much to send. */
  private void download(int mss) {
    var options = new TcpOptions().mss(mss).sackPermitted(true);
    send(GuestFrames.tcp(FLOODER, GUEST_IP, FAR_IP, 5000, TcpSegment.SYN, 1000, 0, options));
    sentTo = synAckNumber() + 1;
    send(tcp(FLOODER, 5000, TcpSegment.ACK, 1001, sentTo, 0));
    answerer.refills = true;
    answerer.last().send(Unpooled.wrappedBuffer(new byte[StackConfig.MAX_SHARE]));
  }

  /** Until all that the guest has room for is under way. */
  private void fillWindow() {
    for (int i = 0; i < 20; i++) {
      send(acknowledgmentOfAll());
      now += EACH_NANOS;
    }
    received(FLOODER);
    assertThat(sentTo - acknowledged).isGreaterThan(60_000);
    segments = 0;
  }

  private ByteBuf acknowledgmentOfAll() {
    received(FLOODER);
    acknowledged = sentTo;
    return tcp(FLOODER, 5000, TcpSegment.ACK, 1001, sentTo, 0);
  }

  /** An acknowledgment of many small segments pays for each of them. */
  @ParameterizedTest
  @ValueSource(ints = {64, 88, 256, 400})
  void smallSegmentsToAGuestAreBounded(int mss) {
    bothAreKnown();
    download(mss);
    long dropped = flood(SHORT_FLOOD, i -> acknowledgmentOfAll());
    assertThat(dropped).isPositive();
    long overhead = (long) segments * TcpConnection.PACKET_BYTES - segmentBytes;
    assertThat(WorkCost.sent(overhead)).isBetween(SHORT_NANOS / 2, SHORT_NANOS);
  }

  /** In segments of 536 bytes and more as fast as it acknowledges them. */
  @ParameterizedTest
  @ValueSource(ints = {536, 1220, 1460})
  void bulkToAGuestIsNotPoliced(int mss) {
    bothAreKnown();
    download(mss);
    assertThat(flood(100, i -> acknowledgmentOfAll())).isZero();
    assertThat(segmentBytes).isGreaterThan(80 * 60_000L);
  }

  /** A guest that reports one byte more each time, so that all before it was lost once more. */
  @Test
  void whatReportsOfArrivalsMakeUsSendAgainIsBounded() {
    bothAreKnown();
    download(1460);
    fillWindow();
    flood(
        SHORT_FLOOD,
        i -> {
          received(FLOODER);
          var options = new TcpOptions().addSack(acknowledged + 60_000 - i, sentTo);
          return GuestFrames.tcp(
              FLOODER, GUEST_IP, FAR_IP, 5000, TcpSegment.ACK, 1001, acknowledged, options);
        });
    // All but what was reported first, and once.
    assertThat(segments).isBetween(20, 60);
  }

  /** Each names a size smaller by one byte, so that all that is under way goes out again. */
  @Test
  void whatReportsOfASmallPathMakeUsSendAgainIsBounded() {
    bothAreKnown();
    download(1460);
    fillWindow();
    flood(SHORT_FLOOD, i -> tooBig(acknowledged, 1499 - i));
    assertThat(segments).isGreaterThan(40);
    assertThat(segments * WorkCost.SENT_PACKET).isLessThan(SHORT_NANOS);
  }

  /** An ICMP error of the flooder's about a segment of the download. */
  private static ByteBuf tooBig(int sequence, int mtu) {
    int quoted = Ipv4Packet.HEADER_LENGTH + TcpSegment.MIN_HEADER_LENGTH;
    int length = Icmpv4Message.HEADER_LENGTH + quoted;
    var frame = ipv4(FLOODER, FAR_IP, Ipv4Packet.PROTOCOL_ICMP, length);
    int at = TRANSPORT + Icmpv4Message.HEADER_LENGTH;
    new Ipv4Packet()
        .wrap(frame, at, quoted)
        .compose(FAR_IP, GUEST_IP, TcpSegment.PROTOCOL, 1, true, TcpSegment.MIN_HEADER_LENGTH);
    new TcpSegment()
        .compose(
            frame,
            at + Ipv4Packet.HEADER_LENGTH,
            80,
            5000,
            new TcpHeader().sequence(sequence).flags(TcpSegment.ACK).window(65_535));
    new Icmpv4Message()
        .wrap(frame, TRANSPORT, length)
        .compose(Icmpv4Message.UNREACHABLE, Icmpv4Message.FRAGMENTATION_NEEDED, mtu);
    return frame;
  }

  /** Small segments cost in proportion; an MSS of 536 is what a guest may have. */
  @ParameterizedTest
  @ValueSource(ints = {1, 100, 536, 1_000})
  void whatASegmentCarriesCounts(int bytes) {
    bothAreKnown();
    int ours = open(FLOODER);
    long dropped =
        flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001 + answerer.received, ours, bytes));
    long taken = (FLOOD - dropped) * WorkCost.segment(bytes);
    assertThat(taken).isBetween(Math.min(SEGMENTS_NANOS * 9 / 10, taken), SEGMENTS_NANOS);
    assertThat(WorkCost.segment(bytes) * FLOOD > SEGMENTS_NANOS).isEqualTo(dropped > 0);
  }

  /** The end of a handshake, a FIN, a reset: as many as requests, which are bounded. */
  @Test
  void whatAConnectionHasOnceIsNotPoliced() {
    bothAreKnown();
    int ours = open(FLOODER);
    for (int i = 0; i < 10_000; i++) {
      send(tcp(FLOODER, 5000, TcpSegment.ACK, 1, ours, 1));
    }
    long dropped = stack.counters().dropCount(Drop.OVER_SHARE);
    assertThat(dropped).isPositive();
    int other = open(FLOODER, 6000);
    send(tcp(FLOODER, 6000, TcpSegment.RST, 1001, other, 0));
    assertThat(stack.connections()).isEqualTo(1);
    send(tcp(FLOODER, 5000, TcpSegment.ACK | TcpSegment.FIN, 1001, ours, 0));
    assertThat(answerer.last().state()).isEqualTo(TcpState.CLOSED);
    assertThat(answerer.ended).isOne();
    assertThat(stack.counters().dropCount(Drop.OVER_SHARE)).isEqualTo(dropped);
  }

  /** 20 guests who type, play and browse at once, each at once what a page's connections need. */
  @Test
  void smallSegmentsOfHonestGuestsAreNotPoliced() {
    var guests = new long[20];
    for (int i = 0; i < guests.length; i++) {
      guests[i] = 0x0200_0000_0100L + i;
    }
    for (int round = 0; round < 20; round++) {
      for (long guest : guests) {
        send(echo(guest, GATEWAY_IP, 64));
        received(guest);
      }
      now += Greylist.PROBATION_NANOS;
    }
    var ours = new int[guests.length];
    for (int i = 0; i < guests.length; i++) {
      ours[i] = open(guests[i]);
    }
    long dropped = stack.counters().dropCount(Drop.OVER_SHARE);
    var sent = new int[guests.length];
    for (int milli = 0; milli < 1_000; milli++) {
      for (int i = 0; i < guests.length; i++) {
        int segments = milli % 500 == 0 ? 80 : 1;
        for (int k = 0; k < segments; k++) {
          send(tcp(guests[i], 5000, TcpSegment.ACK, 1001 + sent[i], ours[i], 40));
          sent[i] += 40;
        }
        received(guests[i]);
      }
      now += TimeUnit.MILLISECONDS.toNanos(1);
    }
    assertThat(stack.counters().dropCount(Drop.OVER_SHARE)).isEqualTo(dropped);
  }

  /** Segments next in order that acknowledge what was never sent: they claim, and fail. */
  @Test
  void whatOnlyClaimsToCarryAConnectionForwardIsBounded() {
    bothAreKnown();
    int ours = open(FLOODER);
    long dropped = flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001, ours + 1_000_000, 1));
    assertThat((FLOOD - dropped) * WorkCost.REPEATED_SEGMENT).isLessThan(SEGMENTS_NANOS);
  }

  /** A hole is filled, however much out of order came before. */
  @Test
  void whatFillsAHolePasses() {
    bothAreKnown();
    int ours = open(FLOODER);
    int hole = WorkCost.FULL_ADVANCE;
    long dropped = flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001 + hole + i % 1000, ours, 1));
    assertThat(dropped).isPositive();
    send(tcp(FLOODER, 5000, TcpSegment.ACK, 1001, ours, hole));
    assertThat(answerer.received).isGreaterThan(hole + 100);
  }

  /** What carries a connection forward is not policed, as fast as it comes. */
  @Test
  void bulkOfAConnectionIsNotPoliced() {
    bothAreKnown();
    int ours = open(FLOODER);
    long dropped = flood(i -> tcp(FLOODER, 5000, TcpSegment.ACK, 1001 + 1000 * i, ours, 1000));
    assertThat(dropped).isZero();
    assertThat(answerer.received).isEqualTo(1000 * FLOOD);
  }

  /** Its repetitions are heard, however little may be answered. Its silence is, too. */
  @Test
  void aRequestIsHeldWhileItsGuestRepeatsIt() {
    bothAreKnown();
    int ours = open(FLOODER);
    answerer.holds = true;
    long begun = now;
    send(tcp(FLOODER, 6000, TcpSegment.SYN, 1, 0, 0));
    for (int second : new int[] {1, 3, 7, 15}) {
      now = begun + TimeUnit.SECONDS.toNanos(second);
      ping();
      long dropped = stack.counters().dropCount(Drop.OVER_SHARE);
      for (int i = 0; i < 10_000; i++) {
        send(tcp(FLOODER, 5000, TcpSegment.ACK, 1, ours, 1));
      }
      assertThat(stack.counters().dropCount(Drop.OVER_SHARE)).isGreaterThan(dropped);
      send(tcp(FLOODER, 6000, TcpSegment.SYN, 1, 0, 0));
      stack.onDeadline();
      assertThat(stack.connections()).as("after %d s", second).isEqualTo(2);
    }
    now = begun + TimeUnit.SECONDS.toNanos(15 + 10 + 3 * 15) - 1;
    stack.onDeadline();
    assertThat(stack.connections()).isEqualTo(2);
    now += TimeUnit.SECONDS.toNanos(1);
    stack.onDeadline();
    assertThat(stack.connections()).isEqualTo(1);
    assertThat(stack.counters().dropCount(Drop.TCP_GIVEN_UP)).isOne();
  }

  private int open(long guest) {
    return open(guest, 5000);
  }

  private int open(long guest, int port) {
    send(tcp(guest, port, TcpSegment.SYN, 1000, 0, 0));
    int sequence = synAckNumber();
    send(tcp(guest, port, TcpSegment.ACK, 1001, sequence + 1, 0));
    return sequence + 1;
  }

  private int synAckNumber() {
    int sequence = 0;
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      var segment = new TcpSegment().wrap(frame, TRANSPORT, frame.readableBytes() - TRANSPORT);
      sequence = segment.sequence();
      frame.release();
    }
    return sequence;
  }
}
