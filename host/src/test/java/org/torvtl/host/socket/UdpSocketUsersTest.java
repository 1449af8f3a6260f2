/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.torvtl.wire.Ipv4Address;

class UdpSocketUsersTest {
  private static final int LOOPBACK = Ipv4Address.parse("127.0.0.1");
  private static final int REMOTE = Ipv4Address.parse("127.0.0.9");

  private static int port(DatagramChannel channel) throws Exception {
    return ((InetSocketAddress) channel.getLocalAddress()).getPort();
  }

  @Test
  void findsTheUserOfASocket() throws Exception {
    int self = (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    try (var users = UdpSocketUsers.open();
        var bound = DatagramChannel.open(StandardProtocolFamily.INET);
        var connected = DatagramChannel.open(StandardProtocolFamily.INET);
        var either = DatagramChannel.open()) {
      bound.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
      connected.connect(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.9"), 53));
      either.bind(new InetSocketAddress(0));
      assertThat(users.of(LOOPBACK, port(bound), REMOTE, 7)).hasValue(self);
      assertThat(users.of(LOOPBACK, port(connected), REMOTE, 53)).hasValue(self);
      assertThat(users.of(LOOPBACK, port(connected), REMOTE, 54)).isEmpty();
      assertThat(users.of(LOOPBACK, port(either), REMOTE, 7)).as("IPv6 as well").hasValue(self);
    }
  }

  @Test
  void findsNoneOnceTheSocketIsClosed() throws Exception {
    try (var users = UdpSocketUsers.open()) {
      int port;
      try (var closed = DatagramChannel.open(StandardProtocolFamily.INET)) {
        closed.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
        port = port(closed);
      }
      assertThat(users.of(LOOPBACK, port, REMOTE, 7)).isEmpty();
    }
  }
}
