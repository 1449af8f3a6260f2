/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.Link;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** Offloads, by the header's bytes and against the kernel: needs /dev/net/tun and root. */
class OffloadTest {
  private static final int TCP = Ipv4Packet.HEADER_LENGTH;
  private static final int HEADERS = TCP + TcpSegment.MIN_HEADER_LENGTH;
  private static final int GUEST = 0x0A000002, FAR = 0x01020304;

  private final NetworkInterface networkInterface =
      new NetworkInterface(
          "tvo%06x"
              .formatted(ThreadLocalRandom.current().nextInt(1 << 24))
              .toLowerCase(Locale.ROOT));

  @Test
  void aLongSegmentIsToBeCut() {
    try (var arena = Arena.ofConfined()) {
      var header = arena.allocate(VnetHeader.LENGTH, Long.BYTES);
      VnetHeader.setUnfinishedTcp(header, 66, 34, 64_000, 1448);
      assertThat(header.get(ValueLayout.JAVA_BYTE, 0)).as("needs checksum").isEqualTo((byte) 1);
      assertThat(header.get(ValueLayout.JAVA_BYTE, 1)).as("TCP over IPv4").isEqualTo((byte) 1);
      assertThat(header.get(ValueLayout.JAVA_SHORT, 2)).as("headers").isEqualTo((short) 66);
      assertThat(header.get(ValueLayout.JAVA_SHORT, 4)).as("a packet").isEqualTo((short) 1448);
      assertThat(header.get(ValueLayout.JAVA_SHORT, 6)).as("summed from").isEqualTo((short) 34);
      assertThat(header.get(ValueLayout.JAVA_SHORT, 8)).as("sum goes to").isEqualTo((short) 16);
      assertThat(VnetHeader.isChecksumTrusted(header)).isTrue();
      assertThat(VnetHeader.isTakeable(header)).isTrue();
    }
  }

  @Test
  void aSegmentThatFitsAPacketIsNot() {
    try (var arena = Arena.ofConfined()) {
      var header = arena.allocate(VnetHeader.LENGTH, Long.BYTES);
      VnetHeader.setUnfinishedTcp(header, 54, 34, 1448, 1448);
      assertThat(header.get(ValueLayout.JAVA_BYTE, 1)).isZero();
      assertThat(header.get(ValueLayout.JAVA_SHORT, 4)).isZero();
      VnetHeader.setFinished(header);
      assertThat(header.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }
  }

  @Test
  void theKernelTakesASegmentOf64KibibytesInOnePiece() throws Exception {
    var device = TunDevice.open(networkInterface, Link.Medium.IP, true);
    assertThat(device.hasOffloads()).isTrue();
    networkInterface.up();
    var link = new DeviceLink(device);
    var headers = headers(65_000);
    var payload = Unpooled.directBuffer(65_000).writeZero(65_000);
    try {
      assertThat(link.hasTcpOffload()).isTrue();
      link.sendTcp(headers, payload, TCP, 1460);
      assertThat(link.counters().sendDrops).isZero();
      assertThat(link.counters().sentFrames).isEqualTo(1);
      assertThat(link.counters().sentBytes).isEqualTo(HEADERS + 65_000);
    } finally {
      headers.release();
      payload.release();
      link.close();
    }
  }

  @Test
  void withoutOffloadsEverythingIsWhole() throws Exception {
    try (var device = TunDevice.open(networkInterface, Link.Medium.IP, false)) {
      assertThat(device.hasOffloads()).isFalse();
      var link = new DeviceLink(device);
      assertThat(link.hasTcpOffload()).isFalse();
      var headers = headers(1);
      try {
        assertThatThrownBy(
                () -> link.sendTcp(headers, Unpooled.EMPTY_BUFFER, TCP, Integer.MAX_VALUE))
            .isInstanceOf(UnsupportedOperationException.class);
      } finally {
        headers.release();
        link.close();
      }
    }
  }

  /** What a persistent interface was used with last is not what it is used with next. */
  @Test
  void aPersistentInterfaceIsUsedEitherWay() throws Exception {
    try (var device = TunDevice.open(networkInterface, Link.Medium.IP, true)) {
      device.setPersistent(true);
    }
    try (var device = TunDevice.open(networkInterface, Link.Medium.IP, false)) {
      assertThat(device.hasOffloads()).isFalse();
      device.setPersistent(false);
    }
    assertThat(networkInterface.exists()).isFalse();
  }

  private static ByteBuf headers(int payloadLength) {
    var headers = Unpooled.directBuffer(HEADERS);
    var ip =
        new Ipv4Packet()
            .wrap(headers, 0, TCP)
            .compose(
                FAR,
                GUEST,
                Ipv4Packet.PROTOCOL_TCP,
                1,
                true,
                TcpSegment.MIN_HEADER_LENGTH + payloadLength);
    var segment = new TcpSegment();
    var header = new TcpHeader().sequence(1).acknowledgment(1).flags(TcpSegment.ACK).window(1000);
    segment.compose(headers, TCP, 80, 40_000, header);
    segment.startChecksum(ip.pseudoHeaderSum());
    return headers.setIndex(0, HEADERS);
  }
}
