/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.torvtl.ip.FourTuple;
import org.torvtl.ip.QuotedPacket;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.stack.StackCounters.Protocol;
import org.torvtl.tcp.IsnGenerator;
import org.torvtl.tcp.ResetSegment;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.tcp.TcpCounters;
import org.torvtl.wire.Ipv4Packet;
import org.torvtl.wire.TcpSegment;

/**
 * Brings a TCP segment to its connection, or makes one. How many there may be, and which is evicted
 * for another, {@link ConnectionShares} decides.
 */
final class TcpTable implements ConnectionContext.Table {
  /** Bytes behind the IP header that an ICMP error must quote: ports and sequence number. */
  private static final int QUOTED_BYTES = 8;

  /** The flags that tell a request for a connection from all else. */
  static final int REQUEST_MASK = TcpSegment.SYN | TcpSegment.ACK | TcpSegment.RST;

  private final StackConfig config;
  private final TcpConfig tcpConfig;
  private final StackHandler handler;
  private final StackCounters counters;
  private final PacketWriter writer;
  private final Admission admission;
  private final TimerWheel timers;
  private final LongSupplier clock;
  private final IsnGenerator isnGenerator;
  private final FailureLog failures;
  private final MemoryAccount memory;
  private final TcpCounters tcpCounters = new TcpCounters();
  private final Map<FourTuple, GuestConnection> connections = new HashMap<>();
  private final TcpSegment segment = new TcpSegment();
  private final ConnectionShares shares;
  private final ConnectionContext connectionContext;
  private final UnreachableRequests unreachable = new UnreachableRequests();
  private final MovedGuests moved;
  private final TimerWheel.Timer moveTimer =
      new TimerWheel.Timer() {
        @Override
        void fire(long nowNanos) {
          endMoved(nowNanos);
        }
      };

  TcpTable(
      StackContext context,
      TcpConfig tcpConfig,
      PacketWriter writer,
      IcmpResponder icmp,
      Admission admission,
      IsnGenerator isnGenerator) {
    this.config = context.config();
    this.handler = context.handler();
    this.counters = context.counters();
    this.clock = context.clock();
    this.timers = context.timers();
    this.failures = context.failures();
    this.memory = context.memory();
    this.tcpConfig = tcpConfig;
    this.writer = writer;
    this.admission = admission;
    this.isnGenerator = isnGenerator;
    this.shares = new ConnectionShares(config, counters);
    this.connectionContext =
        new ConnectionContext(clock, timers, shares, writer, icmp, tcpCounters, this);
    this.moved = new MovedGuests(config.owners());
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
        FourTuple.of(
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
      if (connection.repeatsRequest(segment)
          || admits(connection, connection.advance(segment), nowNanos)) {
        connection.receive(
            segment, frame.slice(segment.payloadOffset(), segment.payloadLength()), nowNanos);
      }
    } else if ((segment.flags() & REQUEST_MASK) == TcpSegment.SYN) {
      open(key, packet, frame, nowNanos);
    } else if (admission.admitsAnswer(WorkCost.answer(0), nowNanos)) {
      counters.drop(Drop.TCP_NO_CONNECTION);
      heard(guest, packet.source(), nowNanos);
      reset(key);
    }
  }

  private boolean admits(GuestConnection connection, long advance, long nowNanos) {
    boolean isAdmitted = admission.admitsSegment(advance, connection.overheadBytes(), nowNanos);
    if (isAdmitted) {
      connection.clearOverhead();
    }
    return isAdmitted;
  }

  /**
   * A segment of ours was too large for a network behind the guest.
   *
   * @param quote without a defect, and of TCP
   * @param maxSegmentSize the most bytes of TCP options and payload that fit
   */
  void packetTooBig(long guest, QuotedPacket quote, int maxSegmentSize, long nowNanos) {
    var key =
        FourTuple.of(
            guest,
            quote.destination(),
            quote.destinationPort(),
            quote.source(),
            quote.sourcePort());
    var connection = connections.get(key);
    if (connection == null) {
      counters.drop(Drop.ICMP_NO_CONNECTION);
    } else if (admits(connection, 0, nowNanos)
        && !connection.packetTooLarge(quote.sequence(), maxSegmentSize, nowNanos)) {
      counters.drop(Drop.ICMP_NOT_BELIEVED);
    }
  }

