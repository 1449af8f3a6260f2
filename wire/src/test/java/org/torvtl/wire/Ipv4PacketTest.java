/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Ipv4PacketTest {
  /** A TCP SYN of the Linux kernel, as captured. */
  private static final String CAPTURED =
      "4500003c1c4640004006b1e6ac100a63ac100a0c" + "00".repeat(40);

  private static Ipv4Packet packet(String hex) {
    var buf = Unpooled.wrappedBuffer(HexFormat.of().parseHex(hex));
    return new Ipv4Packet().wrap(buf, 0, buf.readableBytes());
  }

  @Test
  void readsACapturedHeader() {
    var packet = packet(CAPTURED);
    assertThat(packet.defect()).isNull();
    assertThat(Ipv4Address.toString(packet.source())).isEqualTo("172.16.10.99");
    assertThat(Ipv4Address.toString(packet.destination())).isEqualTo("172.16.10.12");
    assertThat(packet.protocol()).isEqualTo(Ipv4Packet.PROTOCOL_TCP);
    assertThat(packet.ttl()).isEqualTo(64);
    assertThat(packet.identification()).isEqualTo(0x1c46);
    assertThat(packet.dontFragment()).isTrue();
    assertThat(packet.isFragment()).isFalse();
    assertThat(packet.headerLength()).isEqualTo(20);
    assertThat(packet.payloadLength()).isEqualTo(40);
  }

  @Test
  void composesWhatItReads() {
    ByteBuf buf = Unpooled.buffer(28).writeZero(28);
    var packet = new Ipv4Packet().wrap(buf, 0, 28);
    packet.compose(
        Ipv4Address.parse("10.0.0.1"),
        Ipv4Address.parse("203.0.113.9"),
        Ipv4Packet.PROTOCOL_UDP,
        77,
        false,
        8);
    assertThat(packet.defect()).isNull();
    assertThat(packet.source()).isEqualTo(0x0A000001);
    assertThat(packet.destination()).isEqualTo(Ipv4Address.parse("203.0.113.9"));
    assertThat(packet.identification()).isEqualTo(77);
    assertThat(packet.totalLength()).isEqualTo(28);
    assertThat(packet.dontFragment()).isFalse();
    packet.composeFragment(4096, true, 8);
    assertThat(packet.defect()).isNull();
    assertThat(packet.fragmentOffset()).isEqualTo(4096);
    assertThat(packet.moreFragments()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 101, BAD_VERSION",
    "3, 61, TRUNCATED",
    "3, 19, BAD_LENGTH",
    "8, 63, BAD_CHECKSUM",
    "12, 224, BAD_ADDRESS",
    "12, 255, BAD_ADDRESS",
    "12, 127, BAD_ADDRESS",
    "16, 127, BAD_ADDRESS",
  })
  void namesTheDefect(int index, int value, Defect defect) {
    var bytes = HexFormat.of().parseHex(CAPTURED);
    bytes[index] = (byte) value;
    var buf = Unpooled.wrappedBuffer(bytes);
    if (defect == Defect.BAD_ADDRESS) {
      buf.setShort(10, 0);
      buf.setShort(10, InternetChecksum.fold(InternetChecksum.sum(buf, 0, 20)));
    }
    assertThat(new Ipv4Packet().wrap(buf, 0, bytes.length).defect()).isEqualTo(defect);
  }

  @Test
  void aHeaderLengthBelowTwentyIsADefect() {
    assertThat(packet("44" + CAPTURED.substring(2)).defect()).isEqualTo(Defect.BAD_LENGTH);
  }

  @Test
  void aFragmentThatWouldReachPast65535IsADefect() {
    ByteBuf buf = Unpooled.buffer(36).writeZero(36);
    var packet = new Ipv4Packet().wrap(buf, 0, 36);
    packet.compose(0x0A000001, 0x0A000002, Ipv4Packet.PROTOCOL_ICMP, 1, false, 16);
    packet.composeFragment(65_528, false, 16);
    assertThat(packet.defect()).isEqualTo(Defect.BAD_LENGTH);
  }
}
