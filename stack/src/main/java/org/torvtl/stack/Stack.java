/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.torvtl.ip.QuotedPacket;
import org.torvtl.ip.Reassembler;
import org.torvtl.link.Link;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.IsnGenerator;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.wire.ArpPacket;
import org.torvtl.wire.Defect;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Icmpv4Message;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpSegment;
import org.torvtl.wire.UdpDatagram;

/**
 * The whole network behind a guest's cable. See the package for what it does and does not.
 *
 * <p>Called from one thread: the lane's.
 */
public final class Stack implements Link.Receiver, AutoCloseable {
  /** What TCP and IP headers take of an MTU. RFC 6691, section 2. */
  private static final int TCP_HEADERS = Ipv4Packet.HEADER_LENGTH + TcpSegment.MIN_HEADER_LENGTH;

  /** The most TCP payload that fits in an IP packet, whatever the options. */
  private static final int MAX_TRANSMIT_BYTES =
      Ipv4Packet.MAX_LENGTH - Ipv4Packet.HEADER_LENGTH - TcpSegment.MAX_HEADER_LENGTH;

  /** What a router's MTU is taken for that does not say. RFC 1191, section 5. */
  private static final int UNNAMED_MTU = 576;

  /** No network carries less. RFC 791, section 3.2. */
  private static final int LEAST_MTU = 68;

  /** The guest of a TUN, where frames carry no MAC address. */
  private static final long ONLY_GUEST = 0;

  private final Link link;
  private final StackConfig config;
  private final StackHandler handler;
  private final LongSupplier clock;
  private final StackCounters counters = new StackCounters();
  private final NeighborCache neighbors = new NeighborCache();
  private final MemoryAccount memory;
  private final Admission admission;
  private final Reassembler reassembler;
  private final PacketWriter writer;
  private final IcmpResponder icmp;
  private final TimerWheel timers;
  private final TcpTable tcp;
  private final FailureLog failures;
  private boolean closed;

  private final EthernetFrame ethernet = new EthernetFrame();
  private final ArpPacket arp = new ArpPacket();
  private final Ipv4Packet ipv4 = new Ipv4Packet();
  private final UdpDatagram udp = new UdpDatagram();
  private final Icmpv4Message message = new Icmpv4Message();
  private final QuotedPacket quote = new QuotedPacket();

  /** Whether the checksum of the frame at hand needs no check. */
  private boolean trusted;

  /**
   * A stack on a link, which the caller then starts with the stack as its receiver.
   *
   * @param clock nanoseconds as of {@link System#nanoTime}
   * @param alarm is told the time, in those nanoseconds, at which {@link #onDeadline} is wanted;
   *     each time it is told replaces the one before
   * @param secret {@link IsnGenerator#SECRET_LENGTH} random bytes
   */
  public Stack(
      Link link,
      StackConfig config,
      StackHandler handler,
      LongSupplier clock,
      LongConsumer alarm,
      byte[] secret) {
    this(
        link,
        config,
        handler,
        clock,
        alarm,
        secret,
        new WorkPolicer(clock.getAsLong(), ByteBuffer.wrap(secret).getLong()));
  }

  /** As above, with the share of time that guests get. */
  Stack(
      Link link,
      StackConfig config,
      StackHandler handler,
      LongSupplier clock,
      LongConsumer alarm,
      byte[] secret,
      WorkPolicer policer) {
    this.link = link;
    this.config = config;
    this.handler = handler;
    this.clock = clock;
    long now = clock.getAsLong();
    failures = new FailureLog(counters, clock);
    admission = new Admission(counters, config.owners(), policer);
    memory =
        new MemoryAccount(
            config.bufferBytes(), config.owners(), Stack::allocatedPart, this::cutForMemory);
    reassembler = new Reassembler(counters, memory::guest, ByteBufAllocator.DEFAULT);
    writer = new PacketWriter(link, config.mac(), counters, new FragmentIdentifications(secret));
    icmp = new IcmpResponder(config, writer, counters);
    timers = new TimerWheel(alarm::accept, now);
    tcp =
        new TcpTable(
            new StackContext(config, handler, counters, clock, timers, failures, memory),
            tcpConfig(config.tcp(), link),
            writer,
            icmp,
            admission,
            new IsnGenerator(secret));
  }

