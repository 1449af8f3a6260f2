/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.torvtl.ip.QuotedPacket;
import org.torvtl.onion.OnionCounters.Drop;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.InternetChecksum;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.UdpDatagram;

/**
 * Puts the router's address and numbers in place of the host's, and back: in echo requests, echo
 * replies and UDP, and in the packets that ICMP errors quote. RFC 4787, RFC 5508.
 */
final class AddressTranslator {
  private static final int CAPACITY = 1024;

  /** RFC 5508, REQ-1; RFC 4787, REQ-5. */
  private static final long ECHO_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(60);

  private static final long UDP_TIMEOUT_NANOS = TimeUnit.MINUTES.toNanos(2);

  private static final int UDP_CHECKSUM = 6;

  /** What came of a packet. */
  sealed interface Outcome {}

  /**
   * It is translated.
   *
   * @param protocol IP protocol number of the flow; of an error, of the packet it is about
   * @param address outward the router's, which it comes from now; inward the host's, which it goes
   *     to
   * @param number the UDP port or echo identifier that belongs to that address
   */
  record Translated(int protocol, int address, int number) implements Outcome {}

  /** It is dropped: it is wrong in itself. */
  record Malformed(Defect defect) implements Outcome {}

  /** It is dropped for another reason. */
  record Refused(Drop reason) implements Outcome {}

  private final RandomGenerator random;
  private final FlowTable echoes;
  private final FlowTable datagrams;
  private final Ipv4Packet composed = new Ipv4Packet();
  private final Icmpv4Message icmp = new Icmpv4Message();
  private final UdpDatagram udp = new UdpDatagram();
  private final QuotedPacket quote = new QuotedPacket();

  AddressTranslator(RouterHandler handler, RandomGenerator random) {
    this.random = random;
    this.echoes =
        new FlowTable(new EchoIdentifiers(), handler::userOf, CAPACITY, ECHO_TIMEOUT_NANOS);
    this.datagrams =
        new FlowTable(new Ports(handler), handler::userOf, CAPACITY, UDP_TIMEOUT_NANOS);
  }

  /** How many flows have given way to others. */
  long evictions() {
    return echoes.evictions() + datagrams.evictions();
  }

  /** Identifiers drawn by lot, so that they tell nothing. */
  private final class EchoIdentifiers implements FlowTable.Numbers {
    private final Set<Integer> taken = new HashSet<>();

    @Override
    public int take() {
      // There are many more than a table holds flows.
      int number;
      do {
        number = random.nextInt(0x10000);
      } while (!taken.add(number));
      return number;
    }

    @Override
    public void release(int number) {
      taken.remove(number);
    }
  }

  /** Ports that the kernel keeps for us. */
  private record Ports(RouterHandler handler) implements FlowTable.Numbers {
    @Override
    public int take() {
      return handler.reservePort();
    }

    @Override
    public void release(int number) {
      handler.releasePort(number);
    }
  }

  /**
   * Rewrites source address and number of the host's packet to the router's.
   *
   * @param packet without a defect and without options, laid over {@code buf}
   * @param own the router's address in the world
   * @param out gets the packet, if there is one; has room for as many bytes
   */
  Outcome outward(Ipv4Packet packet, ByteBuf buf, int own, ByteBuf out, long nowNanos) {
    return switch (packet.protocol()) {
      case Ipv4Packet.PROTOCOL_ICMP -> echoOutward(packet, buf, own, out, nowNanos);
      case Ipv4Packet.PROTOCOL_UDP -> udpOutward(packet, buf, own, out, nowNanos);
      default -> new Refused(Drop.PROTOCOL);
    };
  }

  private Outcome echoOutward(Ipv4Packet packet, ByteBuf buf, int own, ByteBuf out, long nowNanos) {
    int length = packet.payloadLength();
    var defect = icmp.wrap(buf, packet.payloadOffset(), length).defect();
    if (defect != null) {
      return new Malformed(defect);
    }
    if (icmp.type() != Icmpv4Message.ECHO_REQUEST || icmp.code() != 0) {
      return new Refused(Drop.ICMP_IGNORED);
    }
    int identifier = echoes.number(FlowKey.of(packet, buf), nowNanos);
    int rest = identifier << 16 | (icmp.rest() & 0xFFFF);
    compose(packet, buf, own, packet.destination(), out);
    icmp.wrap(out, Ipv4Packet.HEADER_LENGTH, length).compose(Icmpv4Message.ECHO_REQUEST, 0, rest);
    return new Translated(Ipv4Packet.PROTOCOL_ICMP, own, identifier);
  }

