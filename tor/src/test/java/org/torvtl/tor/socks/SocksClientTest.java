/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.torvtl.tor.socks.ScriptedProxy.ACCEPTED;
import static org.torvtl.tor.socks.ScriptedProxy.NO_AUTH;
import static org.torvtl.tor.socks.ScriptedProxy.SUCCEEDED;
import static org.torvtl.tor.socks.ScriptedProxy.WITH_PASSWORD;
import static org.torvtl.tor.socks.ScriptedProxy.hex;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.CharsetUtil;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.egress.Destination;

/** What the client asks, and what it makes of the answers. */
@ParameterizedClass
@EnumSource(SocksClientFixture.Transport.class)
class SocksClientTest extends SocksClientFixture {
  @Test
  void opensAStreamToAnAddress() throws Exception {
    against(
        with -> {
          opened(with);
          with.expect(hex("ping")).send(hex("pong"));
          with.shutdownOutput().expectEnd();
        },
        proxy -> {
          var channel = get(connect(proxy.address()));
          assertThat(channel)
              .isInstanceOf(
                  switch (transport) {
                    case NIO -> NioSocketChannel.class;
                    case EPOLL -> EpollSocketChannel.class;
                    case UNIX_SOCKET -> EpollDomainSocketChannel.class;
                  });
          assertThat(channel.config().isAutoRead()).isFalse();
          assertThat(channel.config().getOption(ChannelOption.TCP_NODELAY))
              .isEqualTo(transport == Transport.UNIX_SOCKET ? null : Boolean.TRUE);
          assertThat(channel.config().getOption(ChannelOption.ALLOW_HALF_CLOSURE)).isTrue();
          assertThat(channel.pipeline().toMap().values()).containsExactly(reader);

          channel.writeAndFlush(Unpooled.copiedBuffer("ping", CharsetUtil.US_ASCII)).sync();
          channel.read();
          assertThat(reader.next()).isEqualTo("pong");
          channel.read();
          assertThat(reader.next()).isEqualTo("<end>");
          channel.close().sync();
        });
  }

  @Test
  void sendsANameAsItIs() throws Exception {
    against(
        with ->
            with.login()
                .expect("05 01 00 03 0B" + hex("eXample.COM") + "01BB")
                .send(SUCCEEDED)
                .expectEnd(),
        proxy -> {
          var destination = new Destination.Name("eXample.COM", 443);
          var client = client(proxy);
          get(client.connect(loop(), destination, GUEST, READS, reader)).close().sync();
        });
  }

  @Test
  void opensAStreamToAnIpv6AddressWithoutItsScope() throws Exception {
    against(
        with ->
            with.login()
                .expect("05 01 00 04 fe80 0000 0000 0000 0000 0000 0000 0001 0050")
                .send(SUCCEEDED)
                .expectEnd(),
        proxy -> {
          var destination = new Destination.Address(InetAddress.getByName("fe80::1%1"), 80);
          var client = client(proxy);
          get(client.connect(loop(), destination, GUEST, READS, reader)).close().sync();
        });
  }

  @Test
  void offersNoAuthenticationAloneWithoutCredentials() throws Exception {
    against(
        with ->
            with.expect("05 01 00").send(NO_AUTH).expect(CONNECT_WEB).send(SUCCEEDED).expectEnd(),
        proxy -> {
          get(client(proxy).connect(loop(), WEB, null, READS, reader)).close().sync();
        });
  }

  @Test
  void keepsWhatFollowsTheReply() throws Exception {
    against(
        with -> with.login().expect(CONNECT_WEB).send(SUCCEEDED + hex("220 early")).expectEnd(),
        proxy -> {
          var channel = get(connect(proxy.address()));
          channel.read();
          var seen = new StringBuilder();
          while (seen.length() < "220 early".length()) {
            seen.append(reader.next());
          }
          assertThat(seen).hasToString("220 early");
          channel.close().sync();
        });
  }

