/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Asks a lab that starts whether it is ready yet. */
final class LabProbe {
  private static final int HTTP_TIMEOUT_MILLIS = 3000;
  private static final int PROBE_TIMEOUT_MILLIS = 10_000;

  private LabProbe() {}

  /** The page of a web server beyond Tor; empty if it does not come. */
  static Optional<String> fetch(SocketAddress socks, String host) throws IOException {
    try (var socket = new Socket(new Proxy(Proxy.Type.SOCKS, socks))) {
      socket.setSoTimeout(PROBE_TIMEOUT_MILLIS);
      socket.connect(InetSocketAddress.createUnresolved(host, 80), PROBE_TIMEOUT_MILLIS);
      socket
          .getOutputStream()
          .write(
              "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
                  .formatted(host)
                  .getBytes(StandardCharsets.US_ASCII));
      return Optional.of(
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      // A circuit may fail; whether the network does is for the deadline to say.
      return Optional.empty();
    }
  }

  /** A document from an authority; empty while it has none. */
  static Optional<String> get(LabNode authority, String path) throws IOException {
    var url = URI.create("http://" + authority.address() + ":" + LabNode.DIR_PORT + path).toURL();
    var connection = (HttpURLConnection) url.openConnection(Proxy.NO_PROXY);
    connection.setConnectTimeout(HTTP_TIMEOUT_MILLIS);
    connection.setReadTimeout(HTTP_TIMEOUT_MILLIS);
    try {
      if (connection.getResponseCode() != 200) {
        return Optional.empty();
      }
      try (InputStream body = connection.getInputStream()) {
        return Optional.of(new String(body.readAllBytes(), StandardCharsets.UTF_8));
      }
    } catch (SocketException | SocketTimeoutException e) {
      // Whether it is still there is what checkNodes looks at, and it knows why it is not.
      return Optional.empty();
    } finally {
      connection.disconnect();
    }
  }
}
