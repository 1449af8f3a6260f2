/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Ipv4Network;

/** A proxy and its routers in one thread, on virtual time, with a wire between them. */
final class OnionCable implements AutoCloseable {
  static final String HOST = "10.5.51.2";
  static final String GUEST = "192.168.200.2";
  static final long SECOND = 1_000_000_000L;

  /** A message on its way; {@code to} is a router's number, or 0 for the proxy. */
  record Message(int from, int to, ByteBuf bytes) {}

  final Proxy proxy;
  final List<Router> routers = new ArrayList<>();
  final List<ProxyEvent> events = new ArrayList<>();
  final List<ByteBuf> delivered = new ArrayList<>();
  final List<ByteBuf> toWorld = new ArrayList<>();
  final List<Integer> lastRouter = new ArrayList<>();
  final List<String> proxyLog = new ArrayList<>();
  final List<String> routerLog = new ArrayList<>();
  final Set<Integer> portsHeld = new HashSet<>();
  final Set<Integer> closed = new HashSet<>();
  final Set<Integer> withoutWay = new HashSet<>();
  final Set<Integer> hostAddresses = new HashSet<>(Set.of(Packets.ip(HOST), Packets.ip(GUEST)));
  Predicate<Message> loses = message -> false;
  ToIntFunction<FlowKey> users = flow -> RouterHandler.UNKNOWN_USER;
  private final Deque<Message> wire = new ArrayDeque<>();
  int mostPorts = Integer.MAX_VALUE;
  private int nextPort = 40_000;
  long now = -5 * SECOND;

  OnionCable(int count, boolean exits, long seed) {
    RandomGenerator random = new Random(seed);
    var secrets =
        IntStream.range(0, count).mapToObj(i -> Secret.parse("%064x".formatted(i + 77))).toList();
    var config =
        new ProxyConfig(
            "tun1",
            Ipv4Network.parse(HOST + "/24"),
            1500,
            Set.of(Packets.ip(HOST), Packets.ip(GUEST)),
            secrets,
            random.nextLong(),
            10 * SECOND);
    proxy = new Proxy(config, new ProxySide(), now);
    for (int i = 1; i <= count; i++) {
      var exit = exits ? new RouterConfig.Exit("eth" + i, Packets.ip(exitAddress(i)), 1500) : null;
      routers.add(
          new Router(
              new RouterConfig(i, 1000 + i, secrets.get(i - 1), exit),
              new RouterSide(i),
              random,
              now));
      proxy.routerStarted(i, 1000 + i);
    }
  }

  static String exitAddress(int router) {
    return "192.168.20" + router + ".2";
  }

  /** Brings all routers up. */
  OnionCable up() {
    run(0);
    return this;
  }

  /** Lets so much time go by, and everything happen that is due. */
  void run(long nanos) {
    long end = now + nanos;
    while (true) {
      carry();
      long next = end + 1;
      for (var deadline : deadlines()) {
        next = deadline - next < 0 ? deadline : next;
      }
      if (next - end > 0) {
        now = end;
        return;
      }
      now = Math.max(now, next);
      proxy.onDeadline(now);
      routers.forEach(router -> router.onDeadline(now));
    }
  }

  private List<Long> deadlines() {
    var all = new ArrayList<Long>();
    proxy.nextDeadline().ifPresent(all::add);
    routers.forEach(router -> router.nextDeadline().ifPresent(all::add));
    return all;
  }

  private void carry() {
    for (var message = wire.poll(); message != null; message = wire.poll()) {
      try {
        if (!loses.test(message)) {
          arrive(message);
        }
      } finally {
        message.bytes.release();
      }
    }
  }

  private void arrive(Message message) {
    if (message.to == 0) {
      proxy.receive(message.bytes, endpoint(message.from), now);
    } else {
      routers.get(message.to - 1).receive(message.bytes, now);
    }
  }

  static Endpoint endpoint(int router) {
    return new Endpoint(Packets.ip("127.0.0.1"), 50_000 + router);
  }

  /** The host sends a packet; what comes of it at once is done when this returns. */
  void hostSends(ByteBuf packet) {
    proxy.receiveFromHost(packet, now);
    carry();
  }

  /** A packet arrives from the world at a router. */
  void worldSends(int router, ByteBuf packet) {
    routers.get(router - 1).receiveFromWorld(packet, now);
    carry();
  }

  /** The last packet given to the host, or null. */
  @Nullable ByteBuf last() {
    return delivered.isEmpty() ? null : delivered.getLast();
  }

  /** The last packet given to the host, in words. */
  String lastDescribed() {
    var last = last();
    return last == null ? "nothing" : Packets.describe(last);
  }

  @Override
  public void close() {
    wire.forEach(message -> message.bytes.release());
    wire.clear();
  }

  private final class ProxySide implements ProxyHandler {
    @Override
    public void send(Endpoint router, ByteBuf message) {
      wire.add(new Message(0, router.port() - 50_000, message));
    }

    @Override
    public void deliver(ByteBuf packet) {
      delivered.add(Unpooled.copiedBuffer(packet));
    }

    @Override
    public Set<Integer> hostAddresses() {
      return hostAddresses;
    }

    @Override
    public void event(ProxyEvent event) {
      events.add(event);
    }

    @Override
    public void log(String line) {
      proxyLog.add(line);
    }
  }

  private final class RouterSide implements RouterHandler {
    private final int number;

    RouterSide(int number) {
      this.number = number;
    }

    @Override
    public void send(ByteBuf message) {
      wire.add(new Message(number, 0, message));
    }

    @Override
    public boolean hasWayOut() {
      return !withoutWay.contains(number);
    }

    @Override
    public boolean sendToWorld(ByteBuf packet) {
      if (withoutWay.contains(number)) {
        return false;
      }
      toWorld.add(Unpooled.copiedBuffer(packet));
      lastRouter.add(number);
      return true;
    }

    @Override
    public int reservePort() {
      if (portsHeld.size() >= mostPorts) {
        return -1;
      }
      portsHeld.add(nextPort);
      return nextPort++;
    }

    @Override
    public int userOf(FlowKey flow) {
      return users.applyAsInt(flow);
    }

    @Override
    public void releasePort(int port) {
      portsHeld.remove(port);
    }

    @Override
    public void closed() {
      closed.add(number);
    }

    @Override
    public void log(String line) {
      routerLog.add("router %d: %s".formatted(number, line));
    }
  }
}
