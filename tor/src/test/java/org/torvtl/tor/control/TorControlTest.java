/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Against a real Tor, and against servers that behave as no Tor should. */
@Timeout(60)
class TorControlTest {
  @TempDir Path directory = Path.of(".");

  private static SocketAddress loopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  private static TorControl connect(SocketAddress address, ControlAuthentication authentication)
      throws IOException {
    return TorControl.connect(address, authentication, TorControl.TIMEOUT);
  }

  private Path cookie() {
    return directory.resolve("data/control_auth_cookie");
  }

  @Test
  void asksARealTor() throws Exception {
    try (var tor = RealTor.offline(directory, "ControlPort auto", "CookieAuthentication 1");
        var control =
            connect(loopback(tor.port("Control")), new ControlAuthentication.Cookie(cookie()))) {
      assertThat(control.getInfo("version")).startsWith("0.");
      assertThat(control.getConf("DisableNetwork")).containsExactly("1");
      assertThat(control.getConf("ExitNodes")).isEmpty();
      assertThat(control.bootstrap())
          .isEqualTo(new BootstrapStatus(0, "starting", "Starting", null));
      assertThat(control.bootstrap().isDone()).isFalse();
      assertThat(control.circuits()).isEmpty();
      assertThat(control.streams()).isEmpty();
      assertThat(control.relays()).isEmpty();
      control.signal(TorSignal.NEWNYM);
      assertThatIOException()
          .isThrownBy(() -> control.getInfo("no/such/key"))
          .withMessageContaining("GETINFO no/such/key")
          .withMessageContaining("Unrecognized key");
      assertThatIllegalArgumentException().isThrownBy(() -> control.getInfo("version\r\nQUIT"));
      assertThat(control.getInfo("version")).as("after an error").startsWith("0.");
    }
  }

  @Test
  void takesWhatTorOffersOverAUnixSocket() throws Exception {
    var path = directory.resolve("control");
    try (var tor = RealTor.offline(directory, "ControlSocket " + path, "CookieAuthentication 1")) {
      tor.await("Opened Control listener connection \\(ready\\) on ");
      try (var control =
          connect(UnixDomainSocketAddress.of(path), new ControlAuthentication.Offered())) {
        assertThat(control.getInfo("version")).startsWith("0.");
      }
    }
  }

  @Test
  void takesAnOpenControlPort() throws Exception {
    try (var tor = RealTor.offline(directory, "ControlPort auto")) {
      var address = loopback(tor.port("Control"));
      for (var way :
          List.of(new ControlAuthentication.None(), new ControlAuthentication.Offered())) {
        try (var control = connect(address, way)) {
          assertThat(control.getConf("ControlPort")).containsExactly("auto");
        }
      }
    }
  }

  @Test
  void takesAPassword() throws Exception {
    var hash = new ProcessBuilder("tor", "--quiet", "--hash-password", "open sesame").start();
    var line = hash.inputReader(StandardCharsets.US_ASCII).lines().toList().getLast();
    assertThat(line).startsWith("16:");
    try (var tor =
        RealTor.offline(directory, "ControlPort auto", "HashedControlPassword " + line)) {
      var address = loopback(tor.port("Control"));
      try (var control = connect(address, new ControlAuthentication.Password("open sesame"))) {
        assertThat(control.getInfo("version")).startsWith("0.");
      }
      assertThatIOException()
          .isThrownBy(() -> connect(address, new ControlAuthentication.Password("wrong")))
          .withMessageContaining("AUTHENTICATE failed");
      assertThatIOException()
          .isThrownBy(() -> connect(address, new ControlAuthentication.Offered()))
          .withMessageContaining("give its password");
    }
  }

  @Test
  void aWrongCookieIsNoticedBeforeItIsShown() throws Exception {
    try (var tor = RealTor.offline(directory, "ControlPort auto", "CookieAuthentication 1")) {
      var address = loopback(tor.port("Control"));
      var other = Files.write(directory.resolve("other"), new byte[32]);
      assertThatIOException()
          .isThrownBy(() -> connect(address, new ControlAuthentication.Cookie(other)))
          .withMessageContaining("does not know the cookie");
      var file = Files.writeString(directory.resolve("secrets"), "not a cookie");
      assertThatIOException()
          .isThrownBy(() -> connect(address, new ControlAuthentication.Cookie(file)))
          .withMessageContaining("not a Tor cookie");
    }
  }

