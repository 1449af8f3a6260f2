/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/** Makes packets for tests, and tells what is in them. */
final class Packets {
  private Packets() {}

  static int ip(String address) {
    return Ipv4Address.parse(address);
  }

  static ByteBuf echo(int type, String from, String to, int id, int sequence, int size, int ttl) {
    int length = Icmpv4Message.HEADER_LENGTH + size;
    var buf = Unpooled.buffer(Ipv4Packet.HEADER_LENGTH + length);
    buf.setIndex(0, Ipv4Packet.HEADER_LENGTH + length);
    for (int i = 0; i < size; i++) {
      buf.setByte(Ipv4Packet.HEADER_LENGTH + Icmpv4Message.HEADER_LENGTH + i, i * 31 + sequence);
    }
    header(buf, from, to, Ipv4Packet.PROTOCOL_ICMP, length, ttl);
    new Icmpv4Message()
        .wrap(buf, Ipv4Packet.HEADER_LENGTH, length)
        .compose(type, 0, id << 16 | sequence);
    return buf;
  }

  static ByteBuf ping(String from, String to, int id, int sequence) {
    return echo(Icmpv4Message.ECHO_REQUEST, from, to, id, sequence, 56, 64);
  }

  static ByteBuf udp(String from, int fromPort, String to, int toPort, String payload, int ttl) {
    var bytes = payload.getBytes(StandardCharsets.US_ASCII);
    int length = UdpDatagram.HEADER_LENGTH + bytes.length;
    var buf = Unpooled.buffer(Ipv4Packet.HEADER_LENGTH + length);
    buf.setIndex(0, Ipv4Packet.HEADER_LENGTH + length);
    buf.setBytes(Ipv4Packet.HEADER_LENGTH + UdpDatagram.HEADER_LENGTH, bytes);
    header(buf, from, to, Ipv4Packet.PROTOCOL_UDP, length, ttl);
    new UdpDatagram()
        .wrap(buf, Ipv4Packet.HEADER_LENGTH, length)
        .compose(ip(from), ip(to), fromPort, toPort, bytes.length);
    return buf;
  }

  /** An ICMP error about a packet, of which it quotes so many bytes. */
  static ByteBuf error(int type, int code, String from, ByteBuf about, int quoted) {
    int length = Icmpv4Message.HEADER_LENGTH + quoted;
    var buf = Unpooled.buffer(Ipv4Packet.HEADER_LENGTH + length);
    buf.setIndex(0, Ipv4Packet.HEADER_LENGTH + length);
    buf.setBytes(
        Ipv4Packet.HEADER_LENGTH + Icmpv4Message.HEADER_LENGTH, about, about.readerIndex(), quoted);
    var to = Ipv4Address.toString(packet(about).source());
    header(buf, from, to, Ipv4Packet.PROTOCOL_ICMP, length, 60);
    new Icmpv4Message().wrap(buf, Ipv4Packet.HEADER_LENGTH, length).compose(type, code, 0);
    return buf;
  }

  private static void header(
      ByteBuf buf, String from, String to, int protocol, int length, int ttl) {
    new Ipv4Packet()
        .wrap(buf, 0, Ipv4Packet.HEADER_LENGTH + length)
        .compose(ip(from), ip(to), protocol, 0, true, length)
        .setTtl(ttl);
  }

  static Ipv4Packet packet(ByteBuf buf) {
    return new Ipv4Packet().wrap(buf, buf.readerIndex(), buf.readableBytes());
  }

  /** As a log tells it; or what is wrong with it, checksums of all layers included. */
  static String describe(ByteBuf buf) {
    var packet = packet(buf);
    var defect = packet.defect();
    if (defect != null) {
      return "IP: " + defect;
    }
    int at = packet.payloadOffset();
    int length = packet.payloadLength();
    if (!packet.isFragment()) {
      defect =
          switch (packet.protocol()) {
            case Ipv4Packet.PROTOCOL_ICMP -> new Icmpv4Message().wrap(buf, at, length).defect();
            case Ipv4Packet.PROTOCOL_UDP ->
                new UdpDatagram()
                    .wrap(buf, at, length)
                    .defect(packet.source(), packet.destination());
            default -> null;
          };
    }
    return defect == null ? PacketDescription.of(packet, buf) : "payload: " + defect;
  }

  /** What an ICMP error quotes, as bytes. */
  static ByteBuf quoted(ByteBuf error) {
    int at = Ipv4Packet.HEADER_LENGTH + Icmpv4Message.HEADER_LENGTH;
    return error.slice(error.readerIndex() + at, error.readableBytes() - at);
  }
}
