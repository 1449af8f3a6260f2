/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Ipv4Packet;

class ProxyLogTest {
  private final List<String> lines = new ArrayList<>();
  private final Ipv4Packet packet = new Ipv4Packet();
  private final ProxyLog log = new ProxyLog("tun1", lines::add, packet, 0);
  private final Peer peer =
      new Peer(1, SecurityAssociation.ofProxy(1, Secret.draw(new SecureRandom())));

  ProxyLogTest() {
    peer.name = "router 1 (pid 7)";
  }

  @Test
  void tellsWhereAPacketWent() {
    var ping = Packets.ping("10.5.51.2", "18.7.7.7", 7, 1);
    packet.wrap(ping, 0, ping.readableBytes());
    log.sent(peer, ping);
    log.delivered(peer, ping);
    log.dropped(ping, Drop.NO_ROUTER);
    log.dropped(peer, ping, Drop.NOT_FOR_HOST);
    log.malformed(Defect.TRUNCATED);
    log.malformed(peer, Defect.TRUNCATED);
    var words = "ICMP echo request 10.5.51.2 > 18.7.7.7 id 7 seq 1, 84 bytes, ttl 64: ";
    assertThat(lines)
        .containsExactly(
            words + "from tun1; to router 1 (pid 7)",
            words + "from router 1 (pid 7); to tun1",
            words + "from tun1; dropped: NO_ROUTER",
            words + "from router 1 (pid 7); dropped: NOT_FOR_HOST",
            "dropped a packet from tun1: TRUNCATED",
            "dropped a packet from router 1 (pid 7): TRUNCATED");
  }

  @Test
  void tellsHowARouterFares() {
    log.up(peer);
    peer.exitAddress = Packets.ip("192.168.201.2");
    log.up(peer);
    log.exitChanged(peer);
    peer.exitAddress = 0;
    log.exitChanged(peer);
    log.ended(peer, "was killed by signal 9");
    assertThat(lines)
        .containsExactly(
            "router 1 (pid 7) is up",
            "router 1 (pid 7) is up, in the world as 192.168.201.2",
            "router 1 (pid 7) is in the world as 192.168.201.2",
            "router 1 (pid 7) has no way to the world any more",
            "router 1 (pid 7) was killed by signal 9");
  }
}