  @Test
  void theOwnerTakesTorDown() throws Exception {
    try (var tor = RealTor.offline(directory, "ControlPort auto")) {
      var control = connect(loopback(tor.port("Control")), new ControlAuthentication.None());
      control.takeOwnership();
      assertThat(tor.process().isAlive()).isTrue();
      control.close();
      assertThat(tor.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void tellsThatTorIsGone() throws Exception {
    try (var tor = RealTor.offline(directory, "ControlPort auto");
        var control = connect(loopback(tor.port("Control")), new ControlAuthentication.None())) {
      control.signal(TorSignal.HALT);
      control.closed().toCompletableFuture().get(20, TimeUnit.SECONDS);
      assertThatIOException()
          .isThrownBy(control::bootstrap)
          .withMessageContaining("the connection was closed");
      assertThat(tor.process().waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void tellsEachStepOfTheBootstrap() throws Exception {
    try (var tor = RealTor.stranded(directory, "ControlPort auto");
        var control = connect(loopback(tor.port("Control")), new ControlAuthentication.None())) {
      var steps = new LinkedBlockingQueue<BootstrapStatus>();
      control.onBootstrap(status -> {
        throw new IllegalStateException("a bad listener must not harm the others");
      });
      control.onBootstrap(steps::add);
      for (int i = 0; i < 2; i++) {
        var step = steps.poll(30, TimeUnit.SECONDS);
        assertThat(step).isNotNull();
        assertThat(step.percent()).isBetween(0, 10);
        assertThat(step.summary()).isNotEmpty();
      }
    }
  }

  @Test
  void aPortThatIsNotThereIsNamed() throws Exception {
    int port;
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = server.getLocalPort();
    }
    assertThatIOException()
        .isThrownBy(() -> connect(loopback(port), new ControlAuthentication.None()))
        .withMessageContaining("cannot reach Tor's control port")
        .withMessageContaining("is Tor running");
  }

  /** Plays one side of a connection, line by line: "<" takes a line, all else is sent. */
  private static CompletableFuture<Void> play(ServerSocket server, String... script) {
    var played = new CompletableFuture<Void>();
    Thread.startVirtualThread(() -> {
      try (var socket = server.accept()) {
        var in =
            new java.io.BufferedReader(
                new java.io.InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
        for (var line : script) {
          if (line.equals("<end>")) {
            assertThat(in.read()).isEqualTo(-1);
          } else if (line.startsWith("<")) {
            assertThat(in.readLine()).startsWith(line.substring(1));
          } else {
            socket.getOutputStream().write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
          }
        }
        played.complete(null);
      } catch (IOException | RuntimeException | AssertionError e) {
        played.completeExceptionally(e);
      }
    });
    return played;
  }

  @Test
  void aTorThatDoesNotAnswerIsGivenUp() throws Exception {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var played =
          play(
              server,
              "<PROTOCOLINFO",
              "250-PROTOCOLINFO 1",
              "250-AUTH METHODS=NULL",
              "250 OK",
              "<AUTHENTICATE",
              "250 OK",
              "<GETINFO version",
              "<end>");
      var control =
          TorControl.connect(
              server.getLocalSocketAddress(),
              new ControlAuthentication.Offered(),
              Duration.ofMillis(500));
      assertThatIOException()
          .isThrownBy(() -> control.getInfo("version"))
          .withMessageContaining("did not answer within 500 ms");
      assertThat(control.closed().toCompletableFuture()).isDone();
      played.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void aConnectionThatEndsDuringACommandFailsIt() throws Exception {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var played =
          play(
              server,
              "<PROTOCOLINFO",
              "250-AUTH METHODS=NULL",
              "250 OK",
              "<AUTHENTICATE",
              "250 OK",
              "<GETINFO version",
              "250+version=");
      var control = connect(server.getLocalSocketAddress(), new ControlAuthentication.None());
      assertThatIOException()
          .isThrownBy(() -> control.getInfo("version"))
          .withMessageContaining("the connection was closed");
      played.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void anotherProtocolIsNotTor() throws Exception {
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var played = play(server, "<PROTOCOLINFO", "HTTP/1.0 400 Bad Request");
      assertThatIOException()
          .isThrownBy(
              () -> connect(server.getLocalSocketAddress(), new ControlAuthentication.Offered()))
          .withMessageContaining("not Tor's answer");
      played.get(10, TimeUnit.SECONDS);
    }
  }
}
