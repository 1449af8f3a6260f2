/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.torvtl.tor.socks.ScriptedProxy.bytes;
import static org.torvtl.tor.socks.ScriptedProxy.hex;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.torvtl.tor.socks.ProxyFinding.Kind;

/** Each thing that can listen where Tor's SOCKS port is expected, played by a small server. */
class ProxyProbeTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);

  /** What a server does with each connection. */
  private interface Behavior {
    void serve(Socket socket) throws IOException;
  }

  /** A server on loopback, with a thread for each connection; closes each once it is served. */
  private static final class Server implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    Server(Behavior behavior) throws IOException {
      Thread.startVirtualThread(() -> {
        while (!server.isClosed()) {
          try {
            var socket = server.accept();
            open.add(socket);
            Thread.startVirtualThread(() -> serve(behavior, socket));
          } catch (IOException e) {
            // Closed: the test is over.
            return;
          }
        }
      });
    }

    private static void serve(Behavior behavior, Socket socket) {
      try (socket) {
        behavior.serve(socket);
      } catch (IOException e) {
        // The probe has gone away, as it may.
        return;
      }
    }

    InetSocketAddress address() {
      return new InetSocketAddress(server.getInetAddress(), server.getLocalPort());
    }

    @Override
    public void close() throws IOException {
      server.close();
      for (var socket : open) {
        socket.close();
      }
    }
  }

  private static ProxyFinding look(Behavior behavior) throws IOException {
    try (var server = new Server(behavior)) {
      var finding = ProxyProbe.look(server.address(), TIMEOUT);
      assertThat(finding.text()).contains("127.0.0.1:" + server.address().getPort());
      assertThat(finding.text() + finding.fix()).doesNotContain("\n", "%s", "null");
      return finding;
    }
  }

  private static void answer(Socket socket, String hex) throws IOException {
    socket.getOutputStream().write(bytes(hex));
  }

  private static byte[] read(Socket socket, int bytes) throws IOException {
    return socket.getInputStream().readNBytes(bytes);
  }

  /** Reads until the probe goes away. */
  private static void hold(Socket socket) throws IOException {
    var unused = socket.getInputStream().readAllBytes();
  }

  /** Waits for a whole line, as text protocols do, and answers it. */
  private static void answerLine(Socket socket, String text) throws IOException {
    for (int c = socket.getInputStream().read(); c != '\n'; c = socket.getInputStream().read()) {
      if (c < 0) {
        return;
      }
    }
    answer(socket, hex(text));
  }

  @Test
  void torsSocksPortIsUsable() throws Exception {
    var finding =
        look(socket -> {
          assertThat(read(socket, 3)).isEqualTo(bytes("05 01 02"));
          answer(socket, "05 02");
          assertThat(read(socket, 11)).isEqualTo(bytes("01 09" + hex("<torS0X>0")));
          read(socket, read(socket, 1)[0]);
          answer(socket, "01 00");
        });
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.ISOLATING);
    assertThat(finding.isUsable()).isTrue();
  }

  @Test
  void aSlowOneIsUsable() throws Exception {
    var finding =
        look(socket -> {
          byte[] greeting = read(socket, 3);
          if (greeting[0] != 5) {
            hold(socket);
            return;
          }
          // Until the probe has tried something else.
          socket.setSoTimeout(1500);
          try {
            hold(socket);
          } catch (SocketTimeoutException e) {
            answer(socket, "05 02");
          }
          socket.setSoTimeout(0);
          read(socket, 11);
          answer(socket, "01 00");
          hold(socket);
        });
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.ISOLATING);
  }

  @Test
  void oneWithoutPasswordsIsNot() throws Exception {
    for (var method : new String[] {"05 FF", "05 00"}) {
      var finding =
          look(socket -> {
            read(socket, 3);
            answer(socket, method);
          });
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.NOT_ISOLATING);
      assertThat(finding.text()).contains("username and password", "isolated");
    }
  }

  @Test
  void oneThatDemandsAnAccountIsNot() throws Exception {
    var finding =
        look(socket -> {
          read(socket, 3);
          answer(socket, "05 02");
          read(socket, 11);
          answer(socket, "01 01");
        });
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.PASSWORD);
    assertThat(finding.text()).contains("refuses", "account");
  }

  @Test
  void oneOfSocks4IsNamed() throws Exception {
    // One closes at once what is not version 4, another says that it is refused.
    Behavior closes =
        socket -> {
          if (read(socket, 1)[0] == 4) {
            read(socket, 8);
            answer(socket, "00 5B 0000 00000000");
          }
        };
    Behavior refuses =
        socket -> {
          read(socket, 3);
          answer(socket, "00 5B 0000 00000000");
        };
    for (var behavior : new Behavior[] {closes, refuses}) {
      var finding = look(behavior);
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.SOCKS4);
      assertThat(finding.text()).contains("SOCKS4 only");
    }
  }

  @Test
  void torsControlPortIsNamed() throws Exception {
    for (var answer :
        List.of(
            "514 Authentication required.\r\n",
            "HTTP/1.0 501 Tor ControlPort is not an HTTP proxy\r\n")) {
      var finding = look(socket -> answerLine(socket, answer));
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.CONTROL);
      assertThat(finding.text()).contains("Tor's control port");
      assertThat(finding.fix()).contains("SocksPort");
    }
  }

  @Test
  void anHttpProxyIsNamed() throws Exception {
    // One waits for a line, another answers rubbish, a third closes on it.
    Behavior waits = socket -> answerLine(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
    Behavior answers =
        socket -> {
          read(socket, 3);
          answer(socket, hex("HTTP/1.1 400 Bad Request\r\n\r\n"));
        };
    Behavior closes =
        socket -> {
          if (read(socket, 1)[0] != 5) {
            answerLine(socket, "HTTP/1.0 405 Method Not Allowed\r\n\r\n");
          }
        };
    for (var behavior : new Behavior[] {waits, answers, closes}) {
      var finding = look(behavior);
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.HTTP);
      assertThat(finding.text()).contains("HTTP port", "HTTPTunnelPort");
    }
  }

  @Test
  void aTlsServerIsNamed() throws Exception {
    var finding =
        look(socket -> {
          read(socket, 5);
          answer(socket, "15 03 01 00 02 02 46");
        });
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.TLS);
  }

  @Test
  void anotherServerIsQuoted() throws Exception {
    var finding =
        look(socket -> {
          answer(socket, hex("SSH-2.0-OpenSSH_9.2\r\n"));
          hold(socket);
        });
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.OTHER);
    assertThat(finding.text()).contains("it says 'SSH-2.0-OpenSSH_9.2'");
    var binary =
        look(socket -> {
          read(socket, 3);
          answer(socket, "FE DC BA");
        });
    assertThat(binary.text()).contains("fe dc ba");
  }

  @Test
  void oneThatClosesAtOnceIsNamed() throws Exception {
    var finding = look(socket -> {});
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.CLOSES);
    assertThat(finding.text()).contains("at once", "TransPort");
  }

  @Test
  void oneThatClosesWhenGreetedIsNamed() throws Exception {
    var finding = look(socket -> read(socket, 3));
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.CLOSES_GREETED);
  }

  @Test
  void oneThatIsSilentIsNamed() throws Exception {
    var finding = look(ProxyProbeTest::hold);
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.SILENT);
    assertThat(finding.text()).contains("accepts connections", "does not answer");
  }

  @Test
  void nothingListens() throws Exception {
    InetSocketAddress address;
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      address = new InetSocketAddress(server.getInetAddress(), server.getLocalPort());
    }
    var finding = ProxyProbe.look(address, TIMEOUT);
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.UNREACHABLE);
    assertThat(finding.text()).contains("cannot reach", "refused");
  }

  @Test
  void aUnixSocketThatIsNotThere(@TempDir Path folder) {
    var finding = ProxyProbe.look(UnixDomainSocketAddress.of(folder.resolve("socks")), TIMEOUT);
    assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.UNREACHABLE);
    assertThat(finding.text()).contains("unix:" + folder.resolve("socks"), "No such file");
  }

  @Test
  void aUnixSocketIsGreeted() throws Exception {
    try (var proxy =
        ScriptedProxy.onUnixSocket(
            with -> with.expect("05 01 02").send("05 02").expect("01 09").send("01 00"))) {
      var finding = ProxyProbe.look(proxy.address(), TIMEOUT);
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.ISOLATING);
    }
  }

  @Test
  void torsDnsPortIsNamed() throws Exception {
    try (var server = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      Thread.startVirtualThread(() -> {
        var packet = new DatagramPacket(new byte[512], 512);
        try {
          server.receive(packet);
          packet.getData()[2] |= (byte) 0x80;
          server.send(packet);
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
      });
      var finding =
          ProxyProbe.look(
              new InetSocketAddress(server.getLocalAddress(), server.getLocalPort()), TIMEOUT);
      assertThat(finding.kind()).as("%s", finding).isEqualTo(Kind.DNS);
      assertThat(finding.text()).contains("UDP", "DNSPort");
    }
  }
}
