/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.ip.FourTuple;
import org.torvtl.link.Link;
import org.torvtl.link.MemoryLink;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.CloseReason;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.Defect;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/** The stack over a cable in memory: we send frames, we look at what comes back. */
class StackTest {
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;

  private static final long GUEST = 0x0200_0000_0002L, OTHER_GUEST = 0x0200_0000_0003L;
  private static final long GATEWAY = StackConfig.DEFAULT_MAC;
  private static final int GUEST_IP = Ipv4Address.parse("203.0.113.9");
  private static final int GATEWAY_IP = StackConfig.DEFAULT_ADDRESS;
  private static final int ROUTER_IP = Ipv4Address.parse("203.0.113.1");
  private static final int HOST_IP = Ipv4Address.parse("203.0.113.254");
  private static final int FAR_IP = Ipv4Address.parse("198.51.100.7");

  private final MemoryLink[] cable = MemoryLink.pair(Link.Medium.ETHERNET, 1500);
  private final Recorder recorder = new Recorder();
  private long now;
  private final Stack stack =
      new Stack(
          cable[0],
          StackConfig.of(GATEWAY_IP).withHostAddresses(address -> address == HOST_IP),
          recorder,
          () -> now,
          deadline -> {},
          new byte[16],
          Unpoliced.policer());

  StackTest() {
    cable[0].start(stack);
  }

  @AfterEach
  void close() {
    stack.close();
    cable[0].close();
    cable[1].close();
  }

  private static final class Recorder extends TakingHandler {
    final List<GuestConnection> connections = new ArrayList<>();
    final List<FourTuple> datagrams = new ArrayList<>();
    final List<CloseReason> closed = new ArrayList<>();

    @Override
    void requested(GuestConnection pending) {
      connections.add(pending);
    }

    @Override
    void closed(GuestConnection connection, CloseReason reason) {
      closed.add(reason);
    }
  }

  // What we send.

  private void send(ByteBuf frame) {
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
    cable[0].deliver();
  }

  private void sendArp(long guest, int operation, int senderIp, int targetIp) {
    var frame =
        GuestFrames.frame(guest, MacAddress.BROADCAST, EthernetFrame.TYPE_ARP, ArpPacket.LENGTH);
    new ArpPacket()
        .wrap(frame, IP, ArpPacket.LENGTH)
        .compose(operation, guest, senderIp, 0, targetIp);
    send(frame);
  }

  private static ByteBuf ipv4(int source, int destination, int protocol, byte[] payload) {
    int length = Ipv4Packet.HEADER_LENGTH + payload.length;
    var frame = GuestFrames.frame(GUEST, GATEWAY, EthernetFrame.TYPE_IPV4, length);
    new Ipv4Packet()
        .wrap(frame, IP, length)
        .compose(source, destination, protocol, 1, true, payload.length);
    frame.setBytes(TRANSPORT, payload);
    return frame;
  }

  private static byte[] echoRequest(byte[] data) {
    var buf = Unpooled.buffer().writeZero(8).writeBytes(data);
    new Icmpv4Message()
        .wrap(buf, 0, buf.readableBytes())
        .compose(Icmpv4Message.ECHO_REQUEST, 0, 0x0007_0001);
    return ByteBufUtil.getBytes(buf);
  }

  private static byte[] udp(int destination, int port, String text) {
    var data = text.getBytes(StandardCharsets.US_ASCII);
    var buf = Unpooled.buffer().writeZero(8).writeBytes(data);
    new UdpDatagram()
        .wrap(buf, 0, buf.readableBytes())
        .compose(GUEST_IP, destination, 4000, port, data.length);
    return ByteBufUtil.getBytes(buf);
  }

  private static ByteBuf tcp(int flags, int sequence, int acknowledgment) {
    return tcp(flags, sequence, acknowledgment, new TcpOptions());
  }

