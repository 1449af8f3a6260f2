/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/**
 * The host's side of the onion network, a state machine. A router goes through these states:
 *
 * <pre>
 *   STARTED --UP--&gt; OPENING --OPENED--&gt; UP --it ends--&gt; GONE
 *                                     |  ^
 *                              no answer any
 *                                     v  |
 *                                    SILENT
 * </pre>
 *
 * The proxy repeats its OPEN: fast in OPENING, since datagrams get lost, and once a second from
 * then on, to learn whether the router still answers, and to tell it the host's addresses when they
 * have changed. All of this is called from one thread.
 */
public final class Proxy {
  /** How long an answer may take before a message is sent again. */
  private static final long REPEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** How often a router that is up is asked whether it still is. */
  private static final long ASK_NANOS = TimeUnit.SECONDS.toNanos(1);

  /**
   * A router that has left so many unanswered is silent. They are counted, not the time: a proxy
   * that was stopped itself must not blame its routers.
   */
  private static final int UNANSWERED = 4;

  /** How often the host's addresses are read again at most. */
  private static final long READ_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final ProxyConfig config;
  private final ProxyHandler handler;
  private final List<Peer> peers = new ArrayList<>();
  private final OnionCounters counters = new OnionCounters();
  private final OnionMessage message = new OnionMessage();
  private final Ipv4Packet packet = new Ipv4Packet();
  private final ProxyLog log;
  private final long startDeadlineNanos;
  private Set<Integer> sources;
  private long sourcesReadNanos;
  private boolean starting = true;
  private boolean closed;

  /** A proxy whose routers are being started now. */
  public Proxy(ProxyConfig config, ProxyHandler handler, long nowNanos) {
    this.config = config;
    this.handler = handler;
    this.log = new ProxyLog(config.device(), handler::log, packet, nowNanos);
    this.sources = config.sources();
    this.sourcesReadNanos = nowNanos;
    this.startDeadlineNanos = nowNanos + config.startTimeoutNanos();
    for (var secret : config.secrets()) {
      int number = peers.size() + 1;
      peers.add(new Peer(number, SecurityAssociation.ofProxy(number, secret)));
    }
  }

  public OnionCounters counters() {
    return counters;
  }

  /** A router's process was started: only that one is believed to be this router. */
  public void routerStarted(int router, long pid) {
    var peer = peers.get(router - 1);
    peer.pid = pid;
    peer.name = "router %d (pid %d)".formatted(router, pid);
    log.started(router, pid);
  }

  /**
   * A router's process has ended.
   *
   * @param how it ended, such as {@code was killed by signal 9}
   */
  public void routerEnded(int router, String how) {
    var peer = peers.get(router - 1);
    if (peer.state == Peer.State.GONE) {
      return;
    }
    peer.state = Peer.State.GONE;
    log.ended(peer, how);
    if (closed) {
      return;
    }
    handler.event(new ProxyEvent.RouterGone(router, peer.pid, how, countUp()));
  }

  /** How many routers are up. */
  private int countUp() {
    return (int) peers.stream().filter(peer -> peer.state == Peer.State.UP).count();
  }

  // Messages from routers.

  /**
   * A datagram has arrived.
   *
   * @param datagram its readable part is the message; borrowed
   * @param from where it came from
   */
  public void receive(ByteBuf datagram, Endpoint from, long nowNanos) {
    log.advance(nowNanos);
    message.wrap(datagram, datagram.readerIndex(), datagram.readableBytes());
    if (message.defect() != null) {
      counters.drop(Drop.MESSAGE_MALFORMED);
      return;
    }
    int link = message.link();
    if (link < 1 || link > peers.size()) {
      counters.drop(Drop.MESSAGE_UNKNOWN_LINK);
      return;
    }
    var peer = peers.get(link - 1);
    var fault = peer.association.judge(message);
    if (fault != null) {
      counters.drop(fault);
      log.messageRejected(from, fault, nowNanos);
      return;
    }
    var type = message.type();
    boolean fits =
        switch (type) {
          case UP -> receiveUp(peer, from, nowNanos);
          case OPENED -> receiveOpened(peer);
          case PACKET -> receivePacket(peer, datagram);
          case OPEN, CLOSE -> false;
          case null -> false;
        };
    if (!fits) {
      counters.drop(Drop.MESSAGE_UNEXPECTED);
      log.messageUnexpected(peer, type);
    }
  }

