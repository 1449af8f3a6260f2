/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.torvtl.link.Link;
import org.torvtl.stack.StackConfig;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/** A guest at the end of a {@link LoopCable}. Its TCP is the engine's own, the other way round. */
final class GuestHost implements Link.Receiver {
  static final long MAC = 0x0200_0000_0002L;
  static final int ADDRESS = Ipv4Address.parse("203.0.113.9");
  static final int FAR = Ipv4Address.parse("198.51.100.7");

  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final int SECONDS = 20;

  /** An ICMP "unreachable" that came, and the address it is about. */
  record Unreachable(int code, int about) {}

  /** A UDP datagram that came. */
  record Datagram(int source, int sourcePort, int port, ByteBuffer payload) {}

  final BlockingQueue<Unreachable> unreachables = new LinkedBlockingQueue<>();
  final BlockingQueue<Datagram> datagrams = new LinkedBlockingQueue<>();
  final TcpCounters counters = new TcpCounters();
  private final LoopCable cable;
  private final Runner runner;
  private final Map<Integer, GuestSocket> sockets = new HashMap<>();
  private final TcpConfig config;
  private int nextPort = 40_000;
  private boolean resetsStrangers;

  /** Frames come from this MAC address; what is sent to another is ignored. Used on the loop. */
  long mac = MAC;

  GuestHost(LoopCable cable, TcpConfig config) {
    this(
        cable,
        config,
        new Runner() {
          @Override
          public <T> T run(Callable<T> task) throws Exception {
            return cable.loop().submit(task).get(SECONDS, TimeUnit.SECONDS);
          }
        });
  }

  /** A guest whose loop the test turns itself. */
  GuestHost(LoopCable cable, TcpConfig config, Runner runner) {
    this.cable = cable;
    this.runner = runner;
    this.config = config.withMaxSegmentSize(cable.gatewayEnd().mtu() - 40);
    cable.attach(this);
  }

  /** Does something on the loop, and waits for it. */
  <T> T onLoop(Callable<T> task) throws Exception {
    return runner.run(task);
  }

  void runOnLoop(Runnable task) throws Exception {
    runner.run(Executors.callable(task));
  }

  /** Nanoseconds of the loop's clock. */
  long now() {
    return cable.gatewayLoop().ticker().nanoTime();
  }

  /** Has the loop do something, and waits until it is done. */
  interface Runner {
    <T> T run(Callable<T> task) throws Exception;
  }

  /** Makes up a MAC address for itself. */
  void changeMac(long next) throws Exception {
    runOnLoop(() -> mac = next);
  }

  LoopCable cable() {
    return cable;
  }

  TcpConfig config() {
    return config;
  }

  /** Begins a connection. */
  GuestSocket connect(int address, int port) throws Exception {
    return onLoop(() -> {
      var socket = new GuestSocket(this, nextPort++, address, port);
      sockets.put(socket.localPort(), socket);
      socket.open();
      return socket;
    });
  }

  /** A connection that is open. */
  GuestSocket connected() throws Exception {
    return connected(80);
  }

  /** A connection that is open. */
  GuestSocket connected(int port) throws Exception {
    var socket = connect(FAR, port);
    socket.established.get(SECONDS, TimeUnit.SECONDS);
    return socket;
  }

  /** Whether segments of connections that are not there are answered, as RFC 9293 has it. */
  void resetsStrangers(boolean resets) throws Exception {
    runOnLoop(() -> resetsStrangers = resets);
  }

  void forget(GuestSocket socket) {
    sockets.remove(socket.localPort(), socket);
  }

  // What we send; on the loop.

  void sendTcp(
      int source, int sourcePort, int address, int port, TcpHeader header, ByteBuf payload) {
    var headers = Unpooled.buffer(TRANSPORT + TcpSegment.MAX_HEADER_LENGTH);
    var segment = new TcpSegment();
    int length = segment.compose(headers, TRANSPORT, sourcePort, port, header);
    length += payload.readableBytes();
    segment.updateChecksum(
        InternetChecksum.pseudoHeaderSum(source, address, Ipv4Packet.PROTOCOL_TCP, length),
        payload);
    sendIpv4(headers, source, address, Ipv4Packet.PROTOCOL_TCP, length, payload);
  }

  void sendSyn(int source, int sourcePort, int address, int port, int sequence) {
    sendTcp(
        source,
        sourcePort,
        address,
        port,
        new TcpHeader(new TcpOptions().mss(1460))
            .sequence(sequence)
            .flags(TcpSegment.SYN)
            .window(65_535),
        Unpooled.EMPTY_BUFFER);
  }

