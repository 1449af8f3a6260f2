/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A SOCKS server on loopback or a Unix domain socket that plays a script on each connection, one
 * after the other.
 */
final class ScriptedProxy implements AutoCloseable {
  static final String NO_AUTH = "05 00";
  static final String WITH_PASSWORD = "05 02";
  static final String ACCEPTED = "01 00";
  static final String SUCCEEDED = "05 00 00 01 00000000 0000";

  private static final int DEADLINE_MILLIS = 10_000;

  private final ServerSocketChannel server;
  private final @Nullable Path folder;
  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();
  private final CompletableFuture<Void> played = new CompletableFuture<>();

  /** What the server does with a connection. */
  interface Script {
    void play(Conversation with) throws IOException;
  }

  private ScriptedProxy(ServerSocketChannel server, @Nullable Path folder, Script... scripts) {
    this.server = server;
    this.folder = folder;
    Thread.startVirtualThread(() -> run(scripts));
  }

  static ScriptedProxy onTcp(Script... scripts) throws IOException {
    var server = ServerSocketChannel.open();
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), scripts.length);
    return new ScriptedProxy(server, null, scripts);
  }

  static ScriptedProxy onUnixSocket(Script... scripts) throws IOException {
    var folder = Files.createTempDirectory("proxy");
    var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(folder.resolve("socks")), scripts.length);
    return new ScriptedProxy(server, folder, scripts);
  }

  private void run(Script... scripts) {
    try {
      for (var script : scripts) {
        try (var channel = server.accept()) {
          open.add(channel);
          script.play(Conversation.on(channel));
        }
      }
      played.complete(null);
    } catch (IOException | RuntimeException | AssertionError e) {
      played.completeExceptionally(e);
    }
  }

  SocketAddress address() throws IOException {
    return server.getLocalAddress();
  }

  /** Waits for the end of the scripts; fails as the script failed. */
  void assertPlayed() throws Exception {
    played.get(DEADLINE_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (var channel : open) {
      channel.close();
    }
    if (folder != null) {
      Files.deleteIfExists(folder.resolve("socks"));
      Files.delete(folder);
    }
  }

  static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  static String hex(String ascii) {
    return HexFormat.of().formatHex(ascii.getBytes(StandardCharsets.US_ASCII));
  }

  /** The server's end of the connection. */
  record Conversation(SocketChannel channel, InputStream in, OutputStream out) {
    static Conversation on(SocketChannel channel) throws IOException {
      if (channel.supportedOptions().contains(StandardSocketOptions.TCP_NODELAY)) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      }
      return new Conversation(
          channel, Channels.newInputStream(channel), Channels.newOutputStream(channel));
    }

    Conversation expect(String hex) throws IOException {
      byte[] expected = bytes(hex);
      assertThat(in.readNBytes(expected.length)).isEqualTo(expected);
      return this;
    }

    Conversation send(String hex) throws IOException {
      out.write(bytes(hex));
      return this;
    }

    Conversation sendByteByByte(String hex) throws IOException {
      for (byte b : bytes(hex)) {
        out.write(b);
      }
      return this;
    }

    Conversation shutdownOutput() throws IOException {
      channel.shutdownOutput();
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
      if (channel.supportedOptions().contains(StandardSocketOptions.SO_LINGER)) {
        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
      }
      channel.close();
    }

    void expectEnd() throws IOException {
      assertThat(in.read()).isEqualTo(-1);
    }
  }
}
