/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.Fragmenter;
import org.torvtl.link.Link;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/**
 * Composes what goes to guests, in one reused header buffer, and gives it to the link. Payload
 * follows the headers as it is.
 */
final class PacketWriter implements AutoCloseable {
  private final Link link;
  private final long mac;
  private final boolean offload;
  private final int linkHeaderLength;
  private final EthernetFrame ethernet = new EthernetFrame();
  private final ArpPacket arp = new ArpPacket();
  private final Ipv4Packet ipv4 = new Ipv4Packet();
  private final TcpSegment tcp = new TcpSegment();
  private final StackCounters counters;
  private final FragmentIdentifications identifications;
  private ByteBuf headers;

  /** Whether a batch of frames is being taken, so that {@link #endOfBatch} follows. */
  private boolean inBatch;

  /** An acknowledgment that waits for the rest of the batch, complete; and whose it is. */
  private ByteBuf waiting;

  private @Nullable Object waitingFor;
  private int waitingAcknowledgment;
  private int waitingWindow;

  PacketWriter(
      Link link, long mac, StackCounters counters, FragmentIdentifications identifications) {
    this.link = link;
    this.mac = mac;
    this.counters = counters;
    this.identifications = identifications;
    this.offload = link.hasTcpOffload();
    this.linkHeaderLength = link.medium() == Link.Medium.ETHERNET ? EthernetFrame.HEADER_LENGTH : 0;
    int longest =
        Math.max(ArpPacket.LENGTH, Ipv4Packet.HEADER_LENGTH + TcpSegment.MAX_HEADER_LENGTH);
    this.headers = Unpooled.directBuffer(linkHeaderLength + longest);
    this.waiting = Unpooled.directBuffer(linkHeaderLength + longest);
  }

  void arpReply(long guest, int guestAddress, int address) {
    ethernet.wrap(headers, 0, linkHeaderLength).compose(guest, mac, EthernetFrame.TYPE_ARP);
    arp.wrap(headers, linkHeaderLength, ArpPacket.LENGTH)
        .compose(ArpPacket.REPLY, mac, address, guest, guestAddress);
    link.send(headers.setIndex(0, linkHeaderLength + ArpPacket.LENGTH), Unpooled.EMPTY_BUFFER);
  }

  /**
   * Sends an IPv4 packet, in fragments where the link carries no whole.
   *
   * @param payload transport header and payload; borrowed
   */
  void ipv4(long guest, int source, int destination, int protocol, ByteBuf payload) {
    int room = link.mtu() - Ipv4Packet.HEADER_LENGTH;
    int length = payload.readableBytes();
    if (Ipv4Packet.HEADER_LENGTH + length > Ipv4Packet.MAX_LENGTH) {
      counters.drop(StackCounters.Drop.TOO_LARGE);
      return;
    }
    if (length <= room) {
      composeAtomic(guest, source, destination, protocol, length);
      link.send(headers, payload);
      return;
    }
    composeIpv4(guest, source, destination, protocol, identifications.next(), false, length);
    Fragmenter.cut(
        length,
        link.mtu(),
        (offset, part, more) -> {
          ipv4.composeFragment(offset, more, part);
          link.send(headers, payload.slice(payload.readerIndex() + offset, part));
          return true;
        });
  }

  /**
   * Sends a TCP segment. A mere acknowledgment waits for the end of the batch, if there is one
   * going on, and is not sent if another segment of the same connection tells the same and more: a
   * guest that sends much is answered once a batch, not once a segment.
   *
   * @param connection what tells whose segment it is
   * @param key its ends: from the address to the guest's
   * @param guest the MAC address it goes to, which is not {@code key}'s once the guest has moved
   * @param header valid during the call only
   * @param payload borrowed; longer than {@code segmentSize} only where the link has TCP offload
   * @param segmentSize the most bytes of payload for a packet
   */
  void tcp(
      Object connection,
      FourTuple key,
      long guest,
      TcpHeader header,
      ByteBuf payload,
      int segmentSize) {
    int tcpOffset = linkHeaderLength + Ipv4Packet.HEADER_LENGTH;
    int headerLength = tcp.compose(headers, tcpOffset, key.port(), key.guestPort(), header);
    int length = headerLength + payload.readableBytes();
    composeAtomic(guest, key.address(), key.guestAddress(), Ipv4Packet.PROTOCOL_TCP, length);
    headers.setIndex(0, tcpOffset + headerLength);
    if (waitingFor != null) {
      if (supersedesWaiting(connection, header)) {
        waitingFor = null;
      } else {
        sendWaiting();
      }
    }
    if (offload) {
      tcp.startChecksum(ipv4.pseudoHeaderSum());
    } else {
      tcp.updateChecksum(ipv4.pseudoHeaderSum(), payload);
    }
    if (inBatch
        && header.flags() == TcpSegment.ACK
        && !payload.isReadable()
        && header.options().sackCount() == 0) {
      var composed = headers;
      headers = waiting;
      waiting = composed;
      waitingFor = connection;
      waitingAcknowledgment = header.acknowledgment();
      waitingWindow = header.window();
    } else {
      sendTcp(headers, payload, segmentSize);
    }
  }