  void sendUdp(int sourcePort, int address, int port, byte[] payload) throws Exception {
    runOnLoop(() -> {
      int length = UdpDatagram.HEADER_LENGTH + payload.length;
      var frame = Unpooled.buffer(TRANSPORT + length).writeZero(TRANSPORT + length);
      frame.setBytes(TRANSPORT + UdpDatagram.HEADER_LENGTH, payload);
      new UdpDatagram()
          .wrap(frame, TRANSPORT, length)
          .compose(ADDRESS, address, sourcePort, port, payload.length);
      sendIpv4(
          frame,
          ADDRESS,
          address,
          Ipv4Packet.PROTOCOL_UDP,
          length,
          frame.slice(TRANSPORT, length),
          TRANSPORT);
    });
  }

  private void sendIpv4(
      ByteBuf headers, int source, int address, int protocol, int length, ByteBuf payload) {
    int headerLength = TRANSPORT + length - payload.readableBytes();
    sendIpv4(headers, source, address, protocol, length, payload, headerLength);
  }

  private void sendIpv4(
      ByteBuf headers,
      int source,
      int address,
      int protocol,
      int length,
      ByteBuf payload,
      int headerLength) {
    new EthernetFrame()
        .wrap(headers, 0, IP)
        .compose(StackConfig.DEFAULT_MAC, mac, EthernetFrame.TYPE_IPV4);
    new Ipv4Packet()
        .wrap(headers, IP, Ipv4Packet.HEADER_LENGTH)
        .compose(source, address, protocol, 1, true, length);
    cable.sendFromGuest(headers.setIndex(0, headerLength), payload);
  }

  // What comes.

  @Override
  public void frame(ByteBuf frame) {
    var ethernet = new EthernetFrame().wrap(frame, 0, frame.readableBytes());
    if (ethernet.destination() != mac) {
      // For a MAC address that a test has used before.
      return;
    }
    var packet = new Ipv4Packet().wrap(frame, IP, frame.readableBytes() - IP);
    if (packet.destination() != ADDRESS) {
      // For one of the addresses a test has made up.
      return;
    }
    assertThat(packet.defect()).isNull();
    switch (packet.protocol()) {
      case Ipv4Packet.PROTOCOL_TCP -> tcp(packet, frame);
      case Ipv4Packet.PROTOCOL_UDP -> udp(packet, frame);
      case Ipv4Packet.PROTOCOL_ICMP -> icmp(packet, frame);
      default -> throw new AssertionError("protocol " + packet.protocol());
    }
  }

  private void tcp(Ipv4Packet packet, ByteBuf frame) {
    var segment = new TcpSegment().wrap(frame, packet.payloadOffset(), packet.payloadLength());
    assertThat(segment.defect(packet.pseudoHeaderSum())).isNull();
    var socket = sockets.get(segment.destinationPort());
    if (socket != null) {
      assertThat(packet.source()).isEqualTo(socket.address());
      assertThat(segment.sourcePort()).isEqualTo(socket.port());
      socket.receive(segment, frame.slice(segment.payloadOffset(), segment.payloadLength()));
    } else if (resetsStrangers && segment.has(TcpSegment.ACK)) {
      sendTcp(
          packet.destination(),
          segment.destinationPort(),
          packet.source(),
          segment.sourcePort(),
          new TcpHeader().sequence(segment.acknowledgment()).flags(TcpSegment.RST),
          Unpooled.EMPTY_BUFFER);
    }
  }

  private void udp(Ipv4Packet packet, ByteBuf frame) {
    var udp = new UdpDatagram().wrap(frame, packet.payloadOffset(), packet.payloadLength());
    assertThat(udp.defect(packet.source(), packet.destination())).isNull();
    datagrams.add(
        new Datagram(
            packet.source(),
            udp.sourcePort(),
            udp.destinationPort(),
            ByteBuffer.wrap(
                ByteBufUtil.getBytes(frame, udp.payloadOffset(), udp.payloadLength()))));
  }

  private void icmp(Ipv4Packet packet, ByteBuf frame) {
    var message = new Icmpv4Message().wrap(frame, packet.payloadOffset(), packet.payloadLength());
    assertThat(message.defect()).isNull();
    assertThat(message.type()).isEqualTo(Icmpv4Message.UNREACHABLE);
    var about = new Ipv4Packet().wrap(frame, message.payloadOffset(), message.payloadLength());
    unreachables.add(new Unreachable(message.code(), about.destination()));
  }

  @Override
  public void drained() {}

  @Override
  public void endOfBatch() {}

  @Override
  public void allocationFailed() {
    // It holds nothing that it could free.
  }

  @Override
  public void failed(IOException cause) {
    throw new AssertionError(cause);
  }
}
