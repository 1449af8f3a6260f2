/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A plain TCP service of the lab's world. */
final class WorldTcp implements AutoCloseable {
  /** What a service does with a connection, which is closed after. */
  @FunctionalInterface
  interface Service {
    void serve(Socket connection) throws IOException;
  }

  /** Sends back what it gets, to the end. RFC 862. */
  static final Service ECHO =
      connection -> connection.getInputStream().transferTo(connection.getOutputStream());

  /** Reads to the end, and only then answers {@code COUNT SHA256}. */
  static final Service DIGEST =
      connection ->
          connection
              .getOutputStream()
              .write(
                  (SampleBytes.digest(connection.getInputStream()) + "\n")
                      .getBytes(StandardCharsets.US_ASCII));

  /** Sends {@link SampleBytes} until the other end has enough. */
  static final Service ENDLESS =
      connection -> SampleBytes.write(Long.MAX_VALUE, connection.getOutputStream()::write);

  private static final int BACKLOG = 1024;

  private final ServerSocket listener;
  private final Service service;

  private WorldTcp(ServerSocket listener, Service service) {
    this.listener = listener;
    this.service = service;
  }

  static WorldTcp open(InetSocketAddress at, Service service) throws IOException {
    var listener = new ServerSocket();
    try {
      listener.bind(at, BACKLOG);
    } catch (IOException e) {
      listener.close();
      throw new IOException("cannot listen on " + at + ": " + e.getMessage(), e);
    }
    var tcp = new WorldTcp(listener, service);
    Thread.ofVirtual().name("world-tcp-" + listener.getLocalPort()).start(tcp::accept);
    return tcp;
  }

  InetSocketAddress address() {
    return (InetSocketAddress) listener.getLocalSocketAddress();
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var connection = listener.accept();
        Thread.ofVirtual().start(() -> serve(connection));
      } catch (IOException e) {
        if (!listener.isClosed()) {
          System.err.println("tcp " + address() + ": " + e);
        }
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      connection.setTcpNoDelay(true);
      service.serve(connection);
    } catch (IOException e) {
      System.err.println(
          "tcp " + address() + ": " + connection.getRemoteSocketAddress() + ": " + e);
    }
  }
}
