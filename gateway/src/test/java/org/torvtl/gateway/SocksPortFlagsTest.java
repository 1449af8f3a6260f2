/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.torvtl.egress.Answer;
import org.torvtl.egress.EgressListener;
import org.torvtl.egress.IsolationKey;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.socks.PeerCheck;
import org.torvtl.tor.socks.SocksException;

/** Against a proxy that answers as Tor does on ports with such flags. */
@Timeout(60)
class SocksPortFlagsTest {
  private static final int GENERAL_FAILURE = 1, NOT_ALLOWED = 2, HOST_UNREACHABLE = 4;

  private static final IsolationKey GUEST = new IsolationKey("guest");

  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, LastingEpollIoHandler.newFactory());
  private final AtomicInteger probes = new AtomicInteger();
  private SocksServer proxy;
  private TorEgress egress;

  @SuppressWarnings("NullAway.Init") // start() sets the rest
  SocksPortFlagsTest() {}

  @BeforeEach
  void start() throws Exception {
    proxy = new SocksServer();
    egress = new TorEgress(proxy.address(), PeerCheck.ANY, EgressListener.NONE);
  }

  @AfterEach
  void stop() throws Exception {
    proxy.close();
    group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
  }

  private void refuses(boolean names, boolean addresses) {
    proxy.plays(stream -> {
      if (stream.command() != SocksServer.CONNECT) {
        stream.refuse(HOST_UNREACHABLE);
        return;
      }
      assertThat(stream.port()).as("nothing leaves the proxy").isZero();
      probes.incrementAndGet();
      boolean isName = stream.host().endsWith("invalid");
      stream.refuse((isName ? names : addresses) ? NOT_ALLOWED : GENERAL_FAILURE);
    });
  }

  /** What an answer says, or the reply that it failed with. */
  private static String outcome(Future<Answer> lookup) throws Exception {
    assertThat(lookup.await(20, TimeUnit.SECONDS)).isTrue();
    if (lookup.isSuccess()) {
      return lookup.getNow().toString();
    }
    assertThat(lookup.cause()).isInstanceOf(SocksException.Refused.class);
    return ((SocksException.Refused) lookup.cause()).reply().toString();
  }

  /** Tor says "host unreachable" of each of them. */
  @ParameterizedTest
  @CsvSource({
    "false, false, UNKNOWN",
    "true, false, NOT_ALLOWED",
    "false, true, NOT_ALLOWED",
    "true, true, NOT_ALLOWED"
  })
  void aNameIsUnknownOnlyWhereThePortTakesLookups(boolean names, boolean addresses, String expected)
      throws Exception {
    refuses(names, addresses);
    for (int i = 0; i < 3; i++) {
      assertThat(outcome(egress.resolve(group.next(), GUEST, "www.example.com")))
          .isEqualTo(expected);
      var address = InetAddress.ofLiteral("192.0.2.7");
      assertThat(outcome(egress.resolvePtr(group.next(), GUEST, address))).isEqualTo(expected);
    }
    assertThat(probes.get()).as("it is asked once").isEqualTo(2);
  }

  /** Of AutomapHostsOnResolve: its networks, unless torrc has others. */
  @Test
  void aMadeUpAddressIsNoAnswer() throws Exception {
    proxy.plays(stream -> stream.answer(new byte[] {127, (byte) 200, 1, 2}));
    assertThat(outcome(egress.resolve(group.next(), GUEST, "www.example.com")))
        .isEqualTo("GENERAL_FAILURE");
  }

  @Test
  void aLookupThatIsCancelledEnds() throws Exception {
    proxy.plays(SocksServer.Stream::awaitEnd);
    var lookup = egress.resolve(group.next(), GUEST, "www.example.com");
    while (proxy.requests() == 0) {
      Thread.onSpinWait();
    }
    assertThat(lookup.cancel(false)).isTrue();
    while (proxy.open() > 0) {
      Thread.onSpinWait();
    }
  }
}
