/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Ipv4Network;

class HostPacketRulesTest {
  private static final String HOST = "10.5.51.2";
  private static final String WORLD = "18.7.7.7";

  private final OpenBody open =
      new OpenBody(
          1500,
          Ipv4Network.parse("10.5.51.0/24"),
          Packets.ip("10.5.51.254"),
          Set.of(Packets.ip(HOST)));
  private final HostPacketRules rules =
      new HostPacketRules(new RouterConfig.Exit("eth1", Packets.ip("192.168.201.2"), 1500));

  private @Nullable Drop fault(ByteBuf packet) {
    return rules.fault(Packets.packet(packet), open);
  }

  private @Nullable Drop faultOf(String source, String destination) {
    return fault(Packets.ping(source, destination, 7, 1));
  }

  @Test
  void takesWhatTheHostSendsToOthers() {
    assertThat(faultOf(HOST, WORLD)).isNull();
    assertThat(faultOf(HOST, "10.5.51.9")).isNull();
    assertThat(fault(Packets.echo(8, HOST, WORLD, 7, 1, 1472, 64))).isNull();
  }

  @Test
  void theSourceMustBeTheHosts() {
    assertThat(faultOf("192.0.2.66", WORLD)).isEqualTo(Drop.SPOOFED);
  }

  @Test
  void theDestinationMustBeAnotherMachine() {
    assertThat(faultOf(HOST, HOST)).isEqualTo(Drop.NOT_FOR_HOST);
    assertThat(faultOf(HOST, "239.1.1.1")).isEqualTo(Drop.GROUP_DESTINATION);
    assertThat(faultOf(HOST, "250.1.1.1")).isEqualTo(Drop.GROUP_DESTINATION);
    assertThat(faultOf(HOST, "10.5.51.0")).isEqualTo(Drop.GROUP_DESTINATION);
    assertThat(faultOf(HOST, "10.5.51.255")).isEqualTo(Drop.GROUP_DESTINATION);
    assertThat(faultOf(HOST, "0.1.2.3")).isEqualTo(Drop.LOCAL_DESTINATION);
    assertThat(faultOf(HOST, "192.168.201.2")).isEqualTo(Drop.LOCAL_DESTINATION);
  }

  @Test
  void withoutAnExitNoAddressIsTheRouters() {
    var packet = Packets.packet(Packets.ping(HOST, "192.168.201.2", 7, 1));
    assertThat(new HostPacketRules(null).fault(packet, open)).isNull();
  }

  @Test
  void aPacketMustBeWholeAndFit() {
    assertThat(fault(Packets.echo(8, HOST, WORLD, 7, 1, 1473, 64))).isEqualTo(Drop.TOO_LARGE);
    var fragment = Packets.ping(HOST, WORLD, 7, 1);
    Packets.packet(fragment).composeFragment(64, true, 64);
    assertThat(fault(fragment)).isEqualTo(Drop.FRAGMENT);
  }
}
