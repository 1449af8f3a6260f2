/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.egress.Destination;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.egress.socket.ReadSizes;
import org.torvtl.tor.control.ControlAuthentication;
import org.torvtl.tor.control.RealTor;
import org.torvtl.tor.control.TorControl;

/** Against a real Tor that cannot reach any network: what it answers, it answers itself. */
@Timeout(60)
class SocksClientTorTest {
  private static final ReadSizes READS = new ReadSizes(1448, 64 << 10);
  private static final SocksCredentials GUEST = SocksCredentials.isolation("guest-1");

  @TempDir static Path directory = Path.of(".");
  private static RealTor tor;
  private static SocksClient client;
  private static SocketAddress control;
  private static MultiThreadIoEventLoopGroup group;

  @BeforeAll
  static void start() throws Exception {
    group = new MultiThreadIoEventLoopGroup(1, LastingEpollIoHandler.newFactory());
    tor =
        RealTor.stranded(
            Files.createDirectory(directory.resolve("tor")),
            "SocksPort auto ExtendedErrors",
            "ControlPort auto",
            "SocksTimeout 2");
    client = new SocksClient(loopback(tor.port("Socks")), PeerCheck.ANY);
    control = loopback(tor.port("Control"));
  }

  @AfterAll
  static void stop() throws Exception {
    tor.close();
    group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
  }

  private static SocketAddress loopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  private static void assertRefused(Future<?> future, SocksReply reply) throws Exception {
    assertThat(future.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(future.cause())
        .isInstanceOfSatisfying(
            SocksException.Refused.class, e -> assertThat(e.reply()).isEqualTo(reply));
  }

  @Test
  void takesTheCredentialsAndGivesTheStreamUpInTime() throws Exception {
    var destination = new Destination.Name("www.example.com", 80);
    var stream =
        client.connect(group.next(), destination, GUEST, READS, new ChannelInboundHandlerAdapter());
    assertThat(stream.await(30, TimeUnit.SECONDS)).isTrue();
    // Tor gives a stream up by either of two timers, each with a reason of its own: as it looks for
    // a circuit for it, and as it looks through its streams (connection_edge.c).
    assertThat(stream.cause())
        .isInstanceOfSatisfying(
            SocksException.Refused.class,
            e -> assertThat(e.reply()).isIn(SocksReply.TTL_EXPIRED, SocksReply.GENERAL_FAILURE));
  }

  @Test
  void knowsTheExtendedErrors() throws Exception {
    var destination = new Destination.Name("x".repeat(56) + ".onion", 80);
    assertRefused(
        client.connect(group.next(), destination, GUEST, READS, new ChannelInboundHandlerAdapter()),
        SocksReply.ONION_ADDRESS_INVALID);
  }

  @Test
  void resolvesWhatNeedsNoNetwork() throws Exception {
    var address = client.resolve(group.next(), "192.0.2.1", null).get(30, TimeUnit.SECONDS);
    assertThat(address).isEqualTo(InetAddress.getByName("192.0.2.1"));
  }

  @Test
  void failsToResolveWithoutANetwork() throws Exception {
    assertRefused(
        client.resolve(group.next(), "www.example.com", GUEST), SocksReply.HOST_UNREACHABLE);
    assertRefused(
        client.resolvePtr(group.next(), InetAddress.getByName("192.0.2.1"), GUEST),
        SocksReply.HOST_UNREACHABLE);
  }

  @ParameterizedTest
  @CsvSource({
    "ExtendedErrors, false, false",
    "NoIPv6Traffic PreferIPv6, false, false",
    "NoDNSRequest, true, false",
    "NoIPv4Traffic, false, true",
    "OnionTrafficOnly, true, true"
  })
  void tellsWhatTheFlagsOfAPortRefuse(String flags, boolean names, boolean addresses)
      throws Exception {
    var own = Files.createDirectory(directory.resolve(flags.replace(' ', '-')));
    try (var other = RealTor.stranded(own, "SocksPort auto " + flags, "SocksTimeout 2")) {
      var asked = new SocksClient(loopback(other.port("Socks")), PeerCheck.ANY);
      assertThat(refuses(asked, new Destination.Name("www.example.com", 0))).isEqualTo(names);
      assertThat(refuses(asked, Destination.ofIpv4(0xC0000201, 0))).isEqualTo(addresses);
    }
  }

  private static boolean refuses(SocksClient asked, Destination destination) throws Exception {
    return asked.refuses(group.next(), destination).get(30, TimeUnit.SECONDS);
  }

  /** Tor's own view of a stream that waits for a circuit, and of its end when we cancel. */
  @Test
  void torSeesTheStreamComeAndGo() throws Exception {
    var destination = new Destination.Name("isolated.example", 80);
    try (var torControl =
        TorControl.connect(control, new ControlAuthentication.None(), TorControl.TIMEOUT)) {
      var future =
          client.connect(
              group.next(), destination, GUEST, READS, new ChannelInboundHandlerAdapter());
      while (!isListed(torControl, "isolated.example:80")) {
        assertThat(future.isDone()).as("given up before Tor listed it").isFalse();
      }
      future.cancel(false);
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (isListed(torControl, "isolated.example:80")) {
        assertThat(System.nanoTime() - deadline).as("still listed").isNegative();
      }
    }
  }

  private static boolean isListed(TorControl torControl, String target) throws IOException {
    return torControl.streams().stream().anyMatch(stream -> stream.target().equals(target));
  }
}
