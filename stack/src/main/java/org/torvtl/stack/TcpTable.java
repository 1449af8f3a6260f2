/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SequencedSet;
import java.util.function.LongSupplier;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.InitialNumbers;
import org.torvtl.tcp.IsnGenerator;
import org.torvtl.tcp.ResetSegment;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;

/**
 * Brings a TCP segment to its connection, or makes one. The number of connections is bounded, and
 * so is the number of those that wait for an answer; and where the table is full, those make room
 * whose guest never confirmed our answer. So a flood of requests leaves alone what is open, and
 * leaves room for what is meant (RFC 4987, section 3).
 */
final class TcpTable {
  /** Bytes behind the IP header that an ICMP error must quote: ports and sequence number. */
  private static final int QUOTED_BYTES = 8;

  /** The flags that tell a request for a connection from all else. */
  private static final int REQUEST_MASK = TcpSegment.SYN | TcpSegment.ACK | TcpSegment.RST;

  private final StackConfig config;
  private final TcpConfig tcpConfig;
  private final StackHandler handler;
  private final StackCounters counters;
  private final PacketWriter writer;
  private final IcmpResponder icmp;
  private final Admission admission;
  private final TimerWheel timers;
  private final LongSupplier clock;
  private final IsnGenerator isnGenerator;
  private final FailureLog failures;
  private final MemoryAccount memory;
  private final TcpCounters tcpCounters = new TcpCounters();
  private final Map<GuestConnection.Key, GuestConnection> connections = new HashMap<>();
  private final TcpSegment segment = new TcpSegment();
  private final SequencedSet<GuestConnection> over = new LinkedHashSet<>();

  /** In the order of their SYNs: all that are half-open, and some that were. */
  private final Queue<GuestConnection> requests = new ArrayDeque<>();

  private final Map<Long, Integer> pendingByGuest = new HashMap<>();
  private int pending;

  TcpTable(
      StackConfig config,
      TcpConfig tcpConfig,
      StackHandler handler,
      StackCounters counters,
      PacketWriter writer,
      IcmpResponder icmp,
      Admission admission,
      TimerWheel timers,
      LongSupplier clock,
      IsnGenerator isnGenerator,
      FailureLog failures,
      MemoryAccount memory) {
    this.memory = memory;
    this.config = config;
    this.tcpConfig = tcpConfig;
    this.handler = handler;
    this.counters = counters;
    this.writer = writer;
    this.icmp = icmp;
    this.admission = admission;
    this.timers = timers;
    this.clock = clock;
    this.isnGenerator = isnGenerator;
    this.failures = failures;
  }

  /**
   * Takes a TCP segment from a guest.
   *
   * @param packet laid over {@code frame}, without a defect, and no fragment
   * @param trusted whether the checksum needs no check
   */
  void receive(long guest, Ipv4Packet packet, ByteBuf frame, boolean trusted, long nowNanos) {
    segment.wrap(frame, packet.payloadOffset(), packet.payloadLength());
    var defect =
        trusted ? segment.defectBesidesChecksum() : segment.defect(packet.pseudoHeaderSum());
    if (defect != null) {
      counters.malformed(Protocol.TCP, defect);
      return;
    }
    var key =
        GuestConnection.Key.of(
            guest,
            packet.source(),
            segment.sourcePort(),
            packet.destination(),
            segment.destinationPort());
    var connection = connections.get(key);
    if (connection != null && connection.yieldsTo(segment)) {
      connection.drop();
      connection = null;
    }
    if (connection != null) {
      if (connection.advances(segment) || admission.admitsRepeated(nowNanos)) {
        connection.receive(
            segment, frame.slice(segment.payloadOffset(), segment.payloadLength()), nowNanos);
      }
    } else if ((segment.flags() & REQUEST_MASK) == TcpSegment.SYN) {
      open(key, packet, frame, nowNanos);
    } else if (admission.admitsAnswer(WorkCost.answer(0), nowNanos)) {
      counters.drop(Drop.TCP_NO_CONNECTION);
      reset(key);
    }
  }

  /**
   * A segment of ours was too large for a network behind the guest.
   *
   * @param quote without a defect, and of TCP
   * @param maxSegmentSize the most bytes of TCP options and payload that fit
   */
  void packetTooBig(long guest, QuotedSegment quote, int maxSegmentSize, long nowNanos) {
    var key =
        GuestConnection.Key.of(
            guest,
            quote.destination(),
            quote.destinationPort(),
            quote.source(),
            quote.sourcePort());
    var connection = connections.get(key);
    if (connection == null) {
      counters.drop(Drop.ICMP_NO_CONNECTION);
    } else if (!connection.packetTooLarge(quote.sequence(), maxSegmentSize, nowNanos)) {
      counters.drop(Drop.ICMP_NOT_BELIEVED);
    }
  }

