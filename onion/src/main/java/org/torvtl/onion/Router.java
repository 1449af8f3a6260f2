/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.torvtl.ip.AtomicDatagram;
import org.torvtl.ip.Echo;
import org.torvtl.ip.Fragmenter;
import org.torvtl.ip.IcmpError;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;

/**
 * A router, a state machine: it says that it is up until its proxy opens a circuit, and then
 * answers what is meant for it and passes on what is not. All of this is called from one thread.
 *
 * <p>On a packet's way it is one hop. What it sends to the world has its own address, a header of
 * its own making, and one less to live; of the host's header nothing else goes out.
 */
public final class Router {
  private static final long REPEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final RouterConfig config;
  private final RouterHandler handler;
  private final SecurityAssociation association;
  private final AddressTranslator translator;
  private final RandomGenerator random;
  private final RouterLog log;
  private final HostPacketRules rules;
  private final OnionCounters counters = new OnionCounters();
  private final OnionMessage message = new OnionMessage();
  private final Ipv4Packet packet = new Ipv4Packet();
  private final Icmpv4Message icmp = new Icmpv4Message();

  private int circuit = OnionMessage.NO_CIRCUIT;
  private @Nullable OpenBody open;
  private boolean closed;
  private long repeatNanos;

  /** A router that says it is up at its first {@link #onDeadline}, which is due at once. */
  public Router(RouterConfig config, RouterHandler handler, RandomGenerator random, long nowNanos) {
    this.config = config;
    this.handler = handler;
    this.random = random;
    this.rules = new HostPacketRules(config.exit());
    this.log = new RouterLog(config, handler::log, packet, nowNanos);
    this.association = SecurityAssociation.ofRouter(config.number(), config.secret());
    this.translator = new AddressTranslator(handler, random);
    this.repeatNanos = nowNanos;
  }

  public OnionCounters counters() {
    return counters;
  }

  // Messages from the proxy.

  /**
   * A datagram has arrived from the proxy's address.
   *
   * @param datagram its readable part is the message; borrowed
   */
  public void receive(ByteBuf datagram, long nowNanos) {
    log.advance(nowNanos);
    message.wrap(datagram, datagram.readerIndex(), datagram.readableBytes());
    if (message.defect() != null) {
      counters.drop(Drop.MESSAGE_MALFORMED);
      return;
    }
    if (message.link() != config.number()) {
      counters.drop(Drop.MESSAGE_UNKNOWN_LINK);
      return;
    }
    var fault = association.judge(message);
    if (fault != null) {
      counters.drop(fault);
      log.messageRejected(fault, nowNanos);
      return;
    }
    boolean fits =
        switch (message.type()) {
          case OPEN -> receiveOpen(datagram);
          case PACKET -> receivePacket(datagram, nowNanos);
          case CLOSE -> receiveClose();
          case UP, OPENED -> false;
          case null -> false;
        };
    if (!fits) {
      counters.drop(Drop.MESSAGE_UNEXPECTED);
    }
  }

  private boolean receiveOpen(ByteBuf datagram) {
    var body = OpenBody.read(datagram, message.bodyOffset(), message.bodyLength());
    boolean again = open != null;
    if (body == null
        || message.circuit() == OnionMessage.NO_CIRCUIT
        || (again && message.circuit() != circuit)) {
      return false;
    }
    open = body;
    if (!again) {
      circuit = message.circuit();
      log.opened(circuit, body);
    }
    ByteBuf answer = association.compose(MessageType.OPENED, circuit, Ipv4Address.LENGTH);
    answer.setInt(
        OnionMessage.HEADER_LENGTH,
        config.exit() == null || !handler.hasWayOut()
            ? Ipv4Address.UNSPECIFIED
            : config.exit().address());
    handler.send(association.seal(answer));
    return true;
  }

  private boolean receiveClose() {
    if (!closed) {
      closed = true;
      log.closed(counters);
      handler.closed();
    }
    return true;
  }

  // Packets from the host.