  @Test
  void doesNotReadBeforeItIsAsked() throws Exception {
    var sent = new CountDownLatch(1);
    against(
        with -> {
          opened(with);
          with.expect(hex("go")).send(hex("late"));
          sent.countDown();
          with.expectEnd();
        },
        proxy -> {
          var channel = get(connect(proxy.address()));
          channel.writeAndFlush(Unpooled.copiedBuffer("go", CharsetUtil.US_ASCII)).sync();
          assertThat(sent.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
          // Two full turns of the loop, each of which polls for I/O: a read left over would show
          // here.
          for (int turn = 0; turn < 2; turn++) {
            loop().schedule(() -> {}, 20, TimeUnit.MILLISECONDS).sync();
          }
          assertThat(reader.events).isEmpty();
          channel.read();
          assertThat(reader.next()).isEqualTo("late");
          channel.close().sync();
        });
  }

  /**
   * A sender that is done long before its bytes are read, as on a slow guest: all of them arrive,
   * then the end, and the other direction is still open.
   */
  @Test
  void losesNothingWhenTheFarEndIsDoneFirst() throws Exception {
    // As much as the kernel takes while nobody reads.
    var length = (transport == Transport.UNIX_SOCKET ? 64 : 256) * 1024;
    var done = new CountDownLatch(1);
    against(
        with -> {
          opened(with);
          with.send("2e".repeat(length)).shutdownOutput();
          done.countDown();
          with.expect(hex("thanks")).expectEnd();
        },
        proxy -> {
          var channel = get(connect(proxy.address()));
          assertThat(done.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
          int received = 0;
          for (var event = ""; !event.equals("<end>"); ) {
            channel.read();
            event = reader.next();
            received += event.startsWith(".") ? event.length() : 0;
            assertThat(event).isNotEqualTo("<inactive>");
          }
          assertThat(received).isEqualTo(length);
          channel.writeAndFlush(Unpooled.copiedBuffer("thanks", CharsetUtil.US_ASCII)).sync();
          channel.close().sync();
        });
  }

  @Test
  void takesAnswersByteByByte() throws Exception {
    against(
        with ->
            with.expect("05 01 02")
                .sendByteByByte(WITH_PASSWORD)
                .expect(GUEST_LOGIN)
                .sendByteByByte(ACCEPTED)
                .expect(CONNECT_WEB)
                .sendByteByByte("05 00 00 04 00112233445566778899aabbccddeeff 0000")
                .expectEnd(),
        proxy -> {
          get(connect(proxy.address())).close().sync();
        });
  }

  @ParameterizedTest
  @EnumSource(value = SocksReply.class, names = "UNASSIGNED", mode = EnumSource.Mode.EXCLUDE)
  void reportsEachReplyCode(SocksReply reply) throws Exception {
    assertRefused(reply.code(), reply);
  }

  @ParameterizedTest
  @ValueSource(ints = {0x09, 0x7F, 0x80, 0xEF, 0xF8, 0xFF})
  void reportsCodesWithoutAMeaning(int code) throws Exception {
    assertRefused(code, SocksReply.UNASSIGNED);
  }

  private void assertRefused(int code, SocksReply reply) throws Exception {
    against(
        with -> {
          with.login().expect(CONNECT_WEB).send("05 %02x 00 01 00000000 0000".formatted(code));
          with.expectEnd();
        },
        proxy -> {
          assertThat(failure(connect(proxy.address())))
              .isInstanceOfSatisfying(
                  SocksException.Refused.class,
                  refused -> {
                    assertThat(refused.reply()).isEqualTo(reply);
                    assertThat(refused.code()).isEqualTo(code);
                  });
        });
  }

  @Test
  void resolvesANameToEitherFamily() throws Exception {
    for (var reply :
        new String[] {
          "05 00 00 01 CB007107 0000", "05 00 00 04 20010db8" + "00".repeat(12) + "0000"
        }) {
      against(
          with ->
              with.login()
                  .expect("05 F0 00 03 0B" + hex("example.com") + "0000")
                  .send(reply)
                  .expectEnd(),
          proxy -> {
            var address = get(client(proxy).resolve(loop(), "example.com", GUEST));
            assertThat(address.getHostAddress()).isIn("203.0.113.7", "2001:db8:0:0:0:0:0:0");
            assertThat(address.getAddress()).hasSize(reply.startsWith("05 00 00 01") ? 4 : 16);
          });
    }
  }

  @Test
  void resolvesAnAddressToAName() throws Exception {
    against(
        with ->
            with.login()
                .expect("05 F1 00 01 CB007107 0000")
                .send("05 00 00 03 0B" + hex("example.com") + "0000")
                .expectEnd(),
        proxy -> {
          var address = InetAddress.getByName("203.0.113.7");
          assertThat(get(client(proxy).resolvePtr(loop(), address, GUEST)))
              .isEqualTo("example.com");
        });
  }

  /** As Tor 0.4.9 sends it: address type 0, with four bytes. */
  @Test
  void understandsTorsFailedResolve() throws Exception {
    against(
        with -> {
          with.login().expect("05 F0 00 03 01 61 0000").send("05 04 00 00 00000000 0000");
          with.expectEnd();
        },
        proxy -> {
          var client = client(proxy);
          assertThat(failure(client.resolve(loop(), "a", GUEST)))
              .isInstanceOfSatisfying(
                  SocksException.Refused.class,
                  e -> assertThat(e.reply()).isEqualTo(SocksReply.HOST_UNREACHABLE));
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "05 00 00 03 01 61 0000", // a name where an address was asked for
        "05 00 00 00 00000000 0000", // no address
        "05 00 00 02 00000000 0000", // an unknown address type
        "04 00 00 01 00000000 0000", // another version
        "48 54 54 50 2f 31 2e 30", // HTTP/1.0
      })
  void callsAnAnswerMalformed(String answer) throws Exception {
    against(
        with -> {
          with.login().expect("05 F0 00 03 01 61 0000").send(answer);
          with.expectEnd();
        },
        proxy -> {
          assertThat(failure(client(proxy).resolve(loop(), "a", GUEST)))
              .isInstanceOf(SocksException.MalformedReply.class)
              .hasMessageContaining(proxy.address().toString().replaceFirst("^[^/]*/(?=\\d)", ""));
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"05 00", "05 01", "05 ff"})
  void failsClosedWithoutTheMethodThatIsolates(String method) throws Exception {
    against(
        with -> with.expect("05 01 02").send(method).expectEnd(),
        proxy -> {
          assertThat(failure(connect(proxy.address())))
              .isInstanceOf(SocksException.MethodRefused.class)
              .hasMessageContaining("IsolateSOCKSAuth");
        });
  }

  @Test
  void reportsRefusedCredentials() throws Exception {
    against(
        with -> {
          with.expect("05 01 02").send("05 02").expect("01 05" + hex("guest"));
          with.expect("03" + hex("key"));
          with.expect(CONNECT_WEB).send("01 01").expectEnd();
        },
        proxy -> {
          assertThat(failure(connect(proxy.address())))
              .isInstanceOf(SocksException.CredentialsRefused.class);
        });
  }

  /**
   * A sender that closes altogether, with all its bytes unread: none is lost, and no loop spins.
   */
  @Test
  void losesNothingOfASenderThatHasClosed() throws Exception {
    int length = 64 * 1024;
    ScriptedProxy.Script script =
        with -> {
          opened(with);
          with.send("2e".repeat(length));
        };
    try (var proxy = scripted(script)) {
      var channel = get(connect(proxy.address()));
      proxy.assertPlayed();
      int received = 0;
      for (var event = ""; !event.equals("<end>"); ) {
        channel.read();
        event = reader.next();
        received += event.startsWith(".") ? event.length() : 0;
        assertThat(event).isNotEqualTo("<inactive>");
      }
      assertThat(received).isEqualTo(length);
      long before = cpuNanosOfLoop();
      // Nothing else is to come but the hang-up, which epoll reports for as long as it is asked.
      loop().schedule(() -> {}, 200, TimeUnit.MILLISECONDS).sync();
      assertThat(cpuNanosOfLoop() - before).isLessThan(TimeUnit.MILLISECONDS.toNanos(100));
      channel.close().sync();
    }
  }

  private long cpuNanosOfLoop() throws Exception {
    return get(loop().submit(() -> ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime()));
  }

  @Test
  void neverResolvesAName() {
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new SocksClient(InetSocketAddress.createUnresolved("localhost", 9050), PeerCheck.ANY));
    var client =
        new SocksClient(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1), PeerCheck.ANY);
    for (var name :
        new String[] {"", ".", "a..b", "bücher.example", "a b", "x".repeat(64), "::1"}) {
      assertThatIllegalArgumentException()
          .as(name)
          .isThrownBy(() -> client.resolve(loop(), name, GUEST));
    }
  }
}