  private void open(GuestConnection.Key key, Ipv4Packet packet, ByteBuf frame, long nowNanos) {
    if (key.address() == config.address()) {
      // Nothing listens on the gateway itself.
      if (admission.admitsAnswer(WorkCost.answer(0), nowNanos)) {
        reset(key);
      }
    } else if (!memory.admitsConnection(key.guest())) {
      counters.drop(Drop.TCP_MEMORY);
    } else if (pending >= config.maxPending()
        || pendingByGuest.getOrDefault(key.guest(), 0) >= config.maxPendingOfOneGuest()) {
      counters.drop(Drop.TCP_PENDING_FULL);
    } else if (!admission.admitsConnection(nowNanos)) {
      // Counted. Before the table makes room, which takes time too.
      return;
    } else if (connections.size() >= config.maxConnections()
        && !forgetOneThatIsOver()
        && !forgetOneHalfOpen()
        && !handler.makeRoom()) {
      counters.drop(Drop.TCP_TABLE_FULL);
    } else {
      var syn = new byte[packet.headerLength() + QUOTED_BYTES];
      frame.getBytes(packet.offset(), syn);
      var connection = new GuestConnection(this, key, segment, syn, nowNanos);
      connections.put(key, connection);
      noteRequest(connection);
      pending++;
      pendingByGuest.merge(key.guest(), 1, Integer::sum);
      try {
        handler.connection(connection);
      } catch (RuntimeException e) {
        connection.fail(e);
      }
    }
  }

  private void reset(GuestConnection.Key key) {
    ResetSegment.answer(
        segment,
        (sequence, acknowledgment, flags, window, options, payload, segmentSize) ->
            writer.tcp(
                key,
                key.guest(),
                key.address(),
                key.guestAddress(),
                /* sourcePort= */ segment.destinationPort(),
                /* destinationPort= */ segment.sourcePort(),
                sequence,
                acknowledgment,
                flags,
                window,
                options,
                payload,
                segmentSize));
  }

  /** A request of a guest no longer waits for an answer. */
  void answered(long guest) {
    pending--;
    pendingByGuest.computeIfPresent(guest, (key, count) -> count == 1 ? null : count - 1);
  }

  /** A connection is over but for old segments that may still arrive: it may have to make room. */
  void isOver(GuestConnection connection) {
    over.add(connection);
  }

  /** Forgets the connection that has been over longest; {@code false} if there is none. */
  private boolean forgetOneThatIsOver() {
    if (over.isEmpty()) {
      return false;
    }
    over.getFirst().drop();
    return true;
  }

  private void noteRequest(GuestConnection connection) {
    if (requests.size() >= 2 * config.maxConnections()) {
      requests.removeIf(request -> !isRequest(request));
    }
    requests.add(connection);
  }

  private static boolean isRequest(GuestConnection connection) {
    return connection.state() == TcpState.HELD || connection.state() == TcpState.SYN_RECEIVED;
  }

  /**
   * Forgets a connection whose guest has not confirmed our answer, the oldest first: who floods us
   * with requests never does. RFC 4987, section 3.3.
   *
   * @return {@code false} if there is none
   */
  private boolean forgetOneHalfOpen() {
    for (int i = requests.size(); i > 0; i--) {
      var oldest = requests.remove();
      if (oldest.state() == TcpState.SYN_RECEIVED) {
        counters.drop(Drop.TCP_HALF_OPEN);
        oldest.drop();
        return true;
      }
      if (isRequest(oldest)) {
        requests.add(oldest);
      }
    }
    return false;
  }

  void forget(GuestConnection.Key key, GuestConnection connection) {
    over.remove(connection);
    connections.remove(key, connection);
  }

  InitialNumbers initialNumbers(GuestConnection.Key key, long nowNanos) {
    int guestPort = key.ports() >>> 16;
    int port = key.ports() & 0xFFFF;
    return isnGenerator.next(
        key.guest(), key.address(), port, key.guestAddress(), guestPort, nowNanos);
  }

  /** Ends every connection with a RST. */
  void close() {
    List.copyOf(connections.values()).forEach(GuestConnection::end);
  }

  void failed(RuntimeException cause) {
    failures.failed(cause);
  }

  MemoryAccount memory() {
    return memory;
  }

  int size() {
    return connections.size();
  }

  /** What the next connection is tuned by. */
  TcpConfig nextConfig() {
    int share = config.share(connections.size() - over.size());
    return tcpConfig.withCapacity(share, share);
  }

  TcpCounters tcpCounters() {
    return tcpCounters;
  }

  PacketWriter writer() {
    return writer;
  }

  IcmpResponder icmp() {
    return icmp;
  }

  TimerWheel timers() {
    return timers;
  }

  long nowNanos() {
    return clock.getAsLong();
  }
}