  private boolean receivePacket(ByteBuf datagram, long nowNanos) {
    if (open == null || closed || message.circuit() != circuit) {
      return false;
    }
    packet.wrap(datagram, message.bodyOffset(), message.bodyLength());
    var defect = packet.defect();
    if (defect != null) {
      counters.malformed(defect);
      log.malformed(defect);
      return true;
    }
    counters.outPackets++;
    counters.outBytes += packet.totalLength();
    var fault = rules.fault(packet, open);
    if (fault == Drop.FRAGMENT && packet.fragmentOffset() == 0) {
      // The host learns why nothing comes back; its errors are for the first one. RFC 1122, 3.2.2.
      refuse(
          open,
          datagram,
          open.routerAddress(),
          IcmpError.unreachable(Icmpv4Message.ADMINISTRATIVELY_PROHIBITED),
          fault);
    } else if (fault != null) {
      drop(datagram, fault);
    } else if (open.tunnel().contains(packet.destination())) {
      receiveForTunnel(open, datagram);
    } else {
      sendToWorld(open, datagram, nowNanos);
    }
    return true;
  }

  private void receiveForTunnel(OpenBody open, ByteBuf datagram) {
    switch (packet.protocol()) {
      case Ipv4Packet.PROTOCOL_ICMP -> answerEcho(open, datagram);
      case Ipv4Packet.PROTOCOL_UDP ->
          refuse(
              open,
              datagram,
              packet.destination(),
              IcmpError.unreachable(Icmpv4Message.PORT_UNREACHABLE),
              Drop.PORT);
      default ->
          refuse(
              open,
              datagram,
              packet.destination(),
              IcmpError.unreachable(Icmpv4Message.PROTOCOL_UNREACHABLE),
              Drop.PROTOCOL);
    }
  }

  private void answerEcho(OpenBody open, ByteBuf datagram) {
    int length = packet.payloadLength();
    icmp.wrap(datagram, packet.payloadOffset(), length);
    var defect = icmp.defect();
    if (defect != null) {
      counters.malformed(defect);
      log.malformedIcmp(defect);
      return;
    }
    if (icmp.type() != Icmpv4Message.ECHO_REQUEST || icmp.code() != 0) {
      drop(datagram, Drop.ICMP_IGNORED);
      return;
    }
    log.answered(datagram);
    replyToHost(
        open,
        /* speaker= */ packet.destination(),
        Echo.reply(datagram.slice(packet.payloadOffset(), length)));
  }

  private void sendToWorld(OpenBody open, ByteBuf datagram, long nowNanos) {
    var exit = config.exit();
    if (exit == null) {
      refuse(
          open,
          datagram,
          open.routerAddress(),
          IcmpError.unreachable(Icmpv4Message.NET_UNREACHABLE),
          Drop.NO_WAY_OUT);
      return;
    }
    if (packet.ttl() <= 1) {
      refuse(open, datagram, open.routerAddress(), IcmpError.timeExceeded(), Drop.TTL);
      return;
    }
    if (packet.totalLength() > exit.mtu() && packet.dontFragment()) {
      refuse(
          open,
          datagram,
          open.routerAddress(),
          IcmpError.fragmentationNeeded(exit.mtu()),
          Drop.TOO_LARGE);
      return;
    }
    ByteBuf out = ByteBufAllocator.DEFAULT.directBuffer(packet.totalLength());
    try {
      var outcome = translator.outward(packet, datagram, exit.address(), out, nowNanos);
      counters.evictedFlows = translator.evictions();
      switch (outcome) {
        case AddressTranslator.Translated translated -> {
          log.sentToWorld(datagram, translated);
          if (!Fragmenter.send(out, exit.mtu(), this::identification, handler::sendToWorld)) {
            refuse(
                open,
                datagram,
                open.routerAddress(),
                IcmpError.unreachable(Icmpv4Message.HOST_UNREACHABLE),
                Drop.NOT_SENT);
          }
        }
        case AddressTranslator.Malformed(var defect) -> {
          counters.malformed(defect);
          log.malformedInside(datagram, defect);
        }
        case AddressTranslator.Refused(var reason) when reason == Drop.PROTOCOL ->
            refuse(
                open,
                datagram,
                open.routerAddress(),
                IcmpError.unreachable(Icmpv4Message.PROTOCOL_UNREACHABLE),
                Drop.PROTOCOL);
        case AddressTranslator.Refused(var reason) -> drop(datagram, reason);
      }
    } finally {
      out.release();
    }
  }

  // Packets from the world.

