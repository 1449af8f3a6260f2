/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

/**
 * Whatever bytes arrive: a view either names a defect, or all it answers lies within its bounds.
 */
class FlyweightFuzzTest {
  private static final int MARGIN = 7;

  /**
   * The data in the middle of a buffer that ends right behind it, so that overreach is an error.
   */
  private static ByteBuf buffer(byte[] data) {
    return Unpooled.buffer(MARGIN + data.length, MARGIN + data.length)
        .writeZero(MARGIN)
        .writeBytes(data);
  }

  private static void assertWithin(byte[] data, int offset, int length) {
    assertThat(offset).isBetween(MARGIN, MARGIN + data.length);
    assertThat(length).isBetween(0, MARGIN + data.length - offset);
  }

  @Test
  void ethernet() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 40);
          var view = new EthernetFrame().wrap(buffer(data), MARGIN, data.length);
          if (view.defect() == null) {
            assertThat(view.type()).isBetween(0, 0xFFFF);
            assertWithin(data, view.payloadOffset(), view.payloadLength());
          }
        });
  }

  @Test
  void arp() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 40);
          if (data.length >= 8) {
            data[0] = 0;
            data[1] = 1;
            data[2] = 8;
            data[3] = 0;
            data[4] = 6;
            data[5] = 4;
            data[6] = 0;
          }
          var view = new ArpPacket().wrap(buffer(data), MARGIN, data.length);
          if (view.defect() == null) {
            assertThat(data.length).isGreaterThanOrEqualTo(ArpPacket.LENGTH);
            assertThat(view.operation()).isBetween(1, 2);
            assertThat(view.isProbe() && view.isAnnouncement()).isFalse();
          }
        });
  }

  @Test
  void ipv4() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 100);
          var buf = buffer(data);
          if (data.length >= Ipv4Packet.HEADER_LENGTH) {
            // A right version and checksum for a header of any length, so that the rest is looked
            // at.
            int headerLength = (data[0] & 0xF) * 4;
            buf.setByte(MARGIN, 0x40 | data[0] & 0xF);
            if (headerLength >= Ipv4Packet.HEADER_LENGTH && headerLength <= data.length) {
              buf.setByte(MARGIN + 2, 0);
              buf.setShort(MARGIN + 10, 0);
              buf.setShort(
                  MARGIN + 10,
                  InternetChecksum.fold(InternetChecksum.sum(buf, MARGIN, headerLength)));
            }
          }
          var view = new Ipv4Packet().wrap(buf, MARGIN, data.length);
          if (view.defect() == null) {
            assertWithin(data, view.offset(), view.totalLength());
            assertWithin(data, view.payloadOffset(), view.payloadLength());
            assertThat(view.fragmentOffset() + view.payloadLength()).isLessThan(1 << 16);
          }
        });
  }

  @Test
  void icmp() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 60);
          var buf = buffer(data);
          if (data.length >= 4) {
            buf.setShort(MARGIN + 2, 0);
            buf.setShort(
                MARGIN + 2, InternetChecksum.fold(InternetChecksum.sum(buf, MARGIN, data.length)));
          }
          var view = new Icmpv4Message().wrap(buf, MARGIN, data.length);
          if (view.defect() == null) {
            assertWithin(data, view.payloadOffset(), view.payloadLength());
          } else {
            assertThat(data.length).isLessThan(Icmpv4Message.HEADER_LENGTH);
          }
        });
  }

  @Test
  void udp() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 60);
          int source = draw.integer();
          int destination = draw.integer();
          var buf = buffer(data);
          if (data.length >= UdpDatagram.HEADER_LENGTH) {
            buf.setByte(MARGIN + 4, 0);
            buf.setShort(MARGIN + 6, 0);
          }
          var view = new UdpDatagram().wrap(buf, MARGIN, data.length);
          if (view.defect(source, destination) == null) {
            assertWithin(data, view.payloadOffset(), view.payloadLength());
          }
        });
  }
}