  private boolean receiveUp(Peer peer, Endpoint from, long nowNanos) {
    if (peer.state != Peer.State.STARTED && peer.state != Peer.State.OPENING
        || message.bodyLength() < Integer.BYTES
        || message.buffer().getUnsignedInt(message.bodyOffset()) != peer.pid) {
      return false;
    }
    if (peer.state == Peer.State.STARTED) {
      log.saysUp(peer, from);
    }
    peer.state = Peer.State.OPENING;
    peer.endpoint = from;
    sendOpen(peer, from, nowNanos);
    return true;
  }

  private void sendOpen(Peer peer, Endpoint to, long nowNanos) {
    var body =
        new OpenBody(
            config.mtu(), config.tunnel().range(), config.routerAddress(peer.number), sources);
    ByteBuf open = peer.association.compose(MessageType.OPEN, peer.circuit(), body.length());
    body.write(open, OnionMessage.HEADER_LENGTH);
    peer.repeatNanos = nowNanos + (peer.state == Peer.State.OPENING ? REPEAT_NANOS : ASK_NANOS);
    handler.send(to, peer.association.seal(open));
  }

  private boolean receiveOpened(Peer peer) {
    if (!peer.isOpen()
        || message.circuit() != peer.circuit()
        || message.bodyLength() < Ipv4Address.LENGTH) {
      return false;
    }
    int exitAddress = message.buffer().getInt(message.bodyOffset());
    peer.unanswered = 0;
    if (peer.state == Peer.State.OPENING) {
      markUp(peer, exitAddress);
      return true;
    }
    if (peer.state == Peer.State.SILENT) {
      peer.state = Peer.State.UP;
      log.answersAgain(peer);
      handler.event(new ProxyEvent.RouterBack(peer.number, peer.pid));
    }
    if (peer.exitAddress != exitAddress) {
      peer.exitAddress = exitAddress;
      log.exitChanged(peer);
      handler.event(new ProxyEvent.ExitChanged(peer.number, peer.pid, exitAddress));
    }
    return true;
  }

  private void markUp(Peer peer, int exitAddress) {
    peer.state = Peer.State.UP;
    peer.exitAddress = exitAddress;
    log.up(peer);
    handler.event(new ProxyEvent.RouterUp(peer.number, peer.pid, peer.exitAddress));
    if (starting && peers.stream().allMatch(other -> other.state == Peer.State.UP)) {
      starting = false;
      handler.event(new ProxyEvent.AllUp());
    }
  }

  private boolean receivePacket(Peer peer, ByteBuf datagram) {
    if ((peer.state != Peer.State.UP && peer.state != Peer.State.SILENT)
        || message.circuit() != peer.circuit()) {
      return false;
    }
    packet.wrap(datagram, message.bodyOffset(), message.bodyLength());
    var defect = packet.defect();
    if (defect != null) {
      counters.malformed(defect);
      log.malformed(peer, defect);
    } else if (packet.totalLength() > config.mtu()) {
      dropFrom(peer, datagram, Drop.TOO_LARGE);
    } else if (!sources.contains(packet.destination()) || sources.contains(packet.source())) {
      dropFrom(peer, datagram, Drop.NOT_FOR_HOST);
    } else {
      counters.inPackets++;
      counters.inBytes += packet.totalLength();
      log.delivered(peer, datagram);
      handler.deliver(datagram.slice(message.bodyOffset(), packet.totalLength()));
    }
    return true;
  }

  private void dropFrom(Peer peer, ByteBuf datagram, Drop reason) {
    counters.drop(reason);
    log.dropped(peer, datagram, reason);
  }

  // Packets from the host.

  /**
   * The host has sent a packet into the tunnel.
   *
   * @param frame its readable part is the packet; borrowed
   */
  public void receiveFromHost(ByteBuf frame, long nowNanos) {
    log.advance(nowNanos);
    packet.wrap(frame, frame.readerIndex(), frame.readableBytes());
    if (frame.isReadable() && frame.getByte(frame.readerIndex()) >>> 4 == 6) {
      counters.drop(Drop.IPV6);
      return;
    }
    var defect = packet.defect();
    if (defect != null) {
      counters.malformed(defect);
      log.malformed(defect);
      return;
    }
    if (!sources.contains(packet.source())) {
      readSources(nowNanos);
    }
    var fault = fault();
    if (fault != null) {
      drop(frame, fault);
      return;
    }
    var peer = choose(FlowKey.of(packet, frame));
    if (peer == null || peer.endpoint == null) {
      drop(frame, Drop.NO_ROUTER);
      return;
    }
    counters.outPackets++;
    counters.outBytes += packet.totalLength();
    log.sent(peer, frame);
    ByteBuf carried =
        peer.association.compose(MessageType.PACKET, peer.circuit(), packet.totalLength());
    carried.setBytes(OnionMessage.HEADER_LENGTH, frame, packet.offset(), packet.totalLength());
    handler.send(peer.endpoint, peer.association.seal(carried));
  }

