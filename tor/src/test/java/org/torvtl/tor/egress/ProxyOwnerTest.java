/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.egress.socket.LastingEpollIoHandler;
import org.torvtl.tor.socks.SocksClient;
import org.torvtl.tor.socks.SocksCredentials;
import org.torvtl.tor.socks.SocksException;

/** Real processes of other users take a proxy's place. */
class ProxyOwnerTest {
  private static final Duration DEADLINE = Duration.ofSeconds(10);
  private static final SocksCredentials GUEST = new SocksCredentials("guest", "key");

  /**
   * Greets and answers RESOLVE with 1.2.3.4; tells by a line what it heard of each connection, and
   * what it hears before it has greeted.
   */
  private static final String PROXY =
      """
      import os, socket, sys
      unix = sys.argv[1].startswith('/')
      s = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
      s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      s.bind(sys.argv[1] if unix else ('127.0.0.1', int(sys.argv[1])))
      if unix: os.chmod(sys.argv[1], 0o777)
      s.listen(50)
      print('listening', flush=True)
      while True:
        c = s.accept()[0]
        heard = c.recv(100)
        if heard == b'\\x05\\x01\\x02':
          c.sendall(b'\\x05\\x02')
          more = c.recv(100)
          heard += more
          if more:
            c.sendall(b'\\x01\\x00\\x05\\x00\\x00\\x01\\x01\\x02\\x03\\x04\\x00\\x00')
            c.recv(1)
        c.close()
        print(heard.hex() or 'nothing', flush=True)
      """;

  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, LastingEpollIoHandler.newFactory());

  @AfterEach
  void stopLoop() {
    group.shutdownGracefully(0, 10, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private record Proxy(Process process, BufferedReader heard) implements AutoCloseable {
    static Proxy of(int uid, SocketAddress address) throws IOException {
      var where =
          address instanceof InetSocketAddress inet
              ? Integer.toString(inet.getPort())
              : address.toString();
      if (address instanceof UnixDomainSocketAddress unix) {
        Files.deleteIfExists(unix.getPath());
      }
      var process =
          new ProcessBuilder(
                  "setpriv",
                  "--reuid=" + uid,
                  "--clear-groups",
                  "/usr/bin/python3",
                  "-c",
                  PROXY,
                  where)
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      var heard = process.inputReader(StandardCharsets.US_ASCII);
      assertThat(heard.readLine()).isEqualTo("listening");
      return new Proxy(process, heard);
    }

    @Override
    public void close() {
      process.destroyForcibly();
      assertThat(process.onExit().completeOnTimeout(process, 10, TimeUnit.SECONDS).join().isAlive())
          .isFalse();
    }
  }

  private static SocketAddress address(boolean unix, Path folder) throws IOException {
    if (unix) {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
      return UnixDomainSocketAddress.of(folder.resolve("socks"));
    }
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalSocketAddress();
    }
  }

  private Throwable failure(SocksClient client) throws Exception {
    var asked = client.resolve(loop(), "a.example", GUEST);
    assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();
    return asked.cause();
  }

  private EventLoop loop() {
    return group.next();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aProcessOfAnotherUserHearsNothing(boolean unix, @TempDir Path folder) throws Exception {
    var address = address(unix, folder);
    var first = Proxy.of(61_001, address);
    try (var owner = ProxyOwner.find(address, DEADLINE)) {
      assertThat(owner.uid()).isEqualTo(61_001);
      // That was the question at the start.
      assertThat(first.heard.readLine()).isEqualTo(unix ? "nothing" : "050102");
      var client = new SocksClient(address, owner);
      assertThat(failure(client)).isNull();
      assertThat(first.heard.readLine()).startsWith("050102");
      first.close();

      try (var thief = Proxy.of(61_002, address)) {
        for (int i = 0; i < 3; i++) {
          assertThat(failure(client)).isInstanceOf(SocksException.ForeignPeer.class);
          assertThat(thief.heard.readLine()).isEqualTo("nothing");
        }
        assertThat(client.isAlive(loop(), DEADLINE).get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(thief.heard.readLine()).isEqualTo("nothing");
      }
      try (var again = Proxy.of(61_001, address)) {
        assertThat(failure(client)).isNull();
        assertThat(again.heard.readLine()).startsWith("050102");
      }
    } finally {
      first.close();
    }
  }

  @Test
  void aPortWhereNoProcessAcceptsIsNoProxy() throws Exception {
    try (var silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThatThrownBy(
              () -> ProxyOwner.find(silent.getLocalSocketAddress(), Duration.ofMillis(200)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no process accepts");
    }
  }

  /** It need not speak: its user is known as soon as it accepts. */
  @Test
  void aSilentProxyHasAnOwner() throws Exception {
    try (var silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var accepted =
          CompletableFuture.supplyAsync(() -> {
            try {
              return silent.accept();
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      try (var owner = ProxyOwner.find(silent.getLocalSocketAddress(), DEADLINE)) {
        assertThat(owner.uid()).isZero();
      }
      accepted.get(10, TimeUnit.SECONDS).close();
    }
  }
}
