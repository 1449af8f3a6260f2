/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.torvtl.link.Link;
import org.torvtl.onion.Endpoint;
import org.torvtl.onion.Proxy;
import org.torvtl.onion.ProxyConfig;
import org.torvtl.onion.ProxyEvent;
import org.torvtl.onion.ProxyHandler;
import org.torvtl.onion.Secret;
import org.torvtl.wire.Ipv4Network;

/**
 * A running proxy: the tunnel device, the socket, and the routers' processes. It owns all three.
 */
public final class ProxyNode implements AutoCloseable {
  private static final Duration CLOSED_BY_MESSAGE = Duration.ofSeconds(1);
  private static final Duration CLOSED_BY_SIGNAL = Duration.ofSeconds(2);
  private static final long THREAD_END_SECONDS = 5;

  /**
   * How to run it.
   *
   * @param tunnel the host's address in the tunnel's network, and that network
   * @param sources reads the host's addresses, the tunnel's among them
   * @param routers one for each router: its way to the world, if it has one
   * @param routerCommand runs a router; the arguments of {@link RouterArguments} are added
   * @param routerUser whom a router becomes; empty if it stays who it is
   * @param logs the directory for the logs; made if it is not there
   * @param startTimeout how long the routers may take to come up
   */
  public record Options(
      Ipv4Network tunnel,
      Supplier<Set<Integer>> sources,
      List<Optional<RouterInterface>> routers,
      List<String> routerCommand,
      Optional<String> routerUser,
      Path logs,
      Duration startTimeout) {}

  private final Link device;
  private final Options options;
  private final List<Secret> secrets;
  private final Consumer<ProxyEvent> listener;
  private final Consumer<IOException> onDeviceFailure;
  private final MultiThreadIoEventLoopGroup group;
  private final IoEventLoop loop;
  private final PacketLog log;
  private final Proxy proxy;
  private final Alarm alarm;
  private final List<RouterProcess> processes = new ArrayList<>();

  /** What hears everybody; closed once every router has a socket to itself. */
  private @Nullable MessageSocket socket;

  /** One for each router that has said it is up, so that nobody else can fill its queue. */
  private final Map<Endpoint, MessageSocket> sockets = new HashMap<>();

  private boolean allUp;
  private long overflow;
  private boolean closed;

