/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.link.Link;
import org.torvtl.link.linux.RawIpLink;
import org.torvtl.onion.Endpoint;
import org.torvtl.onion.FlowKey;
import org.torvtl.onion.Router;
import org.torvtl.onion.RouterConfig;
import org.torvtl.onion.RouterHandler;
import org.torvtl.onion.Secret;

/** A running router: a socket to its proxy, and its way to the world if it has one. */
public final class RouterNode implements AutoCloseable {
  private static final long THREAD_END_SECONDS = 5;

  private final RouterArguments arguments;
  private final @Nullable WayOut way;
  private final @Nullable Link world;
  private final @Nullable ReservedPorts ports;
  private final @Nullable FlowUsers users;
  private final MultiThreadIoEventLoopGroup group;
  private final IoEventLoop loop;
  private final PacketLog log;
  private final Router router;
  private final Alarm alarm;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private @Nullable MessageSocket socket;

  /**
   * A router that does not serve yet.
   *
   * @throws IOException if its log cannot be written, or its interface not be used
   */
  public RouterNode(RouterArguments arguments, Secret secret, SecureRandom random)
      throws IOException {
    this.arguments = arguments;
    long pid = ProcessHandle.current().pid();
    log = PacketLog.open(arguments.log(), "router %d (pid %d)".formatted(arguments.number(), pid));
    var exit = arguments.exit().orElse(null);
    try {
      world =
          exit == null ? null : RawIpLink.open(new NetworkInterface(exit.name()), exit.address());
    } catch (IOException e) {
      log.write(String.valueOf(e.getMessage()));
      log.close();
      throw e;
    }
    way = exit == null ? null : WayOut.of(exit);
    ports = exit == null ? null : new ReservedPorts(exit.address());
    users = exit == null ? null : FlowUsers.open(log::write);
    group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("onion-router"), EpollIoHandler.newFactory());
    loop = group.next();
    alarm = new Alarm(loop, this::onDeadline);
    router =
        new Router(
            new RouterConfig(
                arguments.number(),
                pid,
                secret,
                exit == null || world == null
                    ? null
                    : new RouterConfig.Exit(exit.name(), exit.address(), world.mtu())),
            new Handler(),
            random,
            System.nanoTime());
  }

  /**
   * Opens the socket to the proxy. What takes privileges is done then, and nothing was taken from
   * outside yet.
   */
  public void open() throws IOException, InterruptedException {
    var opened =
        MessageSocket.open(
            loop,
            arguments.proxyPort(),
            new FromProxy(),
            cause -> log.write("a message to the proxy was not taken: " + cause.getMessage()));
    loop.execute(() -> socket = opened);
  }

  /** Begins to serve: says to the proxy that it is up. */
  public void start() {
    loop.execute(() -> {
      if (world != null) {
        world.start(loop, new FromWorld());
      }
      onDeadline();
    });
  }

  /** Completed when the proxy has ended the circuit; fails when the interface is gone. */
  public CompletableFuture<Void> ended() {
    return ended.copy();
  }

  private void onDeadline() {
    router.onDeadline(System.nanoTime());
    endOfBatch();
  }

  private void endOfBatch() {
    if (socket != null) {
      socket.flush();
    }
    log.flush();
    alarm.set(router.nextDeadline());
  }

  /** What the router acts through. */
  private final class Handler implements RouterHandler {
    @Override
    public void send(ByteBuf message) {
      if (socket == null) {
        message.release();
      } else {
        socket.send(message);
      }
    }

    @Override
    public boolean hasWayOut() {
      return way != null && way.isThere();
    }

    @Override
    public boolean sendToWorld(ByteBuf packet) {
      if (world == null) {
        return false;
      }
      long drops = world.counters().sendDrops;
      world.send(packet, Unpooled.EMPTY_BUFFER);
      return world.counters().sendDrops == drops;
    }

    @Override
    public int reservePort() {
      try {
        return ports == null ? -1 : ports.reserve();
      } catch (IOException e) {
        log.write("no UDP port to be had: " + e.getMessage());
        return -1;
      }
    }

    @Override
    public int userOf(FlowKey flow) {
      return users == null ? UNKNOWN_USER : users.of(flow, System.nanoTime());
    }

    @Override
    public void releasePort(int port) {
      try {
        if (ports != null) {
          ports.release(port);
        }
      } catch (IOException e) {
        log.write("UDP port %d cannot be given back: %s".formatted(port, e.getMessage()));
      }
    }

    @Override
    public void closed() {
      ended.complete(null);
    }

    @Override
    public void log(String line) {
      log.write(line);
    }
  }

  /** The socket. */
  private final class FromProxy implements MessageSocket.Receiver {
    @Override
    public void message(ByteBuf datagram, Endpoint from) {
      router.receive(datagram, System.nanoTime());
    }

    @Override
    public void endOfBatch() {
      RouterNode.this.endOfBatch();
    }
  }

  /** The interface. */
  private final class FromWorld implements Link.Receiver {
    @Override
    public void frame(ByteBuf frame) {
      router.receiveFromWorld(frame, System.nanoTime());
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {
      RouterNode.this.endOfBatch();
    }

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      log.write(String.valueOf(cause.getMessage()));
      ended.completeExceptionally(cause);
    }
  }

  /** Closes sockets and log, and ends the threads. */
  @Override
  public void close() throws IOException {
    if (group.isShuttingDown()) {
      return;
    }
    loop.execute(() -> {
      if (socket != null) {
        router.counters().messageOverflow = socket.overflow();
      }
      router.close();
      alarm.cancel();
      if (socket != null) {
        socket.close();
      }
      if (world != null) {
        world.close();
      }
      if (users != null) {
        users.close();
      }
      if (world != null) {
        log.write(LinkReport.of(world));
      }
      log.write("ends; " + router.counters().nonZero());
    });
    group.shutdownGracefully(0, THREAD_END_SECONDS, TimeUnit.SECONDS);
    group.terminationFuture().awaitUninterruptibly(THREAD_END_SECONDS, TimeUnit.SECONDS);
    if (ports != null) {
      ports.close();
    }
    log.close();
  }
}