  /** Whether a peer that gets this segment misses nothing if it never got the one that waits. */
  private boolean supersedesWaiting(Object connection, TcpHeader header) {
    int further = header.acknowledgment() - waitingAcknowledgment;
    return connection == waitingFor
        && header.has(TcpSegment.ACK)
        && !header.has(TcpSegment.RST)
        // The same twice means that something came out of order: then both are news.
        && (further > 0 || further == 0 && header.window() != waitingWindow);
  }

  private void sendWaiting() {
    waitingFor = null;
    sendTcp(waiting, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE);
  }

  private void sendTcp(ByteBuf composed, ByteBuf payload, int segmentSize) {
    if (offload) {
      link.sendTcp(composed, payload, linkHeaderLength + Ipv4Packet.HEADER_LENGTH, segmentSize);
    } else {
      link.send(composed, payload);
    }
  }

  /** Frames are being taken; {@link #endOfBatch} will be called. */
  void batch() {
    inBatch = true;
  }

  /** Sends what waited for the rest of the batch. */
  void endOfBatch() {
    inBatch = false;
    if (waitingFor != null) {
      sendWaiting();
    }
  }

  /**
   * Sends a UDP datagram.
   *
   * @param flow the ends as the guest sees them; the datagram goes to the guest
   * @param payload borrowed
   */
  void udp(FourTuple flow, ByteBuf payload) {
    int length = UdpDatagram.HEADER_LENGTH + payload.readableBytes();
    if (Ipv4Packet.HEADER_LENGTH + length > Ipv4Packet.MAX_LENGTH) {
      counters.drop(StackCounters.Drop.TOO_LARGE);
      return;
    }
    ByteBuf datagram = ByteBufAllocator.DEFAULT.directBuffer(length);
    try {
      datagram.setBytes(
          UdpDatagram.HEADER_LENGTH, payload, payload.readerIndex(), payload.readableBytes());
      new UdpDatagram()
          .wrap(datagram, 0, length)
          .compose(
              flow.address(),
              flow.guestAddress(),
              flow.port(),
              flow.guestPort(),
              payload.readableBytes());
      datagram.setIndex(0, length);
      ipv4(flow.guest(), flow.address(), flow.guestAddress(), Ipv4Packet.PROTOCOL_UDP, datagram);
    } finally {
      datagram.release();
    }
  }

  /**
   * The header of a packet that is never fragmented. Its identification is for nothing, and 0: a
   * counter would tell each guest how much the others get. RFC 6864, section 4.1.
   */
  private void composeAtomic(long guest, int source, int destination, int protocol, int length) {
    composeIpv4(guest, source, destination, protocol, /* identification= */ 0, true, length);
  }

  private void composeIpv4(
      long guest,
      int source,
      int destination,
      int protocol,
      int identification,
      boolean dontFragment,
      int length) {
    if (linkHeaderLength != 0) {
      ethernet.wrap(headers, 0, linkHeaderLength).compose(guest, mac, EthernetFrame.TYPE_IPV4);
    }
    ipv4.wrap(headers, linkHeaderLength, Ipv4Packet.HEADER_LENGTH)
        .compose(source, destination, protocol, identification, dontFragment, length);
    headers.setIndex(0, linkHeaderLength + Ipv4Packet.HEADER_LENGTH);
  }

  @Override
  public void close() {
    headers.release();
    waiting.release();
  }
}
