/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A SOCKS proxy with a world behind it, for very many streams at little cost: a program to run on a
 * {@link Machine}. Whatever the address, port {@link #SILENT} says nothing, {@link #FLOOD} sends
 * zeros for ever, and {@link #HELLO} answers the first byte with a line and ends.
 *
 * <p>Arguments: the port to listen at on loopback, and {@code tell} to be told of each stream.
 * Prints {@code listening}; of each stream, then, the credentials once it is connected, as {@code
 * open USER PASSWORD}, and {@code closed USER PASSWORD} when the client has ended or cut it.
 */
public final class HoldingProxy {
  static final int SILENT = 1001, FLOOD = 1002, HELLO = 1003;
  private static final int BACKLOG = 4096, LONGEST = 1024;
  private static final byte[] METHOD = {5, 2}, LOGGED_IN = {1, 0};
  private static final byte[] CONNECTED = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  private static final byte[] GREETING = "hello\n".getBytes(StandardCharsets.US_ASCII);

  private final Selector selector;
  private final boolean tells;
  private final Map<SelectionKey, String> credentials = new HashMap<>();
  private final ByteBuffer in = ByteBuffer.allocate(LONGEST);
  private final ByteBuffer zeros = ByteBuffer.allocateDirect(64 << 10);

  private HoldingProxy(int port, boolean tells) throws IOException {
    this.tells = tells;
    selector = Selector.open();
    var listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), BACKLOG);
    listener.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
  }

  /** What a stream is about to say, or at. */
  private enum State {
    METHODS,
    LOGIN,
    REQUEST,
    SILENT,
    HELLO,
    FLOOD
  }

  /** The command that runs it on a machine. */
  static List<String> command(String project, int port, String... more) {
    var command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-cp",
                project + "/e2e/target/classes",
                HoldingProxy.class.getName(),
                Integer.toString(port)));
    command.addAll(List.of(more));
    return command;
  }

  /** Runs it until it is killed. */
  public static void main(String[] arguments) throws IOException {
    var proxy = new HoldingProxy(Integer.parseInt(arguments[0]), arguments.length > 1);
    System.out.println("listening");
    while (true) {
      proxy.selector.select(proxy::ready);
    }
  }

  private void ready(SelectionKey key) {
    try {
      if (key.channel() instanceof ServerSocketChannel listener) {
        accept(listener);
      } else if (key.channel() instanceof SocketChannel stream) {
        step(key, stream);
      }
    } catch (IOException e) {
      // The gateway has cut the stream, which is its right here.
      close(key);
    }
  }

  private void close(SelectionKey key) {
    ended(key);
    try {
      key.channel().close();
    } catch (IOException e) {
      System.err.println("cannot close a stream: " + e);
    }
  }

  private void ended(SelectionKey key) {
    var whose = credentials.remove(key);
    if (whose != null) {
      System.out.println("closed " + whose);
    }
  }

  private void accept(ServerSocketChannel listener) throws IOException {
    for (var stream = listener.accept(); stream != null; stream = listener.accept()) {
      stream.configureBlocking(false);
      stream.register(selector, SelectionKey.OP_READ, State.METHODS);
    }
  }

  /** The client waits for each answer before it goes on, so one read is one message. */
  private void step(SelectionKey key, SocketChannel stream) throws IOException {
    var state = (State) key.attachment();
    if (state == State.FLOOD) {
      while (stream.write(zeros.clear()) == zeros.capacity()) {
        // Until the client takes no more.
      }
      return;
    }
    if (stream.read(in.clear()) < 0) {
      ended(key);
      stream.close();
      return;
    }
    if (state == State.SILENT) {
      return;
    }
    switch (state) {
      case METHODS -> answer(key, stream, METHOD, State.LOGIN);
      case LOGIN -> login(key, stream);
      case REQUEST -> request(key, stream, 0);
      default -> {
        stream.write(ByteBuffer.wrap(GREETING));
        stream.close();
      }
    }
  }

  private static void answer(SelectionKey key, SocketChannel stream, byte[] bytes, State next)
      throws IOException {
    stream.write(ByteBuffer.wrap(bytes));
    key.attach(next);
  }

  /** The request may come with the login. */
  private void login(SelectionKey key, SocketChannel stream) throws IOException {
    int user = in.get(1) & 0xFF;
    int length = 3 + user + (in.get(2 + user) & 0xFF);
    if (tells) {
      credentials.put(key, text(2, user) + " " + text(3 + user, length - 3 - user));
    }
    answer(key, stream, LOGGED_IN, State.REQUEST);
    if (in.position() > length) {
      request(key, stream, length);
    }
  }

  private String text(int from, int length) {
    return new String(in.array(), from, length, StandardCharsets.US_ASCII);
  }

  private void request(SelectionKey key, SocketChannel stream, int from) throws IOException {
    int port = in.getShort(from + 8) & 0xFFFF;
    var state =
        switch (port) {
          case FLOOD -> State.FLOOD;
          case HELLO -> State.HELLO;
          default -> State.SILENT;
        };
    if (tells) {
      System.out.println("open " + credentials.get(key));
    }
    answer(key, stream, CONNECTED, state);
    if (state == State.FLOOD) {
      key.interestOps(SelectionKey.OP_WRITE);
    }
  }
}