  /**
   * A packet has arrived at the exit's address.
   *
   * @param frame its readable part is the packet; borrowed
   */
  public void receiveFromWorld(ByteBuf frame, long nowNanos) {
    var exit = config.exit();
    if (open == null || exit == null || closed) {
      counters.drop(Drop.UNKNOWN_FLOW);
      return;
    }
    log.advance(nowNanos);
    packet.wrap(frame, frame.readerIndex(), frame.readableBytes());
    var defect = packet.defect();
    if (defect != null) {
      counters.malformed(defect);
      return;
    }
    if (packet.destination() != exit.address() || packet.isFragment()) {
      counters.drop(Drop.UNKNOWN_FLOW);
      return;
    }
    ByteBuf in = ByteBufAllocator.DEFAULT.directBuffer(packet.totalLength());
    try {
      switch (translator.inward(packet, frame, in, nowNanos)) {
        case AddressTranslator.Translated translated when packet.ttl() <= 1 -> {
          counters.drop(Drop.TTL);
          log.expired(frame);
        }
        case AddressTranslator.Translated translated -> {
          log.sentToHost(frame, translated);
          sendToHost(open, in);
        }
        case AddressTranslator.Malformed(var reason) -> counters.malformed(reason);
        // What else goes on at this address is not this router's business, nor its log's.
        case AddressTranslator.Refused(var reason) -> counters.drop(reason);
      }
    } finally {
      in.release();
    }
  }

  // Packets to the host.

  /**
   * Answers a packet of the host's with an ICMP error, unless it is one itself. RFC 1122, 3.2.2.
   */
  private void refuse(OpenBody open, ByteBuf datagram, int speaker, IcmpError error, Drop reason) {
    counters.drop(reason);
    if (!IcmpError.isAllowedAbout(packet, datagram, icmp)) {
      log.dropped(datagram, reason);
      return;
    }
    log.refused(datagram, reason, error);
    replyToHost(
        open,
        speaker,
        error.about(datagram.slice(packet.offset(), packet.totalLength()), open.mtu()));
  }

  /**
   * Sends an ICMP message to the host whose packet is at hand.
   *
   * @param message with room for an IP header in front; released
   */
  private void replyToHost(OpenBody open, int speaker, ByteBuf message) {
    try {
      sendToHost(
          open,
          AtomicDatagram.prepend(message, speaker, packet.source(), Ipv4Packet.PROTOCOL_ICMP));
    } finally {
      message.release();
    }
  }

  private void sendToHost(OpenBody open, ByteBuf whole) {
    counters.inPackets++;
    counters.inBytes += whole.readableBytes();
    Fragmenter.send(
        whole,
        open.mtu(),
        this::identification,
        part -> {
          int length = part.readableBytes();
          ByteBuf carried = association.compose(MessageType.PACKET, circuit, length);
          carried.setBytes(OnionMessage.HEADER_LENGTH, part, part.readerIndex(), length);
          handler.send(association.seal(carried));
          return true;
        });
  }

  /** Random, so that it reveals nothing; 0 is for packets that are not fragmented. */
  private int identification() {
    return random.nextInt(1, 0x10000);
  }

  private void drop(ByteBuf datagram, Drop reason) {
    counters.drop(reason);
    log.dropped(datagram, reason);
  }

  // Time, and the end.

  /** When {@link #onDeadline} is to be called, if nothing happens before. */
  public OptionalLong nextDeadline() {
    if (closed) {
      return OptionalLong.empty();
    }
    return open == null ? OptionalLong.of(repeatNanos) : translator.nextDeadline();
  }

  /** The time of {@link #nextDeadline} has come. */
  public void onDeadline(long nowNanos) {
    if (closed) {
      return;
    }
    if (open != null) {
      translator.expire(nowNanos);
    } else if (nowNanos - repeatNanos >= 0) {
      ByteBuf up = association.compose(MessageType.UP, OnionMessage.NO_CIRCUIT, Integer.BYTES);
      up.setInt(OnionMessage.HEADER_LENGTH, (int) config.pid());
      handler.send(association.seal(up));
      log.saidUp();
      repeatNanos = nowNanos + REPEAT_NANOS;
    }
  }

  /** Gives back every port. */
  public void close() {
    closed = true;
    log.tell();
    translator.clear();
  }
}
