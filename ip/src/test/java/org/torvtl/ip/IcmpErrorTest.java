/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/** Errors are composed, and what they quote is read and given back its source. */
class IcmpErrorTest {
  private static final int SOURCE = 0x0A000002, DESTINATION = 0xC0000207;

  private final QuotedPacket quote = new QuotedPacket();

  private static ByteBuf udp(int source, int port, byte[] payload) {
    var packet = packet(source, Ipv4Packet.PROTOCOL_UDP, UdpDatagram.HEADER_LENGTH, payload);
    new UdpDatagram()
        .wrap(packet, Ipv4Packet.HEADER_LENGTH, UdpDatagram.HEADER_LENGTH + payload.length)
        .compose(source, DESTINATION, port, 53, payload.length);
    return packet;
  }

  private static ByteBuf echo(int source, int identifier, byte[] payload) {
    var packet = packet(source, Ipv4Packet.PROTOCOL_ICMP, Icmpv4Message.HEADER_LENGTH, payload);
    new Icmpv4Message()
        .wrap(packet, Ipv4Packet.HEADER_LENGTH, Icmpv4Message.HEADER_LENGTH + payload.length)
        .compose(Icmpv4Message.ECHO_REQUEST, 0, identifier << 16 | 1);
    return packet;
  }

  /** A packet whose transport header is still to be composed. */
  private static ByteBuf packet(int source, int protocol, int headerLength, byte[] payload) {
    var packet = Unpooled.buffer().writeZero(Ipv4Packet.HEADER_LENGTH + headerLength);
    packet.writeBytes(payload);
    new Ipv4Packet()
        .wrap(packet, 0, Ipv4Packet.HEADER_LENGTH)
        .compose(source, DESTINATION, protocol, 7, false, headerLength + payload.length);
    return packet;
  }

  @Test
  void quotesWhatFitsAndNoMore() {
    Draws.repeat(
        500,
        draw -> {
          var packet = udp(SOURCE, 4000, draw.bytes(0, 1400));
          int mtu = draw.integer(68, 1500);
          var error = IcmpError.unreachable(Icmpv4Message.PORT_UNREACHABLE).about(packet, mtu);
          try {
            assertThat(error.readerIndex()).isEqualTo(Ipv4Packet.HEADER_LENGTH);
            var message =
                new Icmpv4Message().wrap(error, error.readerIndex(), error.readableBytes());
            assertThat(message.defect()).isNull();
            assertThat(message.type()).isEqualTo(Icmpv4Message.UNREACHABLE);
            assertThat(message.code()).isEqualTo(Icmpv4Message.PORT_UNREACHABLE);
            assertThat(message.payloadLength())
                .isEqualTo(Math.min(packet.readableBytes(), Math.min(mtu, 576) - 28));
            quote.wrap(error, message.payloadOffset(), message.payloadLength());
            assertThat(quote.defect()).isNull();
            assertThat(quote.source()).isEqualTo(SOURCE);
            assertThat(quote.sourcePort()).isEqualTo(4000);
            assertThat(quote.destinationPort()).isEqualTo(53);
          } finally {
            error.release();
          }
        });
  }

  /** A packet is translated, and comes back in an error: then it is as it was before. */
  @Test
  void aQuoteGetsBackTheSourceItHad() {
    Draws.repeat(
        1000,
        draw -> {
          int source = draw.integer();
          int translated = draw.integer();
          int number = draw.integer(0, 0xFFFF);
          int translatedNumber = draw.integer(0, 0xFFFF);
          var payload = draw.bytes(0, 100);
          boolean isEcho = draw.bool();
          var sent =
              isEcho
                  ? echo(translated, translatedNumber, payload)
                  : udp(translated, translatedNumber, payload);
          var before = isEcho ? echo(source, number, payload) : udp(source, number, payload);
          quote.wrap(sent, 0, sent.readableBytes()).restoreSource(source, number);
          // A sum of one's complement has two zeros.
          int checksum = Ipv4Packet.HEADER_LENGTH + (isEcho ? 2 : 6);
          if (sent.getUnsignedShort(checksum) % 0xFFFF == 0
              && before.getUnsignedShort(checksum) % 0xFFFF == 0) {
            sent.setShort(checksum, before.getShort(checksum));
          }
          assertThat(ByteBufUtil.hexDump(sent)).isEqualTo(ByteBufUtil.hexDump(before));
        });
  }

  @Test
  void aUdpQuoteWithoutAChecksumKeepsNone() {
    var sent = udp(DESTINATION, 1, new byte[9]);
    sent.setShort(Ipv4Packet.HEADER_LENGTH + 6, 0);
    quote.wrap(sent, 0, sent.readableBytes()).restoreSource(SOURCE, 2);
    assertThat(quote.sourcePort()).isEqualTo(2);
    assertThat(sent.getUnsignedShort(Ipv4Packet.HEADER_LENGTH + 6)).isZero();
  }

  @Test
  void whatIsNoQuoteIsADefect() {
    Draws.repeat(
        1000,
        draw -> {
          var noise = Unpooled.wrappedBuffer(draw.bytes(0, 80));
          if (quote.wrap(noise, 0, noise.readableBytes()).defect() == null) {
            int transport = (noise.getByte(0) & 0xF) * 4;
            assertThat(quote.sourcePort()).isEqualTo(noise.getUnsignedShort(transport));
            assertThat(quote.sequence()).isEqualTo(noise.getInt(transport + 4));
          }
        });
  }

  @Test
  void noErrorIsAnsweredByAnError() {
    var message = new Icmpv4Message();
    var ping = echo(SOURCE, 1, new byte[8]);
    var packet = new Ipv4Packet().wrap(ping, 0, ping.readableBytes());
    assertThat(IcmpError.isAllowedAbout(packet, ping, message)).isTrue();
    message.compose(Icmpv4Message.TIME_EXCEEDED, 0, 0);
    assertThat(IcmpError.isAllowedAbout(packet, ping, message)).isFalse();
    var datagram = udp(SOURCE, 1, new byte[8]);
    packet.wrap(datagram, 0, datagram.readableBytes());
    assertThat(IcmpError.isAllowedAbout(packet, datagram, message)).isTrue();
  }

  @Test
  void anEchoIsReturnedAsItCame() {
    var ping = echo(SOURCE, 0x1234, new byte[] {1, 2, 3});
    var reply = Echo.reply(ping.slice(Ipv4Packet.HEADER_LENGTH, 11));
    try {
      var message = new Icmpv4Message().wrap(reply, reply.readerIndex(), 11);
      assertThat(message.defect()).isNull();
      assertThat(message.type()).isEqualTo(Icmpv4Message.ECHO_REPLY);
      assertThat(message.rest()).isEqualTo(0x12340001);
      assertThat(ByteBufUtil.hexDump(reply, message.payloadOffset(), 3)).isEqualTo("010203");
    } finally {
      reply.release();
    }
  }
}
