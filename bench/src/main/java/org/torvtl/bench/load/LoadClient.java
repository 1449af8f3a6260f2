/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.torvtl.bench.socket.EventLoop;
import org.torvtl.bench.world.Service;

/** Does one {@link Workload} after the other. */
public final class LoadClient {
  private final EventLoop loop = new EventLoop();
  private final Inet4Address destination;
  private final @Nullable InetSocketAddress proxy;
  private @Nullable HeldConnections held;

  private LoadClient(Inet4Address destination, @Nullable InetSocketAddress proxy)
      throws IOException {
    this.destination = destination;
    this.proxy = proxy;
  }

  /**
   * Listens at a socket of the file system, and serves the one that connects until it is gone:
   * {@code SOCKET DESTINATION [PROXY PORT]}.
   */
  public static void main(String[] arguments) throws IOException, ClassNotFoundException {
    var proxy =
        arguments.length > 2
            ? new InetSocketAddress(arguments[2], Integer.parseInt(arguments[3]))
            : null;
    var client = new LoadClient((Inet4Address) InetAddress.getByName(arguments[1]), proxy);
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(Path.of(arguments[0])));
      System.out.println("listening");
      try (var channel = server.accept();
          var out = new ObjectOutputStream(Channels.newOutputStream(channel))) {
        out.flush();
        var in = new ObjectInputStream(Channels.newInputStream(channel));
        while (true) {
          out.writeObject(client.outcome((Workload) in.readObject()));
          out.flush();
        }
      }
    } catch (java.io.EOFException e) {
      // Nobody has more work for us.
    }
  }

  private Outcome outcome(Workload workload) {
    try {
      return run(workload);
    } catch (IOException e) {
      return new Outcome.Failed(String.valueOf(e.getMessage()));
    }
  }

  private Outcome run(Workload workload) throws IOException {
    return switch (workload) {
      case Workload.Streams(var direction, int count, int millis) ->
          switch (direction) {
            case UP -> StreamsUp.run(loop, to(Service.COUNT), count, millis);
            case DOWN -> StreamsDown.run(loop, to(Service.SOURCE), count, millis);
          };
      case Workload.Exchanges(int inFlight, int millis) ->
          new ExchangeLoad(loop, to(Service.ANSWER)).run(inFlight, millis);
      case Workload.Hold(int count) -> {
        held = new HeldConnections(loop, to(Service.ECHO));
        yield held.open(count);
      }
      case Workload.Use use -> held().use();
      case Workload.Release release -> held().release();
      case Workload.Soak(long seed, long bytes) ->
          new SoakLoad(loop, to(Service.HASH), to(Service.SEEDED_SOURCE)).run(seed, bytes);
    };
  }

  private HeldConnections held() throws IOException {
    if (held == null) {
      throw new IOException("no connections are held");
    }
    return held;
  }

  private Route to(Service service) {
    return Route.to(destination, service, proxy);
  }
}
