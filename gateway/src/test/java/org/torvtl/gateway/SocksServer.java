/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
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
import java.time.Duration;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A SOCKS5 server on loopback, or at a Unix domain socket, that stands for Tor and for the far end
 * behind it.
 */
final class SocksServer implements AutoCloseable {
  static final int CONNECT = 1, RESOLVE = 0xF0, RESOLVE_PTR = 0xF1;

  /** Whether those made from now on are at a Unix domain socket, not at a TCP port. */
  static volatile boolean onUnixSocket;

  private static final int PASSWORD = 2, ADDRESS = 1, NAME = 3;

  /** What is done with one request. */
  interface Script {
    void play(Stream stream) throws Exception;
  }

  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();
  private final Set<SocketChannel> idle = ConcurrentHashMap.newKeySet();
  private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final AtomicInteger requests = new AtomicInteger();
  private volatile Script script = stream -> stream.refuse(1);
  private final SocketAddress address;
  private ServerSocketChannel listener;
  private Thread acceptor;

  SocksServer() throws IOException {
    if (onUnixSocket) {
      var file = Files.createTempDirectory("socks").resolve("socket");
      listener = listen(UnixDomainSocketAddress.of(file));
    } else {
      listener = listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }
    address = listener.getLocalAddress();
    var first = listener;
    acceptor = Thread.startVirtualThread(() -> accept(first));
  }

  private static ServerSocketChannel listen(SocketAddress address) throws IOException {
    if (address instanceof UnixDomainSocketAddress unix) {
      // As tor does.
      Files.deleteIfExists(unix.getPath());
      return ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address, 4096);
    }
    return ServerSocketChannel.open()
        .setOption(StandardSocketOptions.SO_REUSEADDR, true)
        .bind(address, 4096);
  }

  /** What is done with each request from now on. */
  void plays(Script next) {
    script = next;
  }

  SocketAddress address() {
    return address;
  }

  /**
   * Connections of the gateway's that neither side has closed, besides those where nothing was
   * said, or only a greeting: they wait for a request, or for our end.
   */
  int open() {
    return open.size() - idle.size();
  }

  int requests() {
    return requests.get();
  }

  private void accept(ServerSocketChannel from) {
    while (from.isOpen()) {
      try {
        var socket = from.accept();
        idle.add(socket);
        open.add(socket);
        Thread.startVirtualThread(() -> serve(socket));
      } catch (IOException e) {
        if (from.isOpen()) {
          failures.add(e);
        }
      }
    }
  }

  private void serve(SocketChannel socket) {
    try (socket) {
      if (socket.supportedOptions().contains(StandardSocketOptions.TCP_NODELAY)) {
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
      }
      var in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(socket)));
      int version = in.read();
      if (version < 0) {
        // The gateway only asked whether we are there.
        return;
      }
      script.play(request(socket, in, version));
    } catch (IOException e) {
      // The gateway has closed, or a test has let the proxy die: tests look at the guest's side.
      socket.isOpen();
    } catch (Exception | AssertionError e) {
      failures.add(e);
    } finally {
      open.remove(socket);
      idle.remove(socket);
    }
  }

  private Stream request(SocketChannel socket, DataInputStream in, int version) throws IOException {
    require(version == 5, "SOCKS version " + version);
    in.skipNBytes(in.readUnsignedByte());
    var out = Channels.newOutputStream(socket);
    out.write(new byte[] {5, PASSWORD});
    int login = in.readUnsignedByte();
    idle.remove(socket);
    require(login == 1, "version of the login");
    var user = new String(in.readNBytes(in.readUnsignedByte()), StandardCharsets.ISO_8859_1);
    var password = new String(in.readNBytes(in.readUnsignedByte()), StandardCharsets.ISO_8859_1);
    out.write(new byte[] {1, 0});
    require(in.readUnsignedByte() == 5, "version of the request");
    int command = in.readUnsignedByte();
    in.skipNBytes(1);
    int type = in.readUnsignedByte();
    String host;
    if (type == ADDRESS) {
      host = InetAddress.getByAddress(in.readNBytes(4)).getHostAddress();
    } else {
      require(type == NAME, "address type " + type);
      host = new String(in.readNBytes(in.readUnsignedByte()), StandardCharsets.ISO_8859_1);
    }
    requests.incrementAndGet();
    return new Stream(
        socket, in, out, command, host, in.readUnsignedShort(), user + ":" + password);
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("not as SOCKS5 has it: " + what);
    }
  }

  /** The process dies: its listener goes first, then the kernel ends its streams with a FIN. */
  void die() throws IOException, InterruptedException {
    stopListening();
    for (var socket : open) {
      socket.shutdownOutput();
    }
  }

  /** The process dies with bytes of ours unread: the kernel ends its streams with a RST. */
  void dieWithResets() throws IOException, InterruptedException {
    stopListening();
    for (var socket : open) {
      reset(socket);
    }
  }

  /** A Unix domain socket has no RST: there it is a plain end. */
  private static void reset(SocketChannel socket) throws IOException {
    if (socket.supportedOptions().contains(StandardSocketOptions.SO_LINGER)) {
      socket.setOption(StandardSocketOptions.SO_LINGER, 0);
    }
    socket.close();
  }

  /**
   * Takes no more connections; those that are open stay. A listener is not closed before the thread
   * that accepts has seen that it is to be.
   */
  void stopListening() throws IOException, InterruptedException {
    listener.close();
    if (!acceptor.join(Duration.ofSeconds(10))) {
      throw new AssertionError("still accepting");
    }
  }

  /** The process is back, at the same address. */
  void comeBack() throws IOException {
    var back = listen(address);
    listener = back;
    acceptor = Thread.startVirtualThread(() -> accept(back));
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var socket : open) {
      socket.close();
    }
    if (address instanceof UnixDomainSocketAddress unix) {
      Files.deleteIfExists(unix.getPath());
      Files.delete(unix.getPath().getParent());
    }
    var failure = failures.poll();
    if (failure != null) {
      throw new AssertionError("the script of the SOCKS server failed", failure);
    }
  }

  /** One request, with nothing answered yet. */
  record Stream(
      SocketChannel socket,
      DataInputStream in,
      OutputStream out,
      int command,
      String host,
      int port,
      String credentials) {
    void accept() throws IOException {
      out.write(new byte[] {5, 0, 0, ADDRESS, 0, 0, 0, 0, 0, 0});
    }

    /** Says yes, and sends the first bytes of the stream with it. */
    void acceptWith(byte[] first) throws IOException {
      var reply = new byte[10 + first.length];
      reply[0] = 5;
      reply[3] = ADDRESS;
      System.arraycopy(first, 0, reply, 10, first.length);
      out.write(reply);
    }

    void answer(byte[] address) throws IOException {
      out.write(new byte[] {5, 0, 0, ADDRESS});
      out.write(address);
      out.write(new byte[2]);
    }

    void refuse(int code) throws IOException {
      out.write(new byte[] {5, (byte) code, 0, ADDRESS, 0, 0, 0, 0, 0, 0});
    }

    void reset() throws IOException {
      SocksServer.reset(socket);
    }

    /** Waits until the gateway has closed the stream; what comes before counts for nothing. */
    void awaitEnd() throws IOException {
      try {
        in.transferTo(OutputStream.nullOutputStream());
      } catch (IOException e) {
        // It was closed before it read all we have said: that ends with a RST, not a FIN.
        if (!String.valueOf(e.getMessage()).startsWith("Connection reset")) {
          throw e;
        }
      }
    }
  }
}