  /** The host may have got another address since; the routers must know it before the packet. */
  private void readSources(long nowNanos) {
    if (nowNanos - sourcesReadNanos < READ_NANOS) {
      return;
    }
    sourcesReadNanos = nowNanos;
    var now = handler.hostAddresses();
    if (now.equals(sources) || !ProxyConfig.areSources(now, config.tunnel())) {
      return;
    }
    sources = Set.copyOf(now);
    log.addresses(sources);
    for (var peer : peers) {
      if (peer.endpoint != null && peer.isOpen()) {
        sendOpen(peer, peer.endpoint, nowNanos);
      }
    }
  }

  private void drop(ByteBuf frame, Drop reason) {
    counters.drop(reason);
    log.dropped(frame, reason);
  }

  private @Nullable Drop fault() {
    if (!sources.contains(packet.source())) {
      return Drop.SPOOFED;
    }
    if (packet.totalLength() > config.mtu()) {
      return Drop.TOO_LARGE;
    }
    return Ipv4Address.isMulticast(packet.destination())
            || Ipv4Address.isReserved(packet.destination())
        ? Drop.GROUP_DESTINATION
        : null;
  }

  /**
   * The router a flow goes to. Every router answers for the tunnel's own network; what goes to the
   * world goes to one that has a way there, if any has.
   */
  private @Nullable Peer choose(FlowKey flow) {
    Peer best = null;
    boolean toWorld = !config.tunnel().contains(flow.destination());
    for (var peer : peers) {
      if (peer.state == Peer.State.UP && (best == null || isBetter(peer, best, flow, toWorld))) {
        best = peer;
      }
    }
    return best;
  }

  private boolean isBetter(Peer peer, Peer best, FlowKey flow, boolean toWorld) {
    boolean leads = peer.exitAddress != 0;
    if (toWorld && leads != (best.exitAddress != 0)) {
      return leads;
    }
    return flow.weight(config.flowSeed(), peer.number)
        > flow.weight(config.flowSeed(), best.number);
  }

  // Time, and the end.

  /** When {@link #onDeadline} is to be called, if nothing happens before. */
  public OptionalLong nextDeadline() {
    if (closed) {
      return OptionalLong.empty();
    }
    var repeats = peers.stream().filter(Peer::isOpen).map(peer -> peer.repeatNanos);
    return Stream.concat(repeats, starting ? Stream.of(startDeadlineNanos) : Stream.empty())
        .reduce((one, other) -> one - other < 0 ? one : other)
        .map(OptionalLong::of)
        .orElse(OptionalLong.empty());
  }

  /** The time of {@link #nextDeadline} has come. */
  public void onDeadline(long nowNanos) {
    if (closed) {
      return;
    }
    if (starting && nowNanos - startDeadlineNanos >= 0) {
      starting = false;
      handler.event(
          new ProxyEvent.StayedSilent(
              peers.stream()
                  .filter(
                      peer -> peer.state == Peer.State.STARTED || peer.state == Peer.State.OPENING)
                  .map(peer -> peer.number)
                  .toList()));
    }
    log.advance(nowNanos);
    for (var peer : peers) {
      if (peer.endpoint != null && peer.isOpen() && nowNanos - peer.repeatNanos >= 0) {
        markSilentIfUnanswered(peer);
        sendOpen(peer, peer.endpoint, nowNanos);
      }
    }
  }

  private void markSilentIfUnanswered(Peer peer) {
    if (peer.state != Peer.State.UP || peer.unanswered++ < UNANSWERED) {
      return;
    }
    peer.state = Peer.State.SILENT;
    log.silent(peer);
    handler.event(new ProxyEvent.RouterSilent(peer.number, peer.pid, countUp()));
  }

  /** Tells the routers that this is the end. */
  public void close() {
    closed = true;
    log.tell();
    starting = false;
    for (var peer : peers) {
      if (peer.endpoint != null && peer.state != Peer.State.GONE) {
        handler.send(
            peer.endpoint,
            peer.association.seal(peer.association.compose(MessageType.CLOSE, peer.circuit(), 0)));
      }
    }
    log.closed(counters);
  }
}
