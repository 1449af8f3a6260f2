/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.QuotedPacket;
import org.torvtl.ip.Reassembler;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.wire.Defect;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/**
 * Takes guests' IPv4 packets: puts fragments together, and brings what is in a packet to TCP, to a
 * UDP service, or to ICMP. RFC 791.
 */
final class Ipv4Input {
  /** What TCP and IP headers take of an MTU. RFC 6691, section 2. */
  static final int TCP_HEADERS = Ipv4Packet.HEADER_LENGTH + TcpSegment.MIN_HEADER_LENGTH;

  /** What a router's MTU is taken for that does not say. RFC 1191, section 5. */
  private static final int UNNAMED_MTU = 576;

  /** No network carries less. RFC 791, section 3.2. */
  private static final int LEAST_MTU = 68;

  private final int gatewayAddress;
  private final StackCounters counters;
  private final Admission admission;
  private final Reassembler reassembler;
  private final TcpTable tcp;
  private final UdpServices udpServices;
  private final IcmpResponder icmp;

  private final Ipv4Packet ipv4 = new Ipv4Packet();
  private final UdpDatagram udp = new UdpDatagram();
  private final Icmpv4Message message = new Icmpv4Message();
  private final QuotedPacket quote = new QuotedPacket();

  /** Whether the checksum of the packet at hand needs no check. */
  private boolean isTrusted;

  /**
   * @param gatewayAddress IPv4, network byte order
   */
  Ipv4Input(
      int gatewayAddress,
      StackCounters counters,
      Admission admission,
      Reassembler reassembler,
      TcpTable tcp,
      UdpServices udpServices,
      IcmpResponder icmp) {
    this.gatewayAddress = gatewayAddress;
    this.counters = counters;
    this.admission = admission;
    this.reassembler = reassembler;
    this.tcp = tcp;
    this.udpServices = udpServices;
    this.icmp = icmp;
  }

  /**
   * Says of the packets from now on whether the checksum of what is in them needs no check: their
   * link says so of its frames.
   */
  void trust(boolean trusted) {
    isTrusted = trusted;
  }

  /**
   * Takes a packet from a guest.
   *
   * @param offset of the packet in {@code frame}
   * @param length bytes from there to the end of what the link delivered
   */
  void receive(long guest, ByteBuf frame, int offset, int length, long now) {
    ipv4.wrap(frame, offset, length);
    var defect = ipv4.defect();
    if (defect != null) {
      counters.malformed(Protocol.IPV4, defect);
      return;
    }
    if (ipv4.source() == Ipv4Address.UNSPECIFIED) {
      counters.drop(Drop.NO_SOURCE);
    } else if (Ipv4Address.isMulticast(ipv4.destination())
        || ipv4.destination() == Ipv4Address.BROADCAST) {
      counters.drop(Drop.GROUP_DESTINATION);
    } else if (ipv4.isFragment()) {
      fragment(guest, frame, now);
    } else {
      transport(guest, frame, now);
    }
  }

  private void fragment(long guest, ByteBuf frame, long now) {
    if (!admission.admitsAnswer(WorkCost.FRAGMENT, now)) {
      return;
    }
    // What is trusted is a checksum of the frame; a fragment has none.
    isTrusted = false;
    ByteBuf whole = reassembler.add(guest, ipv4, frame, now);
    if (whole != null) {
      try {
        ipv4.wrap(whole, whole.readerIndex(), whole.readableBytes());
        transport(guest, whole, now);
      } finally {
        whole.release();
      }
    }
  }

  private void transport(long guest, ByteBuf frame, long now) {
    int protocol = ipv4.protocol();
    if (protocol == Ipv4Packet.PROTOCOL_TCP) {
      tcp.receive(guest, ipv4, frame, isTrusted, now);
    } else if (admission.admitsAnswer(cost(protocol), now)) {
      answer(protocol, guest, frame, now);
    }
  }

  private long cost(int protocol) {
    int bytes = ipv4.payloadLength();
    return protocol == Ipv4Packet.PROTOCOL_ICMP ? WorkCost.echo(bytes) : WorkCost.answer(bytes);
  }

  private void answer(int protocol, long guest, ByteBuf frame, long now) {
    switch (protocol) {
      case Ipv4Packet.PROTOCOL_UDP -> udp(guest, frame, now);
      case Ipv4Packet.PROTOCOL_ICMP -> icmp(guest, frame, now);
      default -> icmp.unreachable(guest, ipv4, frame, Icmpv4Message.PROTOCOL_UNREACHABLE, now);
    }
  }

  private void udp(long guest, ByteBuf frame, long now) {
    udp.wrap(frame, ipv4.payloadOffset(), ipv4.payloadLength());
    var defect =
        isTrusted ? udp.defectBesidesChecksum() : udp.defect(ipv4.source(), ipv4.destination());
    if (defect != null) {
      counters.malformed(Protocol.UDP, defect);
      return;
    }
    var service = udpServices.at(udp.destinationPort());
    if (service != null) {
      service.datagram(
          FourTuple.of(
              guest, ipv4.source(), udp.sourcePort(), ipv4.destination(), udp.destinationPort()),
          frame.slice(udp.payloadOffset(), udp.payloadLength()));
      return;
    }
    int code =
        ipv4.destination() == gatewayAddress
            ? Icmpv4Message.PORT_UNREACHABLE
            : Icmpv4Message.ADMINISTRATIVELY_PROHIBITED;
    icmp.unreachable(guest, ipv4, frame, code, now);
  }

  private void icmp(long guest, ByteBuf frame, long now) {
    message.wrap(frame, ipv4.payloadOffset(), ipv4.payloadLength());
    var defect = message.defect();
    if (defect != null) {
      counters.malformed(Protocol.ICMP, defect);
    } else if (message.type() == Icmpv4Message.UNREACHABLE
        && message.code() == Icmpv4Message.FRAGMENTATION_NEEDED) {
      packetTooBig(guest, frame, now);
    } else {
      icmp.receive(guest, ipv4, message, frame, now);
    }
  }

  /** A guest that is a router has a hop behind it that takes smaller packets only. RFC 1191. */
  private void packetTooBig(long guest, ByteBuf frame, long now) {
    quote.wrap(frame, message.payloadOffset(), message.payloadLength());
    var defect = quote.defect();
    if (defect == null && quote.source() != ipv4.destination()) {
      // An error goes to the sender of the packet it is about.
      defect = Defect.BAD_ADDRESS;
    }
    int mtu = message.nextHopMtu() == 0 ? UNNAMED_MTU : message.nextHopMtu();
    if (defect != null) {
      counters.malformed(Protocol.ICMP, defect);
    } else if (quote.protocol() != Ipv4Packet.PROTOCOL_TCP || !quote.isFirstFragment()) {
      counters.drop(Drop.ICMP_IGNORED);
    } else if (mtu < LEAST_MTU) {
      counters.drop(Drop.ICMP_MTU);
    } else {
      tcp.packetTooBig(guest, quote, mtu - TCP_HEADERS, now);
    }
  }
}