  private Outcome udpOutward(Ipv4Packet packet, ByteBuf buf, int own, ByteBuf out, long nowNanos) {
    int length = packet.payloadLength();
    var defect =
        udp.wrap(buf, packet.payloadOffset(), length).defect(packet.source(), packet.destination());
    if (defect != null) {
      return new Malformed(defect);
    }
    if (udp.datagramLength() != length || udp.destinationPort() == 0) {
      return new Malformed(Defect.BAD_LENGTH);
    }
    int port = datagrams.number(FlowKey.of(packet, buf), nowNanos);
    if (port < 0) {
      return new Refused(Drop.NO_PORT);
    }
    int destinationPort = udp.destinationPort();
    int payloadLength = udp.payloadLength();
    compose(packet, buf, own, packet.destination(), out);
    udp.wrap(out, Ipv4Packet.HEADER_LENGTH, length)
        .compose(own, packet.destination(), port, destinationPort, payloadLength);
    return new Translated(Ipv4Packet.PROTOCOL_UDP, own, port);
  }

  /**
   * Rewrites destination address and number of a packet from the world to the host's.
   *
   * @param packet without a defect, whole, to the router's address, laid over {@code buf}
   * @param in gets the packet, if there is one; has room for as many bytes
   */
  Outcome inward(Ipv4Packet packet, ByteBuf buf, ByteBuf in, long nowNanos) {
    return switch (packet.protocol()) {
      case Ipv4Packet.PROTOCOL_ICMP -> icmpInward(packet, buf, in, nowNanos);
      case Ipv4Packet.PROTOCOL_UDP -> udpInward(packet, buf, in, nowNanos);
      default -> new Refused(Drop.PROTOCOL);
    };
  }

  private Outcome udpInward(Ipv4Packet packet, ByteBuf buf, ByteBuf in, long nowNanos) {
    int length = packet.payloadLength();
    var defect =
        udp.wrap(buf, packet.payloadOffset(), length).defect(packet.source(), packet.destination());
    if (defect != null && !(defect == Defect.BAD_CHECKSUM && hasNoChecksumYet(packet, buf))) {
      return new Malformed(defect);
    }
    var flow = datagrams.flow(udp.destinationPort(), packet.source(), udp.sourcePort(), nowNanos);
    if (flow == null) {
      return new Refused(Drop.UNKNOWN_FLOW);
    }
    int sourcePort = udp.sourcePort();
    int payloadLength = udp.payloadLength();
    compose(packet, buf, packet.source(), flow.source(), in);
    udp.wrap(in, Ipv4Packet.HEADER_LENGTH, length)
        .compose(packet.source(), flow.source(), sourcePort, flow.sourcePort(), payloadLength);
    return new Translated(flow.protocol(), flow.source(), flow.sourcePort());
  }

  /**
   * Whether a datagram has only the beginning of a checksum, the sum of the pseudo header: so the
   * kernel leaves one that has not been on a real wire, such as one from a virtual machine here.
   */
  private boolean hasNoChecksumYet(Ipv4Packet packet, ByteBuf buf) {
    long pseudoHeader =
        InternetChecksum.pseudoHeaderSum(
            packet.source(), packet.destination(), packet.protocol(), udp.datagramLength());
    return buf.getUnsignedShort(packet.payloadOffset() + UDP_CHECKSUM)
        == (~InternetChecksum.fold(pseudoHeader) & 0xFFFF);
  }