  private static ByteBuf tcp(int flags, int sequence, int acknowledgment, TcpOptions options) {
    var buf = Unpooled.buffer(60).writeZero(60);
    var segment = new TcpSegment();
    int length =
        segment.compose(
            buf,
            0,
            40_000,
            80,
            new TcpHeader(options)
                .sequence(sequence)
                .acknowledgment(acknowledgment)
                .flags(flags)
                .window(65_535));
    segment.updateChecksum(
        org.torvtl.wire.InternetChecksum.pseudoHeaderSum(
            GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_TCP, length));
    return ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_TCP, ByteBufUtil.getBytes(buf, 0, length));
  }

  // What comes back.

  private ByteBuf receive() {
    @Nullable ByteBuf frame = cable[1].poll();
    assertThat(frame).isNotNull();
    var copy = Unpooled.copiedBuffer(frame);
    frame.release();
    return copy;
  }

  private Ipv4Packet receiveIpv4(int protocol) {
    var frame = receive();
    var ethernet = new EthernetFrame().wrap(frame, 0, frame.readableBytes());
    assertThat(ethernet.destination()).isEqualTo(GUEST);
    assertThat(ethernet.source()).isEqualTo(GATEWAY);
    var packet = new Ipv4Packet().wrap(frame, IP, frame.readableBytes() - IP);
    assertThat(packet.defect()).isNull();
    assertThat(packet.protocol()).isEqualTo(protocol);
    assertThat(packet.destination()).isEqualTo(GUEST_IP);
    lastFrame = frame;
    return packet;
  }

  private ByteBuf lastFrame = Unpooled.EMPTY_BUFFER;

  private void expectUnreachable(int code, int about) {
    var packet = receiveIpv4(Ipv4Packet.PROTOCOL_ICMP);
    assertThat(packet.source()).as("in the name of the destination").isEqualTo(about);
    var message =
        new Icmpv4Message().wrap(lastFrame, packet.payloadOffset(), packet.payloadLength());
    assertThat(message.defect()).isNull();
    assertThat(message.type()).isEqualTo(Icmpv4Message.UNREACHABLE);
    assertThat(message.code()).isEqualTo(code);
    var quoted = new Ipv4Packet().wrap(lastFrame, message.payloadOffset(), message.payloadLength());
    assertThat(quoted.source()).isEqualTo(GUEST_IP);
    assertThat(quoted.destination()).isEqualTo(about);
  }

  private TcpSegment receiveTcp() {
    var packet = receiveIpv4(Ipv4Packet.PROTOCOL_TCP);
    var segment = new TcpSegment().wrap(lastFrame, packet.payloadOffset(), packet.payloadLength());
    assertThat(segment.defect(packet.pseudoHeaderSum())).isNull();
    return segment;
  }

  private void expectNothing() {
    assertThat(cable[1].poll()).isNull();
  }

  // ARP.

  /** The host's kernel answers for it; two answers would be a duplicate address. */
  @Test
  void leavesTheHostsAddressesToTheHost() {
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, HOST_IP);
    expectNothing();
    assertThat(stack.counters().dropCount(StackCounters.Drop.HOST_ADDRESS)).isOne();
  }

  private void queueData(int acknowledgment, int sequence, int length) {
    var buf = Unpooled.buffer(20 + length).writeZero(20 + length);
    var segment = new TcpSegment();
    segment.compose(
        buf,
        0,
        40_000,
        80,
        new TcpHeader()
            .sequence(sequence)
            .acknowledgment(acknowledgment)
            .flags(TcpSegment.ACK)
            .window(65_535));
    segment.wrap(buf, 0, 20 + length);
    segment.updateChecksum(
        org.torvtl.wire.InternetChecksum.pseudoHeaderSum(
            GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_TCP, 20 + length));
    var frame =
        ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_TCP, ByteBufUtil.getBytes(buf, 0, 20 + length));
    cable[1].send(frame, Unpooled.EMPTY_BUFFER);
    frame.release();
  }

  /** Opens a connection whose guest's next sequence number is 1001; tells what to acknowledge. */
  private int open() {
    send(tcp(TcpSegment.SYN, 1000, 0));
    recorder.connections.getFirst().accept();
    int acknowledgment = receiveTcp().sequence() + 1;
    send(tcp(TcpSegment.ACK, 1001, acknowledgment));
    expectNothing();
    return acknowledgment;
  }

  @Test
  void answersABatchOnce() {
    int acknowledgment = open();
    for (int i = 0; i < 6; i++) {
      queueData(acknowledgment, 1001 + i * 1460, 1460);
    }
    assertThat(cable[0].deliver()).isEqualTo(6);
    var answer = receiveTcp();
    assertThat(answer.flags()).isEqualTo(TcpSegment.ACK);
    assertThat(answer.acknowledgment()).isEqualTo(1001 + 6 * 1460);
    expectNothing();
  }

  /** A guest counts those that say the same, to find out what was lost: none may be missing. */
  @Test
  void answersEachSegmentOutOfOrderWithinABatch() {
    int acknowledgment = open();
    for (int i = 1; i <= 4; i++) {
      queueData(acknowledgment, 1001 + i * 1460, 1460);
    }
    cable[0].deliver();
    for (int i = 1; i <= 4; i++) {
      assertThat(receiveTcp().acknowledgment()).isEqualTo(1001);
    }
    expectNothing();
  }

  /** Within one kernel, segments and datagrams come without their checksums. */
  @Test
  void takesAFrameWithoutAChecksumOnlyFromALinkThatVouchesForIt() {
    stack.udpServices().add(53, (flow, payload) -> recorder.datagrams.add(flow));
    var datagram = ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_UDP, udp(FAR_IP, 53, "query"));
    var segment = tcp(TcpSegment.SYN, 1000, 0);
    for (var frame : List.of(datagram, segment)) {
      // Any byte of the source port: the checksum is wrong from then on.
      frame.setByte(TRANSPORT, frame.getByte(TRANSPORT) + 1);
      stack.frame(frame);
    }
    assertThat(recorder.datagrams).isEmpty();
    assertThat(recorder.connections).isEmpty();
    stack.trustedFrame(datagram);
    stack.trustedFrame(segment);
    assertThat(recorder.datagrams).hasSize(1);
    assertThat(recorder.connections).hasSize(1);
    // The trust was for those frames only.
    stack.frame(segment);
    assertThat(recorder.connections).hasSize(1);
    assertThat(stack.counters().nonZero())
        .containsEntry("tcp.bad_checksum", 2L)
        .containsEntry("udp.bad_checksum", 1L);
    datagram.release();
    segment.release();
  }

  @Test
  void answersArpForAnyAddress() {
    for (int address : new int[] {GATEWAY_IP, FAR_IP, Ipv4Address.parse("192.168.7.7")}) {
      sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, address);
      var frame = receive();
      assertThat(new EthernetFrame().wrap(frame, 0, frame.readableBytes()).destination())
          .isEqualTo(GUEST);
      var arp = new ArpPacket().wrap(frame, IP, ArpPacket.LENGTH);
      assertThat(arp.operation()).isEqualTo(ArpPacket.REPLY);
      assertThat(arp.senderMac()).isEqualTo(GATEWAY);
      assertThat(arp.senderIp()).isEqualTo(address);
      assertThat(arp.targetIp()).isEqualTo(GUEST_IP);
    }
  }

  @Test
  void neverClaimsAnAddressAGuestProbesOrAnnounces() {
    sendArp(GUEST, ArpPacket.REQUEST, Ipv4Address.UNSPECIFIED, GUEST_IP);
    expectNothing();
    sendArp(GUEST, ArpPacket.REQUEST, Ipv4Address.UNSPECIFIED, GATEWAY_IP);
    expectNothing();
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, GUEST_IP);
    expectNothing();
  }

  @Test
  void leavesAnotherGuestsAddressToThatGuestUntilItIsNotHeardOfAnyMore() {
    sendArp(OTHER_GUEST, ArpPacket.REQUEST, FAR_IP, FAR_IP);
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, FAR_IP);
    expectNothing();
    now += NeighborCache.LIFETIME_NANOS;
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, FAR_IP);
    receive();
  }

  @Test
  void theGatewaysOwnAddressIsNobodyElses() {
    sendArp(OTHER_GUEST, ArpPacket.REQUEST, GATEWAY_IP, GATEWAY_IP);
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, GATEWAY_IP);
    receive();
  }

  @Test
  void aGuestThatHasAnotherAddressNowMayUseItsOldOneAsGateway() {
    sendArp(GUEST, ArpPacket.REQUEST, FAR_IP, FAR_IP);
    sendArp(GUEST, ArpPacket.REQUEST, GUEST_IP, FAR_IP);
    receive();
  }

  // ICMP.

  @Test
  void answersPingOfItsOwnAddress() {
    var request = echoRequest("are you there?".getBytes(StandardCharsets.US_ASCII));
    send(ipv4(GUEST_IP, GATEWAY_IP, Ipv4Packet.PROTOCOL_ICMP, request));
    var packet = receiveIpv4(Ipv4Packet.PROTOCOL_ICMP);
    assertThat(packet.source()).isEqualTo(GATEWAY_IP);
    var reply = new Icmpv4Message().wrap(lastFrame, packet.payloadOffset(), packet.payloadLength());
    assertThat(reply.defect()).isNull();
    assertThat(reply.type()).isEqualTo(Icmpv4Message.ECHO_REPLY);
    assertThat(reply.rest()).isEqualTo(0x0007_0001);
    assertThat(
            lastFrame.toString(
                reply.payloadOffset(), reply.payloadLength(), StandardCharsets.US_ASCII))
        .isEqualTo("are you there?");
  }

  @Test
  void answersAPingThatComesAndGoesInFragments() {
    var data = new byte[4000];
    new Random(3).nextBytes(data);
    byte[] request = echoRequest(data);
    for (int from = 0; from < request.length; from += 1480) {
      int to = Math.min(request.length, from + 1480);
      var part = java.util.Arrays.copyOfRange(request, from, to);
      var frame = ipv4(GUEST_IP, GATEWAY_IP, Ipv4Packet.PROTOCOL_ICMP, part);
      new Ipv4Packet()
          .wrap(frame, IP, frame.readableBytes() - IP)
          .composeFragment(from, to < request.length, part.length);
      send(frame);
    }
    var whole = Unpooled.buffer(request.length).writeZero(request.length);
    int fragments = 0;
    for (int seen = 0; seen < request.length; fragments++) {
      var packet = receiveIpv4(Ipv4Packet.PROTOCOL_ICMP);
      assertThat(packet.totalLength()).isLessThanOrEqualTo(1500);
      whole.setBytes(
          packet.fragmentOffset(), lastFrame, packet.payloadOffset(), packet.payloadLength());
      seen += packet.payloadLength();
    }
    assertThat(fragments).isEqualTo(3);
    assertThat(new Icmpv4Message().wrap(whole, 0, request.length).defect()).isNull();
    assertThat(ByteBufUtil.getBytes(whole, 8, data.length)).isEqualTo(data);
  }

  @Test
  void refusesToCarryPing() {
    send(ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_ICMP, echoRequest(new byte[8])));
    expectUnreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED, FAR_IP);
  }

  @Test
  void sendsABoundedNumberOfErrors() {
    for (int i = 0; i < 5000; i++) {
      send(ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_ICMP, echoRequest(new byte[8])));
    }
    int errors = 0;
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      frame.release();
      errors++;
    }
    assertThat(errors).isEqualTo(100);
    assertThat(stack.counters().dropCount(Drop.ICMP_RATE)).isEqualTo(4900);
  }

  @Test
  void sendsNoErrorAboutAnError() {
    var error = Unpooled.buffer().writeZero(40);
    new Icmpv4Message().wrap(error, 0, 40).compose(Icmpv4Message.UNREACHABLE, 1, 0);
    send(ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_ICMP, ByteBufUtil.getBytes(error)));
    expectNothing();
    assertThat(stack.counters().dropCount(Drop.ICMP_IGNORED)).isEqualTo(1);
  }

  // The MTU of a network behind the guest.

  /** A guest that takes full segments has got two of them: what it is told of, and one more. */
  private ByteBuf sendTwoFullSegments() {
    send(tcp(TcpSegment.SYN, 1000, 0, new TcpOptions().mss(1460)));
    var connection = recorder.connections.getFirst();
    connection.accept();
    send(tcp(TcpSegment.ACK, 1001, receiveTcp().sequence() + 1));
    connection.send(Unpooled.buffer(2920).writeZero(2920));
    assertThat(receiveTcp().payloadLength()).isEqualTo(1460);
    var first = lastFrame;
    assertThat(receiveTcp().payloadLength()).isEqualTo(1460);
    expectNothing();
    return first;
  }

  /**
   * A router says that the packet in {@code frame} is too large.
   *
   * @param quoted bytes of the packet that it quotes
   */
  private static ByteBuf tooBig(ByteBuf frame, int quoted, int mtu) {
    var message = Unpooled.buffer().writeZero(8).writeBytes(frame, IP, quoted);
    new Icmpv4Message()
        .wrap(message, 0, message.readableBytes())
        .compose(Icmpv4Message.UNREACHABLE, Icmpv4Message.FRAGMENTATION_NEEDED, mtu);
    return ipv4(ROUTER_IP, FAR_IP, Ipv4Packet.PROTOCOL_ICMP, ByteBufUtil.getBytes(message));
  }

  private void expectPayloads(int... lengths) {
    for (int length : lengths) {
      assertThat(receiveTcp().payloadLength()).isEqualTo(length);
    }
    expectNothing();
  }

  @ParameterizedTest
  @ValueSource(ints = {28, 548})
  void sendsSmallerPacketsWhereARouterBehindTheGuestAsks(int quoted) {
    send(tooBig(sendTwoFullSegments(), quoted, 1280));
    expectPayloads(1240, 1240, 440);
    assertThat(stack.tcpCounters().packetsTooLarge()).isOne();
    assertThat(stack.counters().nonZero()).isEmpty();
  }

  /** Routers from before RFC 1191 say no MTU. */
  @Test
  void takesAnMtuThatIsNotNamedForTheLeastOneInUse() {
    send(tooBig(sendTwoFullSegments(), 28, 0));
    expectPayloads(536, 536, 536, 536, 536, 240);
  }

  @Test
  void anMtuThatNoNetworkHasIsRefused() {
    send(tooBig(sendTwoFullSegments(), 28, 67));
    expectNothing();
    assertThat(stack.counters().nonZero()).isEqualTo(Map.of("drop.icmp_mtu", 1L));
  }

  @Test
  void whatIsNoNewsOrNotUnderWayIsNotBelieved() {
    var segment = sendTwoFullSegments();
    send(tooBig(segment, 28, 1500));
    int sequence = TRANSPORT + 4;
    segment.setInt(sequence, segment.getInt(sequence) + 2920);
    send(tooBig(segment, 28, 1280));
    expectNothing();
    assertThat(stack.counters().nonZero()).isEqualTo(Map.of("drop.icmp_not_believed", 2L));
  }

  /** One guest must not be able to slow the connections of another. */
  @Test
  void onlyTheGuestOfAConnectionIsHeardAboutIt() {
    var segment = sendTwoFullSegments();
    var other = tooBig(segment, 28, 1280);
    MacAddress.set(other, 6, OTHER_GUEST);
    send(other);
    segment.setShort(TRANSPORT + 2, 40_001);
    send(tooBig(segment, 28, 1280));
    expectNothing();
    assertThat(stack.counters().nonZero()).isEqualTo(Map.of("drop.icmp_no_connection", 2L));
  }

  @Test
  void aQuoteThatTellsNothingIsCounted() {
    var segment = sendTwoFullSegments();
    send(tooBig(segment, 19, 1280));
    send(tooBig(segment, 27, 1280));
    send(tooBig(segment.copy().setByte(IP, 0x65), 28, 1280));
    send(tooBig(segment.copy().setByte(IP, 0x44), 28, 1280));
    send(tooBig(segment.copy().setByte(IP, 0x46), 28, 1280));
    send(tooBig(segment.copy().setInt(IP + 12, FAR_IP + 1), 28, 1280));
    send(tooBig(segment.copy().setByte(IP + 9, Ipv4Packet.PROTOCOL_UDP), 28, 1280));
    send(tooBig(segment.copy().setByte(IP + 7, 1), 28, 1280));
    expectNothing();
    assertThat(stack.counters().nonZero())
        .isEqualTo(
            Map.of(
                "icmp.truncated", 3L,
                "icmp.bad_version", 1L,
                "icmp.bad_length", 1L,
                "icmp.bad_address", 1L,
                "drop.icmp_ignored", 2L));
  }

  @Test
  void refusesOtherProtocols() {
    send(ipv4(GUEST_IP, FAR_IP, 132, new byte[12]));
    expectUnreachable(Icmpv4Message.PROTOCOL_UNREACHABLE, FAR_IP);
  }

  // UDP.

  @Test
  void refusesDatagramsNobodyTakes() {
    send(ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_UDP, udp(FAR_IP, 443, "hello")));
    expectUnreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED, FAR_IP);
    send(ipv4(GUEST_IP, GATEWAY_IP, Ipv4Packet.PROTOCOL_UDP, udp(GATEWAY_IP, 9, "hello")));
    expectUnreachable(Icmpv4Message.PORT_UNREACHABLE, GATEWAY_IP);
  }

  @Test
  void handsDatagramsOnAndBringsAnswersBack() {
    stack.udpServices().add(53, (flow, payload) -> recorder.datagrams.add(flow));
    send(ipv4(GUEST_IP, FAR_IP, Ipv4Packet.PROTOCOL_UDP, udp(FAR_IP, 53, "query")));
    expectNothing();
    var flow = FourTuple.of(GUEST, GUEST_IP, 4000, FAR_IP, 53);
    assertThat(recorder.datagrams).containsExactly(flow);
    stack.sendDatagram(flow, Unpooled.copiedBuffer("answer", StandardCharsets.US_ASCII));
    var packet = receiveIpv4(Ipv4Packet.PROTOCOL_UDP);
    assertThat(packet.source()).isEqualTo(FAR_IP);
    var datagram =
        new UdpDatagram().wrap(lastFrame, packet.payloadOffset(), packet.payloadLength());
    assertThat(datagram.defect(FAR_IP, GUEST_IP)).isNull();
    assertThat(datagram.sourcePort()).isEqualTo(53);
    assertThat(datagram.destinationPort()).isEqualTo(4000);
  }

  // TCP.

  @Test
  void answersASynOnlyWhenItIsAccepted() {
    send(tcp(TcpSegment.SYN, 100, 0));
    expectNothing();
    assertThat(recorder.connections).hasSize(1);
    var connection = recorder.connections.getFirst();
    assertThat(connection.guest()).isEqualTo(GUEST);
    assertThat(connection.tuple().address()).isEqualTo(FAR_IP);
    assertThat(connection.tuple().port()).isEqualTo(80);
    connection.accept();
    var answer = receiveTcp();
    assertThat(answer.flags()).isEqualTo(TcpSegment.SYN | TcpSegment.ACK);
    assertThat(answer.acknowledgment()).isEqualTo(101);
    assertThat(answer.options().mss()).isEqualTo(1460);
  }

  @Test
  void aGuestThatVanishesWhileIdleIsNoticed() {
    send(tcp(TcpSegment.SYN, 100, 0));
    recorder.connections.getFirst().accept();
    int next = receiveTcp().sequence() + 1;
    send(tcp(TcpSegment.ACK, 101, next));
    now += TimeUnit.MINUTES.toNanos(5);
    stack.onDeadline();
    assertThat(receiveTcp().sequence()).as("a question").isEqualTo(next - 1);
    send(tcp(TcpSegment.ACK, 101, next));
    now += TimeUnit.MINUTES.toNanos(4);
    stack.onDeadline();
    expectNothing();
    for (int second = 0; second < 240 && recorder.closed.isEmpty(); second++) {
      now += TimeUnit.SECONDS.toNanos(1);
      stack.onDeadline();
    }
    assertThat(recorder.closed).containsExactly(CloseReason.TIMED_OUT);
    assertThat(stack.connections()).isZero();
  }

  @Test
  void refusesWithAResetOrAnIcmpErrorAboutTheSyn() {
    send(tcp(TcpSegment.SYN, 100, 0));
    recorder.connections.getLast().refuse();
    assertThat(receiveTcp().flags()).isEqualTo(TcpSegment.RST | TcpSegment.ACK);
    send(tcp(TcpSegment.SYN, 200, 0));
    recorder.connections.getLast().unreachable(Icmpv4Message.HOST_UNREACHABLE);
    expectUnreachable(Icmpv4Message.HOST_UNREACHABLE, FAR_IP);
    var quoted = lastFrame.getInt(TRANSPORT + 8 + Ipv4Packet.HEADER_LENGTH + 4);
    assertThat(quoted).as("the sequence number of the SYN").isEqualTo(200);
    expectNothing();
    assertThat(recorder.closed).containsExactly(CloseReason.REFUSED, CloseReason.DROPPED);
    assertThat(stack.connections()).isZero();
  }

  /** Most stacks do not heed the error, and would ask the egress again and again. */
  @Test
  void aRequestThatIsRepeatedBehindAnErrorIsAnsweredByAReset() {
    send(tcp(TcpSegment.SYN, 100, 0));
    recorder.connections.getLast().unreachable(Icmpv4Message.HOST_UNREACHABLE);
    expectUnreachable(Icmpv4Message.HOST_UNREACHABLE, FAR_IP);
    now += TimeUnit.SECONDS.toNanos(3);
    send(tcp(TcpSegment.SYN, 100, 0));
    var reset = receiveTcp();
    assertThat(reset.flags()).isEqualTo(TcpSegment.RST | TcpSegment.ACK);
    assertThat(reset.acknowledgment()).isEqualTo(101);
    assertThat(recorder.connections).hasSize(1);
    // Another one from the same port, and the same one long after.
    send(tcp(TcpSegment.SYN, 200, 0));
    assertThat(recorder.connections).hasSize(2);
    recorder.connections.getLast().unreachable(Icmpv4Message.HOST_UNREACHABLE);
    now += UnreachableRequests.MEMORY_NANOS;
    send(tcp(TcpSegment.SYN, 200, 0));
    assertThat(recorder.connections).hasSize(3);
  }

  /** The time between two SYNs doubles. */
  @Test
  void theLongerAGuestHasAskedTheLongerItsErrorIsRemembered() {
    send(tcp(TcpSegment.SYN, 100, 0));
    for (int seconds : new int[] {1, 2, 4, 8}) {
      now += TimeUnit.SECONDS.toNanos(seconds);
      send(tcp(TcpSegment.SYN, 100, 0));
    }
    recorder.connections.getLast().unreachable(Icmpv4Message.HOST_UNREACHABLE);
    expectUnreachable(Icmpv4Message.HOST_UNREACHABLE, FAR_IP);
    now += TimeUnit.SECONDS.toNanos(16);
    send(tcp(TcpSegment.SYN, 100, 0));
    assertThat(receiveTcp().flags()).isEqualTo(TcpSegment.RST | TcpSegment.ACK);
    assertThat(recorder.connections).hasSize(1);
  }

  @Test
  void errorsOfOneGuestDoNotMakeThoseOfAnotherForgotten() {
    var requests = new UnreachableRequests();
    var key = new FourTuple(OTHER_GUEST, GUEST_IP, FAR_IP, 1);
    requests.answered(key, 100, 0, OTHER_GUEST, 0);
    for (int i = 0; i < 2 * UnreachableRequests.CAPACITY; i++) {
      requests.answered(new FourTuple(GUEST, GUEST_IP, FAR_IP, i), i, 0, GUEST, 0);
    }
    assertThat(requests.isRepeated(key, 100, 1)).isTrue();
    assertThat(requests.isRepeated(key, 101, 1)).isFalse();
  }

  /** A guest takes an error only if it is about the request it waits for an answer to. */
  @Test
  void anErrorIsAboutTheLatestSyn() {
    send(tcp(TcpSegment.SYN, 100, 0));
    send(tcp(TcpSegment.SYN, 5000, 0));
    assertThat(recorder.connections).hasSize(1);
    recorder.connections.getLast().unreachable(Icmpv4Message.HOST_UNREACHABLE);
    expectUnreachable(Icmpv4Message.HOST_UNREACHABLE, FAR_IP);
    assertThat(lastFrame.getInt(TRANSPORT + 8 + Ipv4Packet.HEADER_LENGTH + 4)).isEqualTo(5000);
  }

  /** A guest can choose what hashes alike; what does must still be found in a tree. */
  @Test
  void keysThatHashAlikeAreInOrder() {
    var keys = new ArrayList<FourTuple>();
    for (int i = 0; i < 100; i++) {
      keys.add(new FourTuple(GUEST, GUEST_IP, FAR_IP + i, -31 * i));
    }
    assertThat(keys).extracting(Object::hashCode).containsOnly(keys.getFirst().hashCode());
    keys.add(new FourTuple(GUEST, GUEST_IP, FAR_IP, 1));
    keys.add(new FourTuple(GUEST, GUEST_IP + 1, FAR_IP, 0));
    keys.add(new FourTuple(OTHER_GUEST, GUEST_IP, FAR_IP, 0));
    assertThat(new TreeSet<>(keys)).hasSize(keys.size()).containsAll(keys);
  }

  @Test
  void resetsASegmentOfNoConnection() {
    send(tcp(TcpSegment.ACK, 100, 777));
    var reset = receiveTcp();
    assertThat(reset.flags()).isEqualTo(TcpSegment.RST);
    assertThat(reset.sequence()).isEqualTo(777);
    send(tcp(TcpSegment.RST, 100, 0));
    expectNothing();
  }

  @Test
  void oneGuestsRequestsLeaveRoomForTheOthers() {
    for (int i = 0; i < StackConfig.DEFAULT_MAX_PENDING; i++) {
      var syn = tcp(TcpSegment.SYN, 1, 0);
      // Another source address each: the checksums stay right, for the destination makes up for it.
      syn.setInt(IP + 12, GUEST_IP + i);
      syn.setInt(IP + 16, FAR_IP - i);
      send(syn);
    }
    assertThat(recorder.connections).hasSize(StackConfig.DEFAULT_MAX_PENDING / 2);
    var other = tcp(TcpSegment.SYN, 1, 0);
    MacAddress.set(other, 6, OTHER_GUEST);
    send(other);
    assertThat(recorder.connections).hasSize(StackConfig.DEFAULT_MAX_PENDING / 2 + 1);
  }

  @Test
  void connectionsThatWaitAreBoundedAndFreeTheirPlace() {
    for (int i = 0; i < StackConfig.DEFAULT_MAX_PENDING + 10; i++) {
      var syn = tcp(TcpSegment.SYN, 1, 0);
      // Another guest for each: the MAC address is part of what tells connections apart.
      MacAddress.set(syn, 6, OTHER_GUEST + i);
      send(syn);
    }
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_PENDING);
    assertThat(stack.counters().dropCount(Drop.TCP_PENDING_EVICTED)).isEqualTo(10);
    recorder.connections.getLast().refuse();
    send(tcp(TcpSegment.SYN, 1, 0));
    assertThat(stack.connections()).isEqualTo(StackConfig.DEFAULT_MAX_PENDING);
    assertThat(stack.counters().dropCount(Drop.TCP_PENDING_EVICTED)).isEqualTo(10);
  }

  /** As of a guest that marks what matters: 802.1p, in a tag that names no VLAN. */
  @Test
  void framesWithAPriorityTagAreAsOthers() {
    var syn = tcp(TcpSegment.SYN, 100, 0);
    int addresses = EthernetFrame.HEADER_LENGTH - Short.BYTES;
    send(
        Unpooled.wrappedBuffer(
            ByteBufUtil.getBytes(syn, 0, addresses),
            new byte[] {(byte) 0x81, 0, (byte) 0xA0, 0},
            ByteBufUtil.getBytes(syn, addresses, syn.readableBytes() - addresses)));
    assertThat(recorder.connections).hasSize(1);
    recorder.connections.getLast().accept();
    assertThat(receiveTcp().flags()).isEqualTo(TcpSegment.SYN | TcpSegment.ACK);
  }

  // What is dropped.

  @Test
  void dropsAndCountsWhatIsNotForIt() {
    send(GuestFrames.frame(GATEWAY, GUEST, EthernetFrame.TYPE_IPV4, 20));
    send(GuestFrames.frame(GUEST, OTHER_GUEST, EthernetFrame.TYPE_IPV4, 20));
    send(GuestFrames.frame(GUEST, GATEWAY, EthernetFrame.TYPE_IPV6, 40));
    send(GuestFrames.frame(GUEST, GATEWAY, 0x88CC, 40));
    send(GuestFrames.frame(GUEST, MacAddress.BROADCAST, EthernetFrame.TYPE_IPV4, 20));
    send(GuestFrames.frame(GUEST | 0x0100_0000_0000L, GATEWAY, EthernetFrame.TYPE_IPV4, 20));
    send(GuestFrames.frame(GUEST, GATEWAY, EthernetFrame.TYPE_IPV4, 20));
    send(ipv4(Ipv4Address.UNSPECIFIED, FAR_IP, Ipv4Packet.PROTOCOL_UDP, new byte[8]));
    send(ipv4(GUEST_IP, Ipv4Address.BROADCAST, Ipv4Packet.PROTOCOL_UDP, new byte[8]));
    expectNothing();
    var counters = stack.counters();
    assertThat(counters.dropCount(Drop.OWN_FRAME)).isEqualTo(1);
    assertThat(counters.dropCount(Drop.NOT_FOR_GATEWAY)).isEqualTo(1);
    assertThat(counters.dropCount(Drop.IPV6)).isEqualTo(1);
    assertThat(counters.dropCount(Drop.ETHER_TYPE)).isEqualTo(1);
    assertThat(counters.dropCount(Drop.GROUP_DESTINATION)).isEqualTo(2);
    assertThat(counters.dropCount(Drop.NO_SOURCE)).isEqualTo(1);
    assertThat(counters.malformedCount(Protocol.ETHERNET, Defect.BAD_ADDRESS)).isEqualTo(1);
    assertThat(counters.malformedCount(Protocol.IPV4, Defect.BAD_VERSION)).isEqualTo(1);
    assertThat(counters.nonZero()).containsEntry("ipv4.bad_version", 1L);
  }

  @Test
  void servesOnAfterAnyMutatedFrames() {
    var random = new Random(42);
    stack.udpServices().add(53, (flow, payload) -> recorder.datagrams.add(flow));
    var segment = tcp(TcpSegment.ACK, 1, 1);
    segment.writeZero(60);
    for (int i = 0; i < 20_000; i++) {
      var frame =
          switch (random.nextInt(5)) {
            case 0 -> tcp(random.nextInt(64), random.nextInt(), random.nextInt());
            case 1 -> ipv4(GUEST_IP, FAR_IP, random.nextInt(256), new byte[random.nextInt(64)]);
            case 2 -> GuestFrames.frame(GUEST, MacAddress.BROADCAST, EthernetFrame.TYPE_ARP, 28);
            case 3 -> tooBig(segment, random.nextInt(60), random.nextInt(1 << 16));
            default ->
                ipv4(GUEST_IP, GATEWAY_IP, Ipv4Packet.PROTOCOL_ICMP, echoRequest(new byte[16]));
          };
      for (int flips = random.nextInt(6); flips > 0; flips--) {
        frame.setByte(random.nextInt(frame.readableBytes()), random.nextInt());
      }
      frame.writerIndex(frame.readableBytes() - random.nextInt(3) * random.nextInt(4));
      send(frame);
    }
    for (var frame = cable[1].poll(); frame != null; frame = cable[1].poll()) {
      frame.release();
    }
    now += 60_000_000_000L;
    send(ipv4(GUEST_IP, GATEWAY_IP, Ipv4Packet.PROTOCOL_ICMP, echoRequest(new byte[4])));
    receiveIpv4(Ipv4Packet.PROTOCOL_ICMP);
  }
}
