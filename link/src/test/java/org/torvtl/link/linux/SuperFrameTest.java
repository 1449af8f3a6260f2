/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.link.Link.Medium;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/** By its bytes; from a kernel, e2e's WorstPacketsTest. */
class SuperFrameTest {
  private static final int ETHERNET = EthernetFrame.HEADER_LENGTH;
  private static final int HEADERS = Ipv4Packet.HEADER_LENGTH + UdpDatagram.HEADER_LENGTH;
  private static final int PAYLOAD = 3_000;
  private static final byte TCP = 1, UFO = 3, DATAGRAMS = 5;

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment header = arena.allocate(VnetHeader.LENGTH, Long.BYTES);
  private final ByteBuf frame = Unpooled.directBuffer(ETHERNET + HEADERS + PAYLOAD);

  @BeforeEach
  void compose() {
    frame.setZero(0, frame.capacity());
    new EthernetFrame().wrap(frame, 0, frame.capacity()).compose(1, 2, EthernetFrame.TYPE_IPV4);
    compose(Ipv4Packet.PROTOCOL_UDP);
  }

  @AfterEach
  void release() {
    frame.release();
    arena.close();
  }

  private void compose(int protocol) {
    var ip =
        new Ipv4Packet()
            .wrap(frame, ETHERNET, HEADERS + PAYLOAD)
            .compose(
                0x0A000002, 0x01020304, protocol, 7, true, UdpDatagram.HEADER_LENGTH + PAYLOAD);
    new UdpDatagram()
        .wrap(frame, ip.payloadOffset(), ip.payloadLength())
        .compose(ip.source(), ip.destination(), 1000, 443, PAYLOAD);
  }

  private int takeable(int type, int size) {
    header.set(ValueLayout.JAVA_BYTE, 1, (byte) type);
    header.set(ValueLayout.JAVA_SHORT, 4, (short) size);
    return SuperFrame.takeable(header, Medium.ETHERNET, frame, frame.capacity());
  }

  /** They were dropped: what should fail at once, as QUIC, waited. */
  @ParameterizedTest
  @CsvSource({"1, 43", "1200, 1242", "3000, 3042"})
  void ofManyDatagramsTheFirstIsTaken(int size, int length) {
    assertThat(takeable(DATAGRAMS, size)).isEqualTo(length);
    var ip = new Ipv4Packet().wrap(frame, ETHERNET, length - ETHERNET);
    assertThat(ip.defect()).isNull();
    assertThat(ip.totalLength()).isEqualTo(length - ETHERNET);
    var datagram = new UdpDatagram().wrap(frame, ip.payloadOffset(), ip.payloadLength());
    assertThat(datagram.defectBesidesChecksum()).isNull();
    assertThat(datagram.payloadLength()).isEqualTo(size);
    assertThat(datagram.destinationPort()).isEqualTo(443);
  }

  @Test
  void ofAPacketAllIsTaken() {
    assertThat(takeable(0, 0)).isEqualTo(frame.capacity());
    assertThat(takeable(TCP, 1448)).isEqualTo(frame.capacity());
  }

  /** Sizes that are none, other protocols, fragments, broken headers. */
  @Test
  void whatIsNoneIsDropped() {
    assertThat(takeable(DATAGRAMS, 0)).isEqualTo(-1);
    assertThat(takeable(DATAGRAMS, PAYLOAD + 1)).isEqualTo(-1);
    assertThat(takeable(DATAGRAMS, 0xFFFF)).isEqualTo(-1);
    assertThat(takeable(UFO, 1200)).isEqualTo(-1);
    for (int length = 0; length < ETHERNET + HEADERS + 1; length++) {
      assertThat(SuperFrame.takeable(header, Medium.ETHERNET, frame, length)).isEqualTo(-1);
    }
    frame.setByte(ETHERNET + 8, 63);
    assertThat(takeable(DATAGRAMS, 1200)).as("checksum").isEqualTo(-1);
    compose(Ipv4Packet.PROTOCOL_TCP);
    assertThat(takeable(DATAGRAMS, 1200)).as("TCP").isEqualTo(-1);
    compose(Ipv4Packet.PROTOCOL_UDP);
    new Ipv4Packet()
        .wrap(frame, ETHERNET, HEADERS + PAYLOAD)
        .composeFragment(8, false, UdpDatagram.HEADER_LENGTH + PAYLOAD);
    assertThat(takeable(DATAGRAMS, 1200)).as("a fragment").isEqualTo(-1);
    frame.setShort(12, EthernetFrame.TYPE_IPV6);
    assertThat(takeable(DATAGRAMS, 1200)).as("IPv6").isEqualTo(-1);
  }
}
