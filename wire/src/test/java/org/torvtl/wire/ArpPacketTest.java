/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

class ArpPacketTest {
  private static final long MAC = 0x0200_5e10_0001L;

  private static ArpPacket compose(int operation, int senderIp, int targetIp) {
    var buf = Unpooled.buffer(ArpPacket.LENGTH).writeZero(ArpPacket.LENGTH);
    return new ArpPacket()
        .wrap(buf, 0, ArpPacket.LENGTH)
        .compose(operation, MAC, senderIp, 0, targetIp);
  }

  @Test
  void readsWhatItComposed() {
    var arp = compose(ArpPacket.REQUEST, 0x0A000002, 0x0A000001);
    assertThat(arp.defect()).isNull();
    assertThat(arp.operation()).isEqualTo(ArpPacket.REQUEST);
    assertThat(MacAddress.toString(arp.senderMac())).isEqualTo("02:00:5e:10:00:01");
    assertThat(arp.senderIp()).isEqualTo(0x0A000002);
    assertThat(arp.targetIp()).isEqualTo(0x0A000001);
    assertThat(arp.isProbe()).isFalse();
    assertThat(arp.isAnnouncement()).isFalse();
  }

  @Test
  void tellsProbesAndAnnouncementsFromRequests() {
    assertThat(compose(ArpPacket.REQUEST, 0, 0x0A000001).isProbe()).isTrue();
    assertThat(compose(ArpPacket.REQUEST, 0x0A000001, 0x0A000001).isAnnouncement()).isTrue();
    assertThat(compose(ArpPacket.REQUEST, 0, 0).isAnnouncement()).isFalse();
  }

  @Test
  void namesTheDefect() {
    assertThat(compose(3, 1, 2).defect()).isEqualTo(Defect.BAD_FLAGS);
    assertThat(compose(1, Ipv4Address.parse("224.0.0.1"), 2).defect())
        .isEqualTo(Defect.BAD_ADDRESS);
    var buf = Unpooled.buffer(27).writeZero(27);
    assertThat(new ArpPacket().wrap(buf, 0, 27).defect()).isEqualTo(Defect.TRUNCATED);
    var wrongHardware = Unpooled.buffer(28).writeZero(28);
    assertThat(new ArpPacket().wrap(wrongHardware, 0, 28).defect()).isEqualTo(Defect.BAD_VERSION);
    var wrongLength = Unpooled.buffer(28).writeZero(28).setInt(0, 0x0001_0800);
    assertThat(new ArpPacket().wrap(wrongLength, 0, 28).defect()).isEqualTo(Defect.BAD_LENGTH);
  }
}
