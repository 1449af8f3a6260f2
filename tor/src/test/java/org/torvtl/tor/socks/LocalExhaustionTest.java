/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelException;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.Errors;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;

/** The exceptions are as Netty gives them; the end-to-end tests meet the real ones. */
class LocalExhaustionTest {
  private static final InetSocketAddress PROXY =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 9050);

  private static ConnectException connect(int error, String text) {
    return new ConnectException("connect(..) failed with error(-" + error + "): " + text);
  }

  @Test
  void noDescriptorIsLeft() {
    // Loads the native library, which the exception's class needs.
    Epoll.ensureAvailability();
    var cause =
        new ChannelException(
            "Unable to create Channel",
            new ReflectiveOperationException(
                new ChannelException(Errors.newIOException("newSocketStream", -24))));
    var told = SocksException.notConnected(PROXY, cause);
    assertThat(told).isInstanceOf(SocksException.Exhausted.class);
    assertThat(told.isTemporary()).isTrue();
    assertThat(told.isProxyGone()).isFalse();
    assertThat(told.getMessage())
        .contains("127.0.0.1:9050")
        .contains("Too many open files")
        .contains("ulimit -Hn");
  }

  @Test
  void noPortIsLeft() {
    var cause = new ConnectException("Cannot assign requested address: /127.0.0.1:9050");
    cause.initCause(connect(99, "Cannot assign requested address"));
    var told = SocksException.notConnected(PROXY, cause);
    assertThat(told).isInstanceOf(SocksException.Exhausted.class);
    assertThat(told.getMessage()).contains("ip_local_port_range");
  }

  /** It is the proxy that has no place left, not this side. */
  @Test
  void theQueueOfTheProxyIsFull() {
    var told = SocksException.notConnected(PROXY, connect(11, "Resource temporarily unavailable"));
    assertThat(told).isInstanceOf(SocksException.ProxyBusy.class);
    assertThat(told.isTemporary()).isTrue();
    assertThat(told.getMessage()).contains("127.0.0.1:9050", "is busy");
  }

  @Test
  void aProxyThatIsGoneIsGone() {
    for (var cause :
        new Exception[] {
          connect(111, "Connection refused"),
          connect(113, "No route to host"),
          new IOException("closed"),
          new ConnectException("connection timed out")
        }) {
      assertThat(SocksException.notConnected(PROXY, cause))
          .isInstanceOf(SocksException.ProxyUnreachable.class);
    }
    assertThat(SocksException.notConnected(PROXY, null))
        .isInstanceOf(SocksException.ProxyUnreachable.class);
  }
}
