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
  /** 0/8 has no destinations. RFC 1122, section 3.2.1.3. */
  private static final int THIS_NETWORK_SHIFT = 24;

  private static final long REPEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final RouterConfig config;
  private final RouterHandler handler;
  private final SecurityAssociation association;
  private final AddressTranslator translator;
  private final RandomGenerator random;
  private final RareLine rejected;
  private final PacketLines lines;
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
    this.rejected = new RareLine(handler::log);
    this.lines = new PacketLines(handler::log, nowNanos);
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
    lines.advance(nowNanos);
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
      rejected.write("dropped a message that claims to be the proxy's: " + fault, nowNanos);
      return;
    }
    boolean fits =
        switch (message.type()) {
          case OPEN -> opened(datagram);
          case PACKET -> carry(datagram, nowNanos);
          case CLOSE -> closedByProxy();
          case UP, OPENED -> false;
          case null -> false;
        };
    if (!fits) {
      counters.drop(Drop.MESSAGE_UNEXPECTED);
    }
  }

  private boolean opened(ByteBuf datagram) {
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
      handler.log(
          "circuit %d is open: I am %s, all of %s but for the host%s"
              .formatted(
                  circuit,
                  Ipv4Address.toString(body.routerAddress()),
                  body.tunnel(),
                  config.exit() == null
                      ? ""
                      : ", and %s in the world, through %s"
                          .formatted(
                              Ipv4Address.toString(config.exit().address()),
                              config.exit().name())));
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

  private boolean closedByProxy() {
    if (!closed) {
      closed = true;
      handler.log("the proxy has closed the circuit; " + counters.nonZero());
      handler.closed();
    }
    return true;
  }

  // Packets from the host.

  private boolean carry(ByteBuf datagram, long nowNanos) {
    if (open == null || closed || message.circuit() != circuit) {
      return false;
    }
    packet.wrap(datagram, message.bodyOffset(), message.bodyLength());
    var defect = packet.defect();
    if (defect != null) {
      counters.malformed(defect);
      lines.write(() -> "dropped a packet from the proxy: " + defect);
      return true;
    }
    counters.outPackets++;
    counters.outBytes += packet.totalLength();
    var fault = fault(open);
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
      forMe(open, datagram);
    } else {
      toWorld(open, datagram, nowNanos);
    }
    return true;
  }

  private @Nullable Drop fault(OpenBody open) {
    int destination = packet.destination();
    if (!open.sources().contains(packet.source())) {
      return Drop.SPOOFED;
    }
    if (packet.totalLength() > open.mtu()) {
      return Drop.TOO_LARGE;
    }
    if (open.sources().contains(destination)) {
      return Drop.NOT_FOR_HOST;
    }
    if (Ipv4Address.isMulticast(destination)
        || Ipv4Address.isReserved(destination)
        || destination == open.tunnel().first()
        || destination == open.tunnel().last()) {
      return Drop.GROUP_DESTINATION;
    }
    if (destination >>> THIS_NETWORK_SHIFT == 0
        || (config.exit() != null && destination == config.exit().address())) {
      return Drop.LOCAL_DESTINATION;
    }
    if (packet.headerLength() > Ipv4Packet.HEADER_LENGTH) {
      return Drop.OPTIONS;
    }
    return packet.isFragment() ? Drop.FRAGMENT : null;
  }

  private void forMe(OpenBody open, ByteBuf datagram) {
    switch (packet.protocol()) {
      case Ipv4Packet.PROTOCOL_ICMP -> echo(open, datagram);
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

  private void echo(OpenBody open, ByteBuf datagram) {
    int length = packet.payloadLength();
    icmp.wrap(datagram, packet.payloadOffset(), length);
    var defect = icmp.defect();
    if (defect != null) {
      counters.malformed(defect);
      lines.write(() -> "dropped a packet from the proxy: ICMP: " + defect);
      return;
    }
    if (icmp.type() != Icmpv4Message.ECHO_REQUEST || icmp.code() != 0) {
      drop(datagram, Drop.ICMP_IGNORED);
      return;
    }
    lines.write(() -> describe(datagram) + ": from the proxy; answered");
    speak(
        open,
        /* speaker= */ packet.destination(),
        Echo.reply(datagram.slice(packet.payloadOffset(), length)));
  }

  private void toWorld(OpenBody open, ByteBuf datagram, long nowNanos) {
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
        case AddressTranslator.Done done -> {
          lines.write(() ->
              describe(datagram)
                  + ": from the proxy; through "
                  + exit.name()
                  + " as "
                  + Ipv4Address.toString(exit.address())
                  + " "
                  + done.as());
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
          lines.write(() -> "%s: dropped: %s".formatted(describe(datagram), defect));
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
  public void world(ByteBuf frame, long nowNanos) {
    var exit = config.exit();
    if (open == null || exit == null || closed) {
      counters.drop(Drop.UNKNOWN_FLOW);
      return;
    }
    lines.advance(nowNanos);
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
        case AddressTranslator.Done done when packet.ttl() <= 1 -> {
          counters.drop(Drop.TTL);
          lines.write(() -> "%s: through %s; dropped: TTL".formatted(describe(frame), exit.name()));
        }
        case AddressTranslator.Done done -> {
          lines.write(() ->
              describe(frame) + ": through " + exit.name() + "; to the proxy for " + done.as());
          toHost(open, in);
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
      lines.write(() -> "%s: from the proxy; dropped: %s".formatted(describe(datagram), reason));
      return;
    }
    lines.write(() ->
        "%s: from the proxy; refused: %s, ICMP %d/%d"
            .formatted(describe(datagram), reason, error.type(), error.code()));
    speak(
        open,
        speaker,
        error.about(datagram.slice(packet.offset(), packet.totalLength()), open.mtu()));
  }

  /**
   * Sends an ICMP message to the host whose packet is at hand.
   *
   * @param message with room for an IP header in front; released
   */
  private void speak(OpenBody open, int speaker, ByteBuf message) {
    try {
      toHost(
          open,
          AtomicDatagram.prepend(message, speaker, packet.source(), Ipv4Packet.PROTOCOL_ICMP));
    } finally {
      message.release();
    }
  }

  private void toHost(OpenBody open, ByteBuf whole) {
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
    lines.write(() -> "%s: from the proxy; dropped: %s".formatted(describe(datagram), reason));
  }

  private String describe(ByteBuf buf) {
    return PacketDescription.of(packet, buf);
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
      handler.log("said to the proxy: I'm up, process " + config.pid());
      repeatNanos = nowNanos + REPEAT_NANOS;
    }
  }

  /** Gives back every port. */
  public void close() {
    closed = true;
    lines.tell();
    translator.clear();
  }
}
