/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.torvtl.tcp.CloseReason;

/** A lane over another egress than Tor: a real server on loopback, reached by a socket. */
@Timeout(60)
class DirectEgressTest {
  @Test
  void aGuestReachesAServerThroughTheHostsOwnSockets() throws Exception {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        var world = new LaneWorld(tor -> to(server.getLocalPort()))) {
      var heard = new CompletableFuture<String>();
      Thread.startVirtualThread(() -> {
        try (var client = server.accept()) {
          client.getOutputStream().write("hello".getBytes(US_ASCII));
          client.shutdownOutput();
          heard.complete(new String(client.getInputStream().readAllBytes(), US_ASCII));
        } catch (Exception e) {
          heard.completeExceptionally(e);
        }
      });
      var socket = world.guest.connected();
      socket.awaitText("hello");
      socket.awaitEnd();
      socket.send("after your end");
      socket.finish();
      assertThat(socket.awaitClosed()).isEqualTo(CloseReason.NORMAL);
      assertThat(heard.get(20, TimeUnit.SECONDS)).isEqualTo("after your end");
      assertThat(world.counters().ended).isEqualTo(1);
    }
  }

  @Test
  void aClosedPortIsRefused() throws Exception {
    int closed;
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      closed = server.getLocalPort();
    }
    try (var world = new LaneWorld(tor -> to(closed))) {
      assertThat(world.guest.connect(GuestHost.FAR, 80).awaitClosed())
          .isEqualTo(CloseReason.REFUSED_BY_PEER);
      assertThat(world.counters().refused).isEqualTo(1);
    }
  }

  private static DirectEgress to(int port) {
    var server = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    return new DirectEgress(destination -> server);
  }
}
