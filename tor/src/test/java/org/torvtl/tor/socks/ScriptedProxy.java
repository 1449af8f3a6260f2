/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A SOCKS server on loopback that plays a script on each connection, one after the other. */
final class ScriptedProxy implements AutoCloseable {
  static final String NO_AUTH = "05 00";
  static final String WITH_PASSWORD = "05 02";
  static final String ACCEPTED = "01 00";
  static final String SUCCEEDED = "05 00 00 01 00000000 0000";

  private static final int DEADLINE_MILLIS = 10_000;

  private final ServerSocket server;
  private final CompletableFuture<Void> played = new CompletableFuture<>();

  /** What the server does with a connection. */
  interface Script {
    void play(Conversation with) throws IOException;
  }

  ScriptedProxy(Script... scripts) throws IOException {
    server = new ServerSocket(0, scripts.length, InetAddress.getLoopbackAddress());
    server.setSoTimeout(DEADLINE_MILLIS);
    Thread.startVirtualThread(() -> run(scripts));
  }

  private void run(Script... scripts) {
    try {
      for (var script : scripts) {
        try (var socket = server.accept()) {
          socket.setSoTimeout(DEADLINE_MILLIS);
          socket.setTcpNoDelay(true);
          script.play(new Conversation(socket));
        }
      }
      played.complete(null);
    } catch (IOException | RuntimeException | AssertionError e) {
      played.completeExceptionally(e);
    }
  }

  SocketAddress address() {
    return server.getLocalSocketAddress();
  }

  /** Waits for the end of the scripts; fails as the script failed. */
  void assertPlayed() throws Exception {
    played.get(DEADLINE_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() throws IOException {
    server.close();
  }

  static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  static String hex(String ascii) {
    return HexFormat.of().formatHex(ascii.getBytes(StandardCharsets.US_ASCII));
  }

  /** The server's end of the connection. */
  record Conversation(Socket socket) {
    Conversation expect(String hex) throws IOException {
      byte[] expected = bytes(hex);
      assertThat(socket.getInputStream().readNBytes(expected.length)).isEqualTo(expected);
      return this;
    }

    Conversation send(String hex) throws IOException {
      socket.getOutputStream().write(bytes(hex));
      return this;
    }

    Conversation sendByteByByte(String hex) throws IOException {
      for (byte b : bytes(hex)) {
        socket.getOutputStream().write(b);
      }
      return this;
    }

    Conversation shutdownOutput() throws IOException {
      socket.shutdownOutput();
      return this;
    }

    /** The greeting with username/password alone, and the credentials {@code guest:key}. */
    Conversation login() throws IOException {
      return expect("05 01 02")
          .send(WITH_PASSWORD)
          .expect("01 05" + hex("guest") + "03" + hex("key"))
          .send(ACCEPTED);
    }

    void reset() throws IOException {
      socket.setSoLinger(true, 0);
      socket.close();
    }

    void expectEnd() throws IOException {
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }
}
