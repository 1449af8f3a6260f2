/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.torvtl.tor.socks.ScriptedProxy.WITH_PASSWORD;
import static org.torvtl.tor.socks.ScriptedProxy.hex;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.util.CharsetUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.tor.socks.ScriptedProxy.Conversation;

/** A proxy that goes away, is busy, does not answer, or is not the one it should be. */
@ParameterizedClass
@EnumSource(SocksClientFixture.Transport.class)
class SocksClientFailureTest extends SocksClientFixture {
  /** Where in the exchange the proxy goes away. */
  enum Stage {
    GREETING {
      @Override
      void reach(Conversation with) throws IOException {
        with.expect("05 01 02");
      }
    },
    CREDENTIALS {
      @Override
      void reach(Conversation with) throws IOException {
        with.expect("05 01 02").send(WITH_PASSWORD).expect(GUEST_LOGIN).expect(CONNECT_WEB);
      }
    },
    REQUEST {
      @Override
      void reach(Conversation with) throws IOException {
        with.login().expect(CONNECT_WEB);
      }
    },
    HALF_A_REPLY {
      @Override
      void reach(Conversation with) throws IOException {
        with.login().expect(CONNECT_WEB).send("05 00 00 01");
      }
    };

    abstract void reach(Conversation with) throws IOException;
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void reportsAnEarlyClose(Stage stage) throws Exception {
    against(
        with -> {
          stage.reach(with);
          with.shutdownOutput().expectEnd();
        },
        proxy -> {
          assertThat(failure(connect(proxy.address())))
              .isInstanceOf(SocksException.ProxyClosed.class);
        });
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void reportsAReset(Stage stage) throws Exception {
    against(
        with -> {
          stage.reach(with);
          with.reset();
        },
        proxy -> {
          assertThat(failure(connect(proxy.address())))
              .isInstanceOf(SocksException.ProxyClosed.class);
        });
  }

  @ParameterizedTest
  @EnumSource(Stage.class)
  void timesOut(Stage stage) throws Exception {
    against(
        with -> {
          stage.reach(with);
          with.expectEnd();
        },
        proxy -> {
          var client =
              new SocksClient(proxy.address(), PeerCheck.ANY, LONG, Duration.ofMillis(300));
          assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
              .isInstanceOf(SocksException.TimedOut.class)
              .hasMessageContaining("300 ms");
        });
  }

  @Test
  void aCancelledRequestClosesItsConnection() throws Exception {
    var asked = new CountDownLatch(1);
    against(
        with -> {
          Stage.CREDENTIALS.reach(with);
          asked.countDown();
          with.expectEnd();
        },
        proxy -> {
          var future = connect(proxy.address());
          assertThat(asked.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
          assertThat(future.cancel(false)).isTrue();
        });
  }

  @Test
  void anOpenStreamCannotBeCancelled() throws Exception {
    against(
        with -> {
          opened(with);
          with.expect(hex("x")).expectEnd();
        },
        proxy -> {
          var future = connect(proxy.address());
          var channel = get(future);
          assertThat(future.cancel(false)).isFalse();
          channel.writeAndFlush(Unpooled.copiedBuffer("x", CharsetUtil.US_ASCII)).sync();
          channel.close().sync();
        });
  }

  @Test
  void reportsAProxyThatIsNotThere() throws Exception {
    SocketAddress gone;
    try (var closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      gone = closed.getLocalSocketAddress();
    }
    assertThat(failure(connect(gone)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining(": Connection refused (is Tor running")
        .hasMessageContaining("is Tor running");
  }

  @Test
  void reportsAUnixSocketThatIsNotThere(@TempDir Path folder) throws Exception {
    assumeThat(transport).isEqualTo(Transport.UNIX_SOCKET);
    var address = UnixDomainSocketAddress.of(folder.resolve("socks"));
    assertThat(failure(connect(address)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining("unix:" + address)
        .hasMessageContaining("no such socket");
    // What a tor that was killed leaves.
    ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address).close();
    assertThat(failure(connect(address)))
        .isInstanceOf(SocksException.ProxyUnreachable.class)
        .hasMessageContaining(": Connection refused (is Tor running");
  }

  /** Where TCP would wait, the kernel answers at once: that proxy is not gone. */
  @Test
  void aUnixSocketWithAFullBacklogIsBusy(@TempDir Path folder) throws Exception {
    assumeThat(transport).isEqualTo(Transport.UNIX_SOCKET);
    var address = UnixDomainSocketAddress.of(folder.resolve("socks"));
    try (var full = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address, 1);
        var first = SocketChannel.open(address);
        var second = SocketChannel.open(address)) {
      assertThat(first.isConnected() && second.isConnected()).isTrue();
      assertThat(failure(connect(full.getLocalAddress())))
          .isInstanceOfSatisfying(
              SocksException.ProxyBusy.class, busy -> assertThat(busy.isTemporary()).isTrue());
      var client = new SocksClient(full.getLocalAddress(), PeerCheck.ANY, LONG, LONG);
      assertThat(isAlive(client).await().cause())
          .as("nobody knows")
          .isInstanceOf(SocksException.ProxyBusy.class);
      assertThat(client.watch(loop(), LONG).await().cause())
          .isInstanceOf(SocksException.ProxyBusy.class);
    }
  }

  private record Strangers(boolean connected, boolean greeted) implements PeerCheck {
    @Override
    public boolean passesConnected(Channel channel) {
      return connected;
    }

    @Override
    public boolean passesGreeted(Channel channel) {
      return greeted;
    }
  }

  @Test
  void aStrangerHearsNothing() throws Exception {
    against(
        List.of(Conversation::expectEnd, Conversation::expectEnd),
        proxy -> {
          var client = new SocksClient(proxy.address(), new Strangers(false, true), LONG, LONG);
          assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
              .isInstanceOf(SocksException.ForeignPeer.class);
          assertThat(get(isAlive(client))).isFalse();
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"05 02", "05 FF"})
  void aStrangerThatHasAcceptedHearsNothingOfAStream(String method) throws Exception {
    ScriptedProxy.Script script = with -> with.expect("05 01 02").send(method).expectEnd();
    against(
        List.of(script, script),
        proxy -> {
          var client = new SocksClient(proxy.address(), new Strangers(true, false), LONG, LONG);
          assertThat(failure(client.resolve(loop(), "a", GUEST)))
              .isInstanceOf(SocksException.ForeignPeer.class);
          assertThat(get(isAlive(client))).isFalse();
        });
  }

  /** A listener with a full backlog drops the SYN: the connection neither opens nor fails. */
  @Test
  void theTcpConnectionHasATimeoutOfItsOwn() throws Exception {
    try (var full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        var first = new java.net.Socket();
        var second = new java.net.Socket()) {
      first.connect(full.getLocalSocketAddress(), 1000);
      second.connect(full.getLocalSocketAddress(), 1000);
      var client =
          new SocksClient(
              full.getLocalSocketAddress(), PeerCheck.ANY, Duration.ofMillis(300), LONG);
      assertThat(failure(client.connect(loop(), WEB, GUEST, READS, reader)))
          .isInstanceOf(SocksException.ProxyUnreachable.class)
          .hasMessageContaining("timed out");
    }
  }
}
