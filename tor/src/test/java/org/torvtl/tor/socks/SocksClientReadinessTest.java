/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tor.socks.ScriptedProxy.ACCEPTED;
import static org.torvtl.tor.socks.ScriptedProxy.NO_AUTH;
import static org.torvtl.tor.socks.ScriptedProxy.SUCCEEDED;
import static org.torvtl.tor.socks.ScriptedProxy.WITH_PASSWORD;
import static org.torvtl.tor.socks.ScriptedProxy.hex;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.util.CharsetUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.torvtl.tor.socks.ScriptedProxy.Conversation;

/**
 * Whether the proxy answers, what becomes of the connection that asked, and when the proxy goes.
 */
@ParameterizedClass
@EnumSource(SocksClientFixture.Transport.class)
class SocksClientReadinessTest extends SocksClientFixture {
  /** On the loop, as a flow does: only there a ready connection is taken. */
  private Channel connectOnLoop(SocksClient client) throws Exception {
    return get(get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader))));
  }

  private static ScriptedProxy.Conversation greeting(ScriptedProxy.Conversation with)
      throws IOException {
    return with.expect("05 01 02").send(WITH_PASSWORD);
  }

  private static void stream(ScriptedProxy.Conversation with) throws IOException {
    with.expect(GUEST_LOGIN)
        .expect(CONNECT_WEB)
        .send(ACCEPTED)
        .send(SUCCEEDED)
        .expect(hex("ping"))
        .send(hex("pong"))
        .expectEnd();
  }

  private void pingOver(Channel channel) throws Exception {
    channel.writeAndFlush(Unpooled.copiedBuffer("ping", CharsetUtil.US_ASCII)).sync();
    channel.read();
    assertThat(reader.next()).isEqualTo("pong");
    channel.close().sync();
  }

  @Test
  void theConnectionThatAskedServesTheNextStream() throws Exception {
    against(
        with -> stream(greeting(with)),
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          pingOver(connectOnLoop(client));
        });
  }

  @Test
  void aStreamWithoutCredentialsHasAConnectionOfItsOwn() throws Exception {
    ScriptedProxy.Script anonymous =
        with ->
            with.expect("05 01 00").send(NO_AUTH).expect(CONNECT_WEB).send(SUCCEEDED).expectEnd();
    against(
        List.of(with -> greeting(with), anonymous),
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          get(get(loop().submit(() -> client.connect(loop(), WEB, null, READS, reader))))
              .close()
              .sync();
        });
  }

  /** Whether its end is known yet or not. */
  @Test
  void aReadyConnectionThatHasEndedIsReplaced() throws Exception {
    against(
        List.of(with -> greeting(with), with -> stream(greeting(with))),
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          pingOver(connectOnLoop(client));
        });
  }

  @Test
  void aReadyConnectionThatEndsOnTheRequestIsReplaced() throws Exception {
    ScriptedProxy.Script gone = with -> greeting(with).expect("01 05").reset();
    against(
        List.of(gone, with -> stream(greeting(with))),
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          pingOver(connectOnLoop(client));
        });
  }

  @Test
  void aRefusalOnAReadyConnectionIsTheAnswer() throws Exception {
    against(
        with ->
            greeting(with)
                .expect(GUEST_LOGIN)
                .expect(CONNECT_WEB)
                .send(ACCEPTED)
                .send("05 05 00 01 00000000 0000")
                .expectEnd(),
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          var asked = get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader)));
          assertThat(failure(asked)).isInstanceOf(SocksException.Refused.class);
        });
  }

  @Test
  void aReadyConnectionThatTalksIsClosed() throws Exception {
    var alive = new CountDownLatch(1);
    against(
        with -> {
          greeting(with);
          awaitQuietly(alive);
          with.send("05 00").expectEnd();
        },
        proxy -> {
          assertThat(get(isAlive(client(proxy)))).isTrue();
          alive.countDown();
        });
  }

  private Future<Boolean> watch(SocketAddress proxy, Duration longest) {
    return new SocksClient(proxy, PeerCheck.ANY, LONG, LONG).watch(loop(), longest);
  }

  @Test
  void aWatchSaysNothingAndEndsByItself() throws Exception {
    against(
        Conversation::expectEnd,
        proxy -> {
          assertThat(get(watch(proxy.address(), Duration.ofMillis(50)))).isTrue();
        });
  }

  @Test
  void aWatchSeesTheProxyGo() throws Exception {
    SocketAddress address;
    try (var proxy = scripted(with -> {}, Conversation::reset)) {
      address = proxy.address();
      assertThat(get(watch(address, LONG))).isFalse();
      assertThat(get(watch(address, LONG))).isFalse();
      proxy.assertPlayed();
    }
    assertThat(get(watch(address, LONG))).isFalse();
  }

  @Test
  void aWatchOfAProxyThatTalksEnds() throws Exception {
    against(
        with -> with.send("05 00").expectEnd(),
        proxy -> {
          assertThat(get(watch(proxy.address(), LONG))).isFalse();
        });
  }

  private static void awaitQuietly(CountDownLatch latch) throws IOException {
    try {
      assertThat(latch.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Test
  void aProxyThatSaysMoreThanTheMethodIsNotKept() throws Exception {
    against(
        with -> with.expect("05 01 02").send("05 02 05 00").expectEnd(),
        proxy -> {
          assertThat(get(isAlive(client(proxy)))).isFalse();
        });
  }

  @Test
  void cancellingClosesAReadyConnectionThatIsInUse() throws Exception {
    var asked = new CountDownLatch(1);
    against(
        with -> {
          greeting(with).expect(GUEST_LOGIN).expect(CONNECT_WEB);
          asked.countDown();
          with.expectEnd();
        },
        proxy -> {
          var client = client(proxy);
          assertThat(get(isAlive(client))).isTrue();
          var stream = get(loop().submit(() -> client.connect(loop(), WEB, GUEST, READS, reader)));
          assertThat(asked.await(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
          assertThat(stream.cancel(false)).isTrue();
        });
  }

  @Test
  void aProxyThatRefusesTheMethodIsAlive() throws Exception {
    against(
        with -> with.expect("05 01 02").send("05 FF").expectEnd(),
        proxy -> {
          assertThat(get(isAlive(client(proxy)))).isTrue();
        });
  }

  @Test
  void aProxyThatTakesTheConnectionAndSaysNothingIsNotAlive() throws Exception {
    against(
        with -> with.expect("05 01 02").expectEnd(),
        proxy -> {
          var client = client(proxy);
          assertThat(get(client.isAlive(loop(), Duration.ofMillis(200)))).isFalse();
        });
  }

  @Test
  void aProxyThatEndsTheConnectionIsNotAlive() throws Exception {
    try (var proxy = scripted(with -> with.expect("05 01 02"))) {
      assertThat(get(isAlive(client(proxy)))).isFalse();
    }
  }
}