  /**
   * A proxy that does not serve yet.
   *
   * @param listener told on a thread of the node what happens to routers
   * @param onDeviceFailure told on a thread of the node when the device is gone
   * @throws IOException if the log cannot be written
   * @throws IllegalArgumentException if the options contradict each other, in words for the user
   */
  public ProxyNode(
      Link device,
      Options options,
      SecureRandom random,
      Consumer<ProxyEvent> listener,
      Consumer<IOException> onDeviceFailure)
      throws IOException {
    this.device = device;
    this.options = options;
    this.listener = listener;
    this.onDeviceFailure = onDeviceFailure;
    secrets = Stream.generate(() -> Secret.draw(random)).limit(options.routers().size()).toList();
    var config =
        new ProxyConfig(
            device.name(),
            options.tunnel(),
            device.mtu(),
            options.sources().get(),
            secrets,
            random.nextLong(),
            options.startTimeout().toNanos());
    proxy = new Proxy(config, new Handler(), System.nanoTime());
    log =
        PacketLog.open(
            options.logs().resolve("proxy.log"),
            "proxy (pid %d)".formatted(ProcessHandle.current().pid()));
    group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("onion-proxy"), EpollIoHandler.newFactory());
    loop = group.next();
    alarm = new Alarm(loop, this::onDeadline);
  }

  /**
   * Opens the socket, begins to serve, and starts the routers. The kernel takes them along when the
   * calling thread ends, so it must live as long as the node does.
   *
   * @return the port of 127.0.0.1 that the system chose
   * @throws IOException if there is no socket or a router cannot be started
   */
  public int start() throws IOException, InterruptedException {
    var opened = MessageSocket.open(loop, null, new FromRouters(), this::notTaken);
    int port = opened.port();
    loop.execute(() -> {
      socket = opened;
      log.write(
          "listens on 127.0.0.1:%d; %s is %s".formatted(port, device.name(), options.tunnel()));
      device.start(loop, new FromHost());
      endOfBatch();
    });
    for (int i = 0; i < secrets.size(); i++) {
      startRouter(i + 1, port);
    }
    return port;
  }

  private void startRouter(int number, int port) throws IOException {
    var arguments =
        new RouterArguments(
            number,
            port,
            ProcessHandle.current().pid(),
            logOf(number),
            options.routers().get(number - 1),
            options.routerUser());
    var command = new ArrayList<>(options.routerCommand());
    command.addAll(arguments.words());
    RouterProcess process;
    synchronized (processes) {
      if (closed) {
        return;
      }
      process = RouterProcess.start(command, secrets.get(number - 1));
      processes.add(process);
    }
    loop.execute(() -> {
      proxy.routerStarted(number, process.pid());
      endOfBatch();
    });
    process.onEnd(how -> onLoop(() -> proxy.routerEnded(number, how)));
  }

  /** Where a router's log is. */
  public Path logOf(int router) {
    return options.logs().resolve("router-%d.log".formatted(router));
  }

  /** Does something on the loop; a process that ends after that has ended is no event. */
  private void onLoop(Runnable action) {
    if (!group.isShuttingDown()) {
      loop.execute(() -> {
        action.run();
        endOfBatch();
      });
    }
  }

  private void onDeadline() {
    proxy.onDeadline(System.nanoTime());
    endOfBatch();
  }

  private void endOfBatch() {
    if (socket != null) {
      socket.flush();
      if (allUp && sockets.values().stream().allMatch(MessageSocket::isConnected)) {
        overflow += socket.overflow();
        socket.close();
        socket = null;
      }
    }
    sockets.values().forEach(MessageSocket::flush);
    log.flush();
    alarm.set(proxy.nextDeadline());
  }

  private void notTaken(Throwable cause) {
    log.write("a message to a router was not taken: " + cause.getMessage());
  }

  private long overflow() {
    return overflow
        + (socket == null ? 0 : socket.overflow())
        + sockets.values().stream().mapToLong(MessageSocket::overflow).sum();
  }

  /** What the proxy acts through. */
  private final class Handler implements ProxyHandler {
    @Override
    public void send(Endpoint router, ByteBuf message) {
      var own = sockets.get(router);
      if (own == null && socket != null) {
        own = socket.forPeer(loop, router, new FromRouters(), ProxyNode.this::notTaken);
        sockets.put(router, own);
      }
      if (own != null && own.isConnected()) {
        own.send(message);
      } else if (socket != null) {
        socket.send(message, router);
      } else {
        message.release();
      }
    }

    @Override
    public void deliver(ByteBuf packet) {
      device.send(packet, Unpooled.EMPTY_BUFFER);
    }

    @Override
    public Set<Integer> hostAddresses() {
      return options.sources().get();
    }

    @Override
    public void event(ProxyEvent event) {
      allUp |= event instanceof ProxyEvent.AllUp;
      listener.accept(event);
    }

    @Override
    public void log(String line) {
      log.write(line);
    }
  }

  /** The socket. */
  private final class FromRouters implements MessageSocket.Receiver {
    @Override
    public void message(ByteBuf datagram, Endpoint from) {
      proxy.receive(datagram, from, System.nanoTime());
    }

    @Override
    public void endOfBatch() {
      ProxyNode.this.endOfBatch();
    }
  }

  /** The device. */
  private final class FromHost implements Link.Receiver {
    @Override
    public void frame(ByteBuf frame) {
      proxy.receiveFromHost(frame, System.nanoTime());
    }

    @Override
    public void drained() {}

    @Override
    public void endOfBatch() {
      ProxyNode.this.endOfBatch();
    }

    @Override
    public void allocationFailed() {
      // It holds nothing that it could free.
    }

    @Override
    public void failed(IOException cause) {
      log.write(String.valueOf(cause.getMessage()));
      onDeviceFailure.accept(cause);
    }
  }

  /**
   * Ends the routers, closes socket and device, and ends the threads: when this returns, no process
   * is left. More calls do nothing.
   */
  @Override
  public void close() throws IOException {
    synchronized (processes) {
      if (closed) {
        return;
      }
      closed = true;
    }
    loop.execute(() -> {
      log.write(LinkReport.of(device));
      proxy.counters().messageOverflow = overflow();
      proxy.close();
      endOfBatch();
      alarm.cancel();
      device.close();
    });
    endProcesses();
    loop.execute(() -> {
      if (socket != null) {
        socket.close();
      }
      sockets.values().forEach(MessageSocket::close);
    });
    group.shutdownGracefully(0, THREAD_END_SECONDS, TimeUnit.SECONDS);
    group.terminationFuture().awaitUninterruptibly(THREAD_END_SECONDS, TimeUnit.SECONDS);
    log.close();
  }

  private void endProcesses() throws IOException {
    try {
      if (!allEnd(CLOSED_BY_MESSAGE)) {
        processes.forEach(RouterProcess::terminate);
        if (!allEnd(CLOSED_BY_SIGNAL)) {
          processes.forEach(RouterProcess::kill);
          allEnd(CLOSED_BY_SIGNAL);
        }
      }
    } catch (InterruptedException e) {
      processes.forEach(RouterProcess::kill);
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while ending the routers", e);
    }
  }

  private boolean allEnd(Duration within) throws InterruptedException {
    long endNanos = System.nanoTime() + within.toNanos();
    for (var process : processes) {
      if (!process.ends(Duration.ofNanos(Math.max(endNanos - System.nanoTime(), 0)))) {
        return false;
      }
    }
    return true;
  }
}