  private void cutForMemory(GuestConnection connection) {
    counters.drop(Drop.MEMORY_CUT);
    handler.memoryIsShort(connection);
    // One in TIME-WAIT, which nobody ends.
    connection.drop();
  }

  /** How much of the memory for buffers the allocator has taken, 0 to 1. */
  private static double allocatedPart() {
    return (double) PlatformDependent.usedDirectMemory() / PlatformDependent.maxDirectMemory();
  }

  private static TcpConfig tcpConfig(TcpConfig config, Link link) {
    int segment = link.mtu() - TCP_HEADERS;
    return config
        .withMaxSegmentSize(segment)
        .withMaxTransmitBytes(
            link.hasTcpOffload() ? Math.max(segment, MAX_TRANSMIT_BYTES) : segment);
  }

  @Override
  public void frame(ByteBuf frame) {
    receive(frame, false);
  }

  @Override
  public void trustedFrame(ByteBuf frame) {
    receive(frame, true);
  }

  private void receive(ByteBuf frame, boolean isTrusted) {
    trusted = isTrusted;
    if (closed) {
      counters.drop(Drop.CLOSED);
      return;
    }
    writer.batch();
    try {
      frame(frame, clock.getAsLong());
    } catch (RuntimeException e) {
      failures.failed(e);
    } catch (OutOfMemoryError e) {
      memory.allocationFailed();
      counters.drop(Drop.MEMORY);
    }
    if (memory.hasAllocationFailed()) {
      // Before the next frame, which would fail as well.
      handler.allocationFailed();
    }
  }

  @Override
  public void allocationFailed() {
    memory.allocationFailed();
    handler.allocationFailed();
  }

  private void frame(ByteBuf frame, long now) {
    if (link.medium() == Link.Medium.IP) {
      admission.frame(ONLY_GUEST, now);
      ip(ONLY_GUEST, frame, frame.readerIndex(), frame.readableBytes(), now);
    } else {
      ethernet(frame, now);
    }
  }

  private void ethernet(ByteBuf frame, long now) {
    ethernet.wrap(frame, frame.readerIndex(), frame.readableBytes());
    var defect = ethernet.defect();
    if (defect != null) {
      counters.malformed(Protocol.ETHERNET, defect);
      return;
    }
    long guest = ethernet.source();
    long destination = ethernet.destination();
    if (guest == config.mac()) {
      counters.drop(Drop.OWN_FRAME);
    } else if (destination != config.mac() && !MacAddress.isGroup(destination)) {
      counters.drop(Drop.NOT_FOR_GATEWAY);
    } else if (MacAddress.isGroup(destination) && ethernet.type() != EthernetFrame.TYPE_ARP) {
      // Of a guest, or of a switch on the way, which is none: STP, LLDP, IGMP.
      counters.drop(Drop.GROUP_DESTINATION);
    } else {
      admission.frame(guest, now);
      ethernet(guest, frame, now);
    }
  }

  private void ethernet(long guest, ByteBuf frame, long now) {
    if (ethernet.type() == EthernetFrame.TYPE_ARP) {
      arp(guest, frame, now);
    } else if (ethernet.type() == EthernetFrame.TYPE_IPV4) {
      ipv4(guest, frame, ethernet.payloadOffset(), ethernet.payloadLength(), now);
    } else {
      counters.drop(ethernet.type() == EthernetFrame.TYPE_IPV6 ? Drop.IPV6 : Drop.ETHER_TYPE);
    }
  }

  /**
   * Answers for every address that is not a guest's own, nor the host's, whose kernel answers for
   * them itself. RFC 826; RFC 5227 for probes. Where guests do not hear each other, no address is
   * another's, and nothing is learnt of what they claim.
   */
  private void arp(long guest, ByteBuf frame, long now) {
    if (!admission.admitsAnswer(WorkCost.FRAME, now)) {
      return;
    }
    arp.wrap(frame, ethernet.payloadOffset(), ethernet.payloadLength());
    var defect = arp.defect();
    if (defect != null) {
      counters.malformed(Protocol.ARP, defect);
      return;
    }
    if (arp.senderMac() != guest) {
      counters.drop(Drop.ARP_SENDER);
      return;
    }
    if (!arp.isProbe()) {
      tcp.heard(guest, arp.senderIp(), now);
    }
    boolean isShared = !link.isolatesGuests();
    if (isShared) {
      learnNeighbor(guest, now);
    }
    boolean asks = arp.operation() == ArpPacket.REQUEST && !arp.isProbe() && !arp.isAnnouncement();
    if (!asks || (isShared && !isAnyones(arp.targetIp(), guest, now))) {
      return;
    }
    if (config.hostAddresses().test(arp.targetIp())) {
      counters.drop(Drop.HOST_ADDRESS);
      return;
    }
    if (isShared) {
      neighbors.answered(arp.targetIp(), guest, admission.owner(now), now);
    }
    writer.arpReply(guest, arp.senderIp(), arp.targetIp());
  }

