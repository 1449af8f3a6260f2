/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.Reassembler;
import org.torvtl.link.Link;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.IsnGenerator;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.wire.EthernetFrame;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.MacAddress;
import org.torvtl.wire.TcpSegment;

/**
 * The whole network behind a guest's cable. See the package for what it does and does not.
 *
 * <p>Called from one thread: the lane's.
 */
public final class Stack implements Link.Receiver, AutoCloseable {
  /** The most TCP payload that fits in an IP packet, whatever the options. */
  private static final int MAX_TRANSMIT_BYTES =
      Ipv4Packet.MAX_LENGTH - Ipv4Packet.HEADER_LENGTH - TcpSegment.MAX_HEADER_LENGTH;

  /** The guest of a TUN, where frames carry no MAC address. */
  private static final long ONLY_GUEST = 0;

  private final Link link;
  private final StackConfig config;
  private final StackHandler handler;
  private final LongSupplier clock;
  private final StackCounters counters = new StackCounters();
  private final MemoryAccount memory;
  private final Admission admission;
  private final Reassembler reassembler;
  private final PacketWriter writer;
  private final TimerWheel timers;
  private final TcpTable tcp;
  private final UdpServices udpServices = new UdpServices();
  private final ArpInput arp;
  private final Ipv4Input ipv4;
  private final FailureLog failures;
  private boolean closed;

  private final EthernetFrame ethernet = new EthernetFrame();

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
    var icmp = new IcmpResponder(config, writer, counters);
    timers = new TimerWheel(alarm::accept, now);
    tcp =
        new TcpTable(
            new StackContext(config, handler, counters, clock, timers, failures, memory),
            tcpConfig(config.tcp(), link),
            writer,
            icmp,
            admission,
            new IsnGenerator(secret));
    arp = new ArpInput(link, config, counters, admission, tcp, writer);
    ipv4 =
        new Ipv4Input(config.address(), counters, admission, reassembler, tcp, udpServices, icmp);
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
    int segment = link.mtu() - Ipv4Input.TCP_HEADERS;
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
    if (closed) {
      counters.drop(Drop.CLOSED);
      return;
    }
    ipv4.trust(isTrusted);
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
      arp.receive(guest, ethernet, frame, now);
    } else if (ethernet.type() == EthernetFrame.TYPE_IPV4) {
      ipv4.receive(guest, frame, ethernet.payloadOffset(), ethernet.payloadLength(), now);
    } else {
      counters.drop(ethernet.type() == EthernetFrame.TYPE_IPV6 ? Drop.IPV6 : Drop.ETHER_TYPE);
    }
  }

  private void ip(long guest, ByteBuf packet, int offset, int length, long now) {
    if (length > 0 && packet.getByte(offset) >>> 4 == 6) {
      counters.drop(Drop.IPV6);
    } else {
      ipv4.receive(guest, packet, offset, length, now);
    }
  }

  /**
   * Whether the guest whose datagram is at hand may set off work of the egress; if not, the drop is
   * counted. To be called by a {@link UdpServices.UdpService} while it takes the datagram.
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
  public void sendDatagram(FourTuple flow, ByteBuf payload) {
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

  /** What answers datagrams. */
  public UdpServices udpServices() {
    return udpServices;
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