  private Outcome icmpInward(Ipv4Packet packet, ByteBuf buf, ByteBuf in, long nowNanos) {
    int length = packet.payloadLength();
    var defect = icmp.wrap(buf, packet.payloadOffset(), length).defect();
    if (defect != null) {
      return new Malformed(defect);
    }
    return switch (icmp.type()) {
      case Icmpv4Message.ECHO_REPLY -> {
        var flow = echoes.flow(icmp.rest() >>> 16, packet.source(), 0, nowNanos);
        if (flow == null) {
          yield new Refused(Drop.UNKNOWN_FLOW);
        }
        int rest = flow.sourcePort() << 16 | (icmp.rest() & 0xFFFF);
        compose(packet, buf, packet.source(), flow.source(), in);
        icmp.wrap(in, Ipv4Packet.HEADER_LENGTH, length).compose(Icmpv4Message.ECHO_REPLY, 0, rest);
        yield new Translated(flow.protocol(), flow.source(), flow.sourcePort());
      }
      case Icmpv4Message.UNREACHABLE,
          Icmpv4Message.TIME_EXCEEDED,
          Icmpv4Message.PARAMETER_PROBLEM ->
          errorInward(packet, buf, in, nowNanos);
      default -> new Refused(Drop.ICMP_IGNORED);
    };
  }

  /**
   * An error about a packet that this router has sent: what it quotes becomes the packet that the
   * host has sent. RFC 5508, section 4.2.
   */
  private Outcome errorInward(Ipv4Packet packet, ByteBuf buf, ByteBuf in, long nowNanos) {
    quote.wrap(buf, icmp.payloadOffset(), icmp.payloadLength());
    var defect = quote.defect();
    if (defect != null) {
      return new Malformed(defect);
    }
    if (quote.source() != packet.destination() || !quote.isFirstFragment()) {
      return new Refused(Drop.UNKNOWN_FLOW);
    }
    int remote = quote.destination();
    var flow =
        switch (quote.protocol()) {
          case Ipv4Packet.PROTOCOL_ICMP ->
              quote.icmpType() == Icmpv4Message.ECHO_REQUEST
                  ? echoes.flow(quote.echoIdentifier(), remote, 0, nowNanos)
                  : null;
          case Ipv4Packet.PROTOCOL_UDP ->
              datagrams.flow(quote.sourcePort(), remote, quote.destinationPort(), nowNanos);
          default -> null;
        };
    if (flow == null) {
      return new Refused(Drop.UNKNOWN_FLOW);
    }
    int type = icmp.type();
    int code = icmp.code();
    int rest = icmp.rest();
    compose(packet, buf, packet.source(), flow.source(), in);
    icmp.wrap(in, Ipv4Packet.HEADER_LENGTH, packet.payloadLength());
    quote
        .wrap(in, icmp.payloadOffset(), icmp.payloadLength())
        .restoreSource(flow.source(), flow.sourcePort());
    icmp.compose(type, code, rest);
    return new Translated(flow.protocol(), flow.source(), flow.sourcePort());
  }

  /** Copies the payload, behind a header of our own with one less to live. */
  private void compose(Ipv4Packet packet, ByteBuf buf, int source, int destination, ByteBuf to) {
    int length = packet.payloadLength();
    to.setIndex(0, Ipv4Packet.HEADER_LENGTH + length);
    to.setBytes(Ipv4Packet.HEADER_LENGTH, buf, packet.payloadOffset(), length);
    // An identification of the host's would tell which packets come from the same one.
    composed
        .wrap(to, 0, Ipv4Packet.HEADER_LENGTH + length)
        .compose(
            source,
            destination,
            packet.protocol(),
            packet.dontFragment() ? 0 : random.nextInt(1, 0x10000),
            packet.dontFragment(),
            length)
        .setTtl(packet.ttl() - 1);
  }

  OptionalLong nextDeadline() {
    var echo = echoes.nextDeadline();
    var datagram = datagrams.nextDeadline();
    if (echo.isEmpty() || datagram.isEmpty()) {
      return echo.isEmpty() ? datagram : echo;
    }
    return echo.getAsLong() - datagram.getAsLong() < 0 ? echo : datagram;
  }

  void expire(long nowNanos) {
    echoes.expire(nowNanos);
    datagrams.expire(nowNanos);
  }

  void clear() {
    echoes.clear();
    datagrams.clear();
  }
}
