/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** A SOCKS5 server on loopback that stands for Tor and for the far end behind it. */
final class SocksServer implements AutoCloseable {
  static final int CONNECT = 1, RESOLVE = 0xF0, RESOLVE_PTR = 0xF1;
  private static final int PASSWORD = 2, ADDRESS = 1, NAME = 3;

  /** What is done with one request. */
  interface Script {
    void play(Stream stream) throws Exception;
  }

  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final Set<Socket> idle = ConcurrentHashMap.newKeySet();
  private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final AtomicInteger requests = new AtomicInteger();
  private volatile Script script = stream -> stream.refuse(1);
  private ServerSocket listener;
  private Thread acceptor;

  SocksServer() throws IOException {
    listener = listen(0);
    var first = listener;
    acceptor = Thread.startVirtualThread(() -> accept(first));
  }

  private static ServerSocket listen(int port) throws IOException {
    var socket = new ServerSocket();
    socket.setReuseAddress(true);
    socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 4096);
    return socket;
  }

  /** What is done with each request from now on. */
  void plays(Script next) {
    script = next;
  }

  InetSocketAddress address() {
    return (InetSocketAddress) listener.getLocalSocketAddress();
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

  private void accept(ServerSocket from) {
    while (!from.isClosed()) {
      try {
        var socket = from.accept();
        idle.add(socket);
        open.add(socket);
        Thread.startVirtualThread(() -> serve(socket));
      } catch (IOException e) {
        if (!from.isClosed()) {
          failures.add(e);
        }
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      socket.setTcpNoDelay(true);
      var in = new DataInputStream(socket.getInputStream());
      int version = in.read();
      if (version < 0) {
        // The gateway only asked whether we are there.
        return;
      }
      script.play(request(socket, in, version));
    } catch (IOException e) {
      // The gateway has closed, or a test has let the proxy die: tests look at the guest's side.
      socket.isClosed();
    } catch (Exception | AssertionError e) {
      failures.add(e);
    } finally {
      open.remove(socket);
      idle.remove(socket);
    }
  }

  private Stream request(Socket socket, DataInputStream in, int version) throws IOException {
    require(version == 5, "SOCKS version " + version);
    in.skipNBytes(in.readUnsignedByte());
    var out = socket.getOutputStream();
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
      socket.setSoLinger(true, 0);
      socket.close();
    }
  }

  /** A listener is not closed before the thread that accepts has seen that it is to be. */
  private void stopListening() throws IOException, InterruptedException {
    listener.close();
    if (!acceptor.join(Duration.ofSeconds(10))) {
      throw new AssertionError("still accepting");
    }
  }

  /** The process is back, on the same port. */
  void comeBack() throws IOException {
    var back = listen(address().getPort());
    listener = back;
    acceptor = Thread.startVirtualThread(() -> accept(back));
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var socket : open) {
      socket.close();
    }
    var failure = failures.poll();
    if (failure != null) {
      throw new AssertionError("the script of the SOCKS server failed", failure);
    }
  }

  /** One request, with nothing answered yet. */
  record Stream(
      Socket socket,
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
      socket.setSoLinger(true, 0);
      socket.close();
    }

    /** Waits until the gateway has closed the stream; what comes before counts for nothing. */
    void awaitEnd() throws IOException {
      try {
        in.transferTo(OutputStream.nullOutputStream());
      } catch (SocketException e) {
        // It was closed before it read all we have said: that ends with a RST, not a FIN.
        if (!"Connection reset".equals(e.getMessage())) {
          throw e;
        }
      }
    }
  }
}
