/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** Frames as a guest sends them to the gateway. */
final class GuestFrames {
  private static final int IP = EthernetFrame.HEADER_LENGTH;
  private static final int TRANSPORT = IP + Ipv4Packet.HEADER_LENGTH;
  private static final int REMOTE_PORT = 80;

  private GuestFrames() {}

  /** Whose payload is zeros, {@code payloadLength} bytes. */
  static ByteBuf frame(long source, long destination, int type, int payloadLength) {
    var frame = Unpooled.buffer(IP + payloadLength).writeZero(IP + payloadLength);
    new EthernetFrame().wrap(frame, 0, IP).compose(destination, source, type);
    return frame;
  }

  /**
   * A broadcast ARP request.
   *
   * @param mac of the frame
   * @param sender MAC address that the packet says is its sender's
   * @param senderIp network byte order, as {@code targetIp}
   */
  static ByteBuf arpRequest(long mac, long sender, int senderIp, int targetIp) {
    var frame = Unpooled.buffer(IP + ArpPacket.LENGTH).writeZero(IP + ArpPacket.LENGTH);
    new EthernetFrame()
        .wrap(frame, 0, IP)
        .compose(MacAddress.BROADCAST, mac, EthernetFrame.TYPE_ARP);
    new ArpPacket()
        .wrap(frame, IP, ArpPacket.LENGTH)
        .compose(ArpPacket.REQUEST, sender, senderIp, 0, targetIp);
    return frame;
  }

  /**
   * A TCP segment to port 80, whose payload is zeros.
   *
   * @param source IPv4 address, network byte order, as {@code destination}
   * @param payload its length in bytes
   */
  static ByteBuf tcp(
      long mac,
      int source,
      int destination,
      int port,
      int flags,
      int sequence,
      int acknowledgment,
      int payload) {
    int room = TRANSPORT + TcpSegment.MIN_HEADER_LENGTH + payload;
    var frame = Unpooled.buffer(room).writeZero(room);
    return composeTcp(
        frame, mac, source, destination, port, flags, sequence, acknowledgment, payload);
  }

  /** The same without payload, with options. */
  static ByteBuf tcp(
      long mac,
      int source,
      int destination,
      int port,
      int flags,
      int sequence,
      int acknowledgment,
      TcpOptions options) {
    var frame = Unpooled.buffer();
    int room = TRANSPORT + TcpSegment.MIN_HEADER_LENGTH + options.length();
    frame.writeZero(room);
    return compose(
        frame, mac, source, destination, port, flags, sequence, acknowledgment, 0, options);
  }

  /** The same in a frame of zeros, which may be longer: it is padded then. */
  static ByteBuf composeTcp(
      ByteBuf frame,
      long mac,
      int source,
      int destination,
      int port,
      int flags,
      int sequence,
      int acknowledgment,
      int payload) {
    return compose(
        frame,
        mac,
        source,
        destination,
        port,
        flags,
        sequence,
        acknowledgment,
        payload,
        new TcpOptions());
  }

  private static ByteBuf compose(
      ByteBuf frame,
      long mac,
      int source,
      int destination,
      int port,
      int flags,
      int sequence,
      int acknowledgment,
      int payload,
      TcpOptions options) {
    var segment = new TcpSegment();
    int headerLength =
        segment.compose(
            frame,
            TRANSPORT,
            port,
            REMOTE_PORT,
            new TcpHeader(options)
                .sequence(sequence)
                .acknowledgment(acknowledgment)
                .flags(flags)
                .window(65_535));
    int length = headerLength + payload;
    var packet = new Ipv4Packet().wrap(frame, IP, Ipv4Packet.HEADER_LENGTH + length);
    packet.compose(source, destination, TcpSegment.PROTOCOL, 1, true, length);
    segment.wrap(frame, TRANSPORT, length).updateChecksum(packet.pseudoHeaderSum());
    new EthernetFrame()
        .wrap(frame, 0, IP)
        .compose(StackConfig.DEFAULT_MAC, mac, EthernetFrame.TYPE_IPV4);
    return frame;
  }
}