  private void open(FourTuple key, Ipv4Packet packet, ByteBuf frame, long nowNanos) {
    boolean isNothingThere = key.address() == config.address() && !handler.listens(key.port());
    if (isNothingThere || unreachable.isRepeated(key, segment.sequence(), nowNanos)) {
      // A guest that has not heeded an error is told anew.
      if (admission.admitsAnswer(WorkCost.answer(0), nowNanos)) {
        reset(key);
      }
    } else if (!memory.admitsConnection(key.guest())) {
      counters.drop(Drop.TCP_MEMORY);
    } else if (admission.admitsConnection(nowNanos) && shares.admit(key.guest(), nowNanos)) {
      var syn = new byte[packet.headerLength() + QUOTED_BYTES];
      frame.getBytes(packet.offset(), syn);
      var connection =
          new GuestConnection(
              connectionContext, key, beginning(key, nowNanos), segment, syn, nowNanos);
      connections.put(key, connection);
      heard(key.guest(), key.guestAddress(), nowNanos);
      try {
        connection.settle();
        handler.connection(connection);
      } catch (RuntimeException e) {
        connection.fail(e);
      }
    }
  }

  /**
   * A guest has sent something that is of no open connection: it may have another MAC address now.
   *
   * @param address IPv4, network byte order
   */
  void heard(long guest, int address, long nowNanos) {
    if (moved.heard(guest, address, nowNanos) && !moveTimer.isSet()) {
      timers.set(moveTimer, nowNanos + MovedGuests.STEP_NANOS);
    }
  }

  /**
   * Ends the connections of guests that have moved to another MAC address, and tells them there;
   * before that, asks them at the old one.
   */
  private void endMoved(long nowNanos) {
    for (var connection : List.copyOf(connections.values())) {
      var move =
          moved.move(
              connection.guest(), connection.tuple().guestAddress(), connection.receivedNanos());
      if (move != null) {
        switch (move.step(nowNanos)) {
          case WAIT -> {
            // Its guest may be heard yet.
          }
          case ASK -> connection.askIfAlive(nowNanos);
          case END -> {
            counters.drop(Drop.GUEST_MOVED);
            connection.endAt(move.mac());
          }
        }
      }
    }
    if (moved.settle(nowNanos)) {
      timers.set(moveTimer, nowNanos + MovedGuests.STEP_NANOS);
    }
  }

  private void reset(FourTuple key) {
    ResetSegment.answer(
        segment,
        (header, payload, segmentSize) ->
            writer.tcp(key, key, key.guest(), header, payload, segmentSize));
  }

  @Override
  public void unreachable(FourTuple key, HeldSyn request) {
    long now = clock.getAsLong();
    unreachable.answered(
        key,
        request.sequence(),
        request.askedNanos(now),
        config.owners().applyAsLong(key.guest()),
        now);
  }

  @Override
  public void ended(FourTuple key, ConnectionShares.Place place) {
    shares.remove(place);
    connections.remove(key, place.connection());
  }

  @Override
  public void givenUp() {
    counters.drop(Drop.TCP_GIVEN_UP);
  }

  @Override
  public void failed(RuntimeException cause) {
    failures.failed(cause);
  }

  private ConnectionContext.Beginning beginning(FourTuple key, long nowNanos) {
    int share = config.share(shares.inUse(key.guest()));
    return new ConnectionContext.Beginning(
        tcpConfig.withCapacity(share, share),
        isnGenerator.next(
            key.guest(), key.address(), key.port(), key.guestAddress(), key.guestPort(), nowNanos),
        memory.guest(key.guest()));
  }

  /** Ends the connections of a guest without a word. */
  void forget(long guest) {
    for (var connection : List.copyOf(connections.values())) {
      if (connection.guest() == guest) {
        counters.drop(Drop.GUEST_LEFT);
        connection.drop();
      }
    }
  }

  /** Ends every connection with a RST. */
  void close() {
    timers.cancel(moveTimer);
    List.copyOf(connections.values()).forEach(GuestConnection::end);
  }

  int size() {
    return connections.size();
  }

  TcpCounters tcpCounters() {
    return tcpCounters;
  }
}
