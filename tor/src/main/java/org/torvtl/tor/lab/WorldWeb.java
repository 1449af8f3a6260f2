/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.lab;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The web server of the lab's world.
 *
 * <ul>
 *   <li>{@code GET /}: a text with the line {@code You came from ADDRESS}
 *   <li>{@code GET /bytes/N}: the first N {@link SampleBytes}, up to 1 GiB
 *   <li>{@code GET /sha256/N}: their SHA-256
 *   <li>{@code PUT} or {@code POST /sink}: takes all, answers {@code COUNT SHA256}
 * </ul>
 */
final class WorldWeb implements AutoCloseable {
  private static final long MOST_BYTES = 1L << 30;
  private static final int BACKLOG = 1024;

  private final HttpServer server;
  private final ExecutorService executor;

  private WorldWeb(HttpServer server, ExecutorService executor) {
    this.server = server;
    this.executor = executor;
  }

  static WorldWeb open(InetSocketAddress at) throws IOException {
    var server = HttpServer.create(at, BACKLOG);
    var executor = Executors.newVirtualThreadPerTaskExecutor();
    server.setExecutor(executor);
    server.createContext("/", logged(WorldWeb::root));
    server.createContext("/bytes/", logged(WorldWeb::bytes));
    server.createContext("/sha256/", logged(WorldWeb::sha256));
    server.createContext("/sink", logged(WorldWeb::sink));
    server.start();
    return new WorldWeb(server, executor);
  }

  InetSocketAddress address() {
    return server.getAddress();
  }

  @Override
  public void close() {
    server.stop(0);
    executor.shutdownNow();
  }

  /** A client that goes away in the middle is usual here; anything else belongs in the log. */
  private static HttpHandler logged(HttpHandler handler) {
    return exchange -> {
      try (exchange) {
        handler.handle(exchange);
      } catch (IOException | RuntimeException e) {
        System.err.println(
            "web: " + exchange.getRequestMethod() + " " + exchange.getRequestURI() + ": " + e);
        throw e;
      }
    };
  }

  private static void root(HttpExchange exchange) throws IOException {
    if (!exchange.getRequestURI().getPath().equals("/")) {
      text(exchange, 404, "Not here: " + exchange.getRequestURI().getPath() + "\n");
      return;
    }
    if (!isGet(exchange)) {
      return;
    }
    text(
        exchange,
        200,
        """
        This is the world behind a private Tor network.
        You came from %s
        """
            .formatted(exchange.getRemoteAddress().getAddress().getHostAddress()));
  }

  private static void bytes(HttpExchange exchange) throws IOException {
    long count = count(exchange);
    if (count < 0) {
      return;
    }
    exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
    exchange.sendResponseHeaders(200, count == 0 ? -1 : count);
    if (count > 0) {
      SampleBytes.write(count, exchange.getResponseBody()::write);
    }
  }

  private static void sha256(HttpExchange exchange) throws IOException {
    long count = count(exchange);
    if (count >= 0) {
      text(exchange, 200, SampleBytes.sha256(count) + "\n");
    }
  }

  private static void sink(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("PUT") || exchange.getRequestMethod().equals("POST")) {
      text(exchange, 200, SampleBytes.digest(exchange.getRequestBody()) + "\n");
    } else {
      text(exchange, 405, "PUT or POST\n");
    }
  }

  /**
   * The number at the end of the path; a negative one if the request was answered because there is
   * none.
   */
  private static long count(HttpExchange exchange) throws IOException {
    if (!isGet(exchange)) {
      return -1;
    }
    String path = exchange.getRequestURI().getPath();
    String number = path.substring(path.lastIndexOf('/') + 1);
    if (!number.matches("\\d{1,10}") || Long.parseLong(number) > MOST_BYTES) {
      text(exchange, 400, "a number from 0 to " + MOST_BYTES + " is needed\n");
      return -1;
    }
    return Long.parseLong(number);
  }

  private static boolean isGet(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("GET")) {
      return true;
    }
    text(exchange, 405, "GET\n");
    return false;
  }

  private static void text(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }
}