  private void learnNeighbor(long guest, long now) {
    // No guest is the gateway, whatever it says.
    if (!arp.isProbe()
        && arp.senderIp() != config.address()
        && !neighbors.learn(arp.senderIp(), guest, admission.owner(now), now)) {
      counters.drop(Drop.ARP_CLAIM);
    }
  }

  /** Whether no other guest has the address; one that asks for an address has given it up. */
  private boolean isAnyones(int address, long asker, long now) {
    var neighbor = neighbors.at(address, now);
    return neighbor == null || neighbor == asker;
  }

  private void ip(long guest, ByteBuf packet, int offset, int length, long now) {
    if (length > 0 && packet.getByte(offset) >>> 4 == 6) {
      counters.drop(Drop.IPV6);
    } else {
      ipv4(guest, packet, offset, length, now);
    }
  }

  private void ipv4(long guest, ByteBuf frame, int offset, int length, long now) {
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
    trusted = false;
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
      tcp.receive(guest, ipv4, frame, trusted, now);
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
        trusted ? udp.defectBesidesChecksum() : udp.defect(ipv4.source(), ipv4.destination());
    if (defect != null) {
      counters.malformed(Protocol.UDP, defect);
      return;
    }
    var flow =
        new DatagramFlow(
            guest, ipv4.source(), udp.sourcePort(), ipv4.destination(), udp.destinationPort());
    if (!handler.datagram(flow, frame.slice(udp.payloadOffset(), udp.payloadLength()))) {
      int code =
          ipv4.destination() == config.address()
              ? Icmpv4Message.PORT_UNREACHABLE
              : Icmpv4Message.ADMINISTRATIVELY_PROHIBITED;
      icmp.unreachable(guest, ipv4, frame, code, now);
    }
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
      // Whoever is told of an error is who sent the packet.
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

  /**
   * Whether the guest whose datagram is at hand may set off work of the egress; if not, the drop is
   * counted. To be called while {@link StackHandler#datagram} is.
   */
  public boolean admitsRequest() {
    return admission.admitsRequest(clock.getAsLong());
  }

  /** Its connections end without a word, and nothing that is still to come is sent to it. */
  @Override
  public void guestLeft(long mac) {
    tcp.forget(mac);
    reassembler.forget(mac);
    handler.guestLeft(mac);
  }

  @Override
  public void drained() {
    admission.drained();
  }

  @Override
  public void endOfBatch() {
    handler.endOfBatch();
    if (!closed) {
      writer.endOfBatch();
    }
  }

  @Override
  public void failed(IOException cause) {
    handler.linkFailed(cause);
  }

  /**
   * Sends a datagram to a guest, as from the far end of the flow.
   *
   * @param payload borrowed
   */
  public void sendDatagram(DatagramFlow flow, ByteBuf payload) {
    if (closed) {
      counters.drop(Drop.CLOSED);
      return;
    }
    try {
      writer.udp(flow, payload);
    } catch (OutOfMemoryError e) {
      memory.allocationFailed();
      counters.drop(Drop.MEMORY);
    }
  }

  /** The time the alarm was set to has come. */
  public void onDeadline() {
    timers.advance(clock.getAsLong());
  }

  /** What is held for the guests. */
  public MemoryAccount memory() {
    return memory;
  }

  public StackCounters counters() {
    return counters;
  }

  public TcpCounters tcpCounters() {
    return tcp.tcpCounters();
  }

  /** TCP connections that are open, wait for an answer, or are in TIME-WAIT. */
  public int connections() {
    return tcp.size();
  }

  /** Resets every connection and frees what is held. The link stays as it is. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    tcp.close();
    reassembler.close();
    writer.close();
  }
}
