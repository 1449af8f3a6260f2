/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.ip.IcmpError;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Packet;

class RouterLogTest {
  private static final long SECOND = 1_000_000_000;

  private final List<String> lines = new ArrayList<>();
  private final Ipv4Packet packet = new Ipv4Packet();
  private final RouterLog log =
      new RouterLog(
          new RouterConfig(
              1,
              4711,
              Secret.draw(new SecureRandom()),
              new RouterConfig.Exit("eth1", Packets.ip("192.168.201.2"), 1500)),
          lines::add,
          packet,
          0);

  @Test
  void tellsWhatBecameOfAPacket() {
    var udp = Packets.udp("10.5.51.2", 1000, "18.7.7.7", 53, "x", 64);
    packet.wrap(udp, 0, udp.readableBytes());
    int router = Packets.ip("192.168.201.2");
    log.sentToWorld(udp, new AddressTranslator.Translated(Ipv4Packet.PROTOCOL_UDP, router, 40_000));
    log.sentToHost(
        udp,
        new AddressTranslator.Translated(Ipv4Packet.PROTOCOL_ICMP, Packets.ip("10.5.51.2"), 7));
    log.refused(udp, Drop.TTL, IcmpError.timeExceeded());
    log.dropped(udp, Drop.NO_PORT);
    log.expired(udp);
    log.malformed(Defect.BAD_CHECKSUM);
    var words = "UDP 10.5.51.2:1000 > 18.7.7.7:53, 29 bytes, ttl 64: ";
    assertThat(lines)
        .containsExactly(
            words + "from the proxy; through eth1 as 192.168.201.2 port 40000",
            words + "through eth1; to the proxy for 10.5.51.2 id 7",
            words + "from the proxy; refused: TTL, ICMP 11/0",
            words + "from the proxy; dropped: NO_PORT",
            words + "through eth1; dropped: TTL",
            "dropped a packet from the proxy: BAD_CHECKSUM");
  }

  /** A buffer with nothing in it: to describe it fails. */
  @Test
  void whatIsNotWrittenIsNotPutIntoWords() {
    var ping = Packets.ping("10.5.51.2", "18.7.7.7", 7, 1);
    packet.wrap(ping, 0, ping.readableBytes());
    for (int i = 0; i < PacketLines.PER_SECOND; i++) {
      log.answered(ping);
    }
    packet.wrap(Unpooled.EMPTY_BUFFER, 0, 0);
    log.answered(Unpooled.EMPTY_BUFFER);
    log.dropped(Unpooled.EMPTY_BUFFER, Drop.PORT);
    assertThat(lines).hasSize(PacketLines.PER_SECOND);
    log.advance(SECOND);
    assertThat(lines.getLast()).isEqualTo("2 lines about packets left out: more than 500 a second");
  }

  @Test
  void rejectedMessagesAreALineASecond() {
    log.messageRejected(Drop.MESSAGE_FORGED, 0);
    log.messageRejected(Drop.MESSAGE_FORGED, SECOND - 1);
    log.messageRejected(Drop.MESSAGE_REPLAYED, SECOND);
    assertThat(lines)
        .containsExactly(
            "dropped a message that claims to be the proxy's: MESSAGE_FORGED",
            "dropped a message that claims to be the proxy's: MESSAGE_REPLAYED (and 1 like it before)");
  }
}
