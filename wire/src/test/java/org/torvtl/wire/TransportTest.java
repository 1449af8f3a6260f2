/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

/** UDP and ICMP: what is composed is read again, and any flipped bit is seen. */
class TransportTest {
  @Test
  void udpReadsWhatItComposed() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] payload = draw.bytes(0, 50);
          int source = draw.integer();
          int destination = draw.integer();
          int sourcePort = draw.integer(0, 65_535);
          int destinationPort = draw.integer(0, 65_535);
          int flipped = draw.integer(0, 399);
          int length = UdpDatagram.HEADER_LENGTH + payload.length;
          var buf =
              Unpooled.buffer(length).writeZero(UdpDatagram.HEADER_LENGTH).writeBytes(payload);
          var udp = new UdpDatagram().wrap(buf, 0, length);
          udp.compose(source, destination, sourcePort, destinationPort, payload.length);
          assertThat(udp.defect(source, destination)).isNull();
          assertThat(udp.sourcePort()).isEqualTo(sourcePort);
          assertThat(udp.destinationPort()).isEqualTo(destinationPort);
          assertThat(udp.payloadLength()).isEqualTo(payload.length);
          assertThat(udp.defect(source ^ 1, destination)).isEqualTo(Defect.BAD_CHECKSUM);
          int bit = UdpDatagram.HEADER_LENGTH * 8 + flipped;
          if (bit < length * 8) {
            buf.setByte(bit / 8, buf.getByte(bit / 8) ^ 1 << bit % 8);
            assertThat(udp.defect(source, destination)).isEqualTo(Defect.BAD_CHECKSUM);
          }
        });
  }

  @Test
  void udpWithoutAChecksumIsRight() {
    var buf = Unpooled.buffer(8).writeShort(1).writeShort(2).writeShort(8).writeShort(0);
    assertThat(new UdpDatagram().wrap(buf, 0, 8).defect(3, 4)).isNull();
  }

  @Test
  void icmpReadsWhatItComposed() {
    var payload = "ping".getBytes(StandardCharsets.US_ASCII);
    var buf = Unpooled.buffer(12).writeZero(8).writeBytes(payload);
    var icmp = new Icmpv4Message().wrap(buf, 0, 12);
    icmp.compose(Icmpv4Message.ECHO_REQUEST, 0, 0x12340001);
    assertThat(icmp.defect()).isNull();
    assertThat(icmp.type()).isEqualTo(Icmpv4Message.ECHO_REQUEST);
    assertThat(icmp.rest()).isEqualTo(0x12340001);
    assertThat(icmp.isError()).isFalse();
    buf.setByte(9, 'o');
    assertThat(icmp.defect()).isEqualTo(Defect.BAD_CHECKSUM);
    icmp.compose(Icmpv4Message.UNREACHABLE, Icmpv4Message.PORT_UNREACHABLE, 0);
    assertThat(icmp.isError()).isTrue();
  }
}
