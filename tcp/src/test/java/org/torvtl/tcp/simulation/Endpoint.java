/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp.simulation;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.CloseReason;
import org.torvtl.tcp.ResetSegment;
import org.torvtl.tcp.TcpState;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/**
 * One end: a connection, and the application above it, which writes and reads in fits and starts.
 */
final class Endpoint implements CheckedConnection.Owner, Wire.End, Wire.Source {
  private static final int STALL_CHANCE = 60;

  private final String name;
  private final Scenario.Side side;
  private final Timeline timeline;
  private final SplittableRandom random;
  private final ByteBufAllocator allocator;
  private final Tally tally;
  private final Trace trace;
  private final boolean honestPeer;
  private final CheckedConnection connection;

  private @Nullable Wire out;
  private long tickAtNanos = Timeline.NEVER;
  private long progressNanos;

  /**
   * An end whose peer begins with the given sequence number, and sends {@code incoming} from there.
   *
   * @param honestPeer whether the peer keeps the rules, so that everything must end well
   */
  Endpoint(
      String name,
      Scenario.Side side,
      Timeline timeline,
      SplittableRandom random,
      ByteBufAllocator allocator,
      Tally tally,
      Trace trace,
      StreamBytes outgoing,
      StreamBytes incoming,
      int peerSequence,
      boolean honestPeer) {
    this.name = name;
    this.side = side;
    this.timeline = timeline;
    this.random = random;
    this.allocator = allocator;
    this.tally = tally;
    this.trace = trace;
    this.honestPeer = honestPeer;
    connection =
        new CheckedConnection(
            name,
            side,
            tally.counters,
            timeline::nowNanos,
            outgoing,
            incoming,
            peerSequence + 1,
            honestPeer,
            this::transmit,
            this);
  }

  void attach(Wire wire) {
    out = wire;
    wire.reportTo(this);
  }

  CheckedConnection connection() {
    return connection;
  }

  /** Opens, unless the peer was first. */
  void open() {
    if (!connection.exists()) {
      trace.event(name, "opens");
      connection.open();
      wake(1);
    }
  }

  /** The next deadline of the engine, from the beginning of the run. */
  long deadlineNanos() {
    return timeline.whenNanos(connection.deadlineNanos());
  }

  /**
   * When last anything moved. An application that has not read what lies there holds things up
   * itself, for as long as it likes; it always reads in the end.
   */
  long progressNanos() {
    boolean unread = !connection.isOver() && connection.unconsumed() > 0;
    return unread ? timeline.elapsedNanos() : progressNanos;
  }

  /** Whether a forged segment has something to hit. */
  boolean isSynchronized() {
    return switch (connection.state()) {
      case HELD, SYN_SENT, CLOSED -> false;
      default -> true;
    };
  }

  // The application.

  private void wake(long inNanos) {
    long at = timeline.elapsedNanos() + inNanos;
    if (!connection.isOver() && at < tickAtNanos) {
      tickAtNanos = at;
      timeline.at(at, () -> tickAt(at));
    }
  }

  private void tickAt(long at) {
    if (at == tickAtNanos) {
      tickAtNanos = Timeline.NEVER;
      if (!connection.isOver()) {
        tick();
      }
    }
  }

  /** The application gets the processor: writes, reads, shuts down. */
  private void tick() {
    if (connection.state() == TcpState.HELD) {
      decide();
    }
    int unread = connection.unconsumed();
    if (unread > 0 && random.nextInt(100) < side.readPercent()) {
      read(1 + random.nextInt(unread));
    }
    int rest = side.streamBytes() - connection.written();
    if (rest > 0 && connection.isWritable() && !connection.isShut()) {
      write(Math.min(rest, 1 + random.nextInt(side.writeBytes())));
    } else if (rest == 0) {
      shut();
    }
    boolean writes = !connection.isShut() && (rest == 0 || connection.isWritable());
    if (writes || connection.unconsumed() > 0) {
      boolean stalls = random.nextInt(STALL_CHANCE) == 0;
      wake(1 + random.nextLong(stalls ? side.stallNanos() + 1 : side.pauseNanos()));
    }
  }

  private void decide() {
    if (honestPeer || side.decision() > 1) {
      trace.event(name, "accepts");
      connection.accept();
    } else if (side.decision() == 0) {
      trace.event(name, "refuses");
      connection.refuse();
    } else {
      trace.event(name, "drops");
      connection.drop();
    }
  }

  private void read(int bytes) {
    trace.event(name, "reads", bytes);
    connection.consume(bytes);
    moved();
  }

  private void write(int bytes) {
    trace.event(name, "writes", bytes);
    connection.send(allocator.buffer(bytes, bytes), bytes);
    moved();
  }

  private void shut() {
    if (side.closes() && (connection.hasEnded() || !honestPeer)) {
      close();
    } else if (!connection.isShut()) {
      trace.event(name, "shuts down its output");
      connection.shutdownOutput();
    }
  }

  /** The owner needs neither direction any more. */
  void close() {
    if (connection.exists() && !connection.isOver() && !connection.isInputShut()) {
      trace.event(name, "closes");
      connection.close();
    }
  }

  /** The owner aborts; whether there was anything to abort. */
  boolean abort() {
    if (connection.state() == TcpState.CLOSED) {
      return false;
    }
    trace.event(name, "aborts");
    connection.abort();
    return true;
  }

  /** The owner forgets the connection. */
  void drop() {
    if (connection.state() != TcpState.CLOSED) {
      trace.event(name, "drops");
      connection.drop();
    }
  }

  private void moved() {
    progressNanos = timeline.elapsedNanos();
  }

  @Override
  public void established() {
    trace.event(name, "is established");
    moved();
    wake(1);
  }

  @Override
  public void received(int bytes) {
    tally.delivered += bytes;
    moved();
    if (random.nextInt(100) < side.readPercent()) {
      trace.event(name, "reads at once", connection.unconsumed());
      connection.consumeAll();
    }
    wake(1 + random.nextLong(side.pauseNanos()));
  }

  @Override
  public void ended() {
    trace.event(name, "reads the end after", connection.received());
    moved();
    wake(1 + random.nextLong(side.pauseNanos()));
  }

  @Override
  public void acknowledged() {
    moved();
    if (!connection.isShut()) {
      wake(1 + random.nextLong(side.pauseNanos()));
    }
  }

  @Override
  public void closed(CloseReason reason) {
    trace.event(name, "is closed: " + reason);
    moved();
  }

  // The way to the wire and back.

  private Wire out() {
    var wire = out;
    if (wire == null) {
      throw new IllegalStateException("no wire");
    }
    return wire;
  }

  private void transmit(TcpHeader header, ByteBuf payload, int segmentSize) {
    int length = payload.readableBytes();
    int from = payload.readerIndex();
    if (length <= segmentSize || (!out().isNarrow() && random.nextBoolean())) {
      out().send(header, payload, from, length);
      return;
    }
    var packet =
        new TcpHeader(header.options())
            .acknowledgment(header.acknowledgment())
            .window(header.window());
    // Cuts what is too long for a packet, as the kernel or the device does.
    for (int sent = 0; sent < length; sent += segmentSize) {
      int part = Math.min(segmentSize, length - sent);
      boolean last = sent + part == length;
      int flags = last ? header.flags() : header.flags() & ~(TcpSegment.FIN | TcpSegment.PSH);
      packet.sequence(header.sequence() + sent).flags(flags);
      out().send(packet, payload, from + sent, part);
    }
  }

  @Override
  public void arrive(TcpSegment segment, ByteBuf payload) {
    if (!connection.exists() && segment.has(TcpSegment.SYN) && !segment.has(TcpSegment.ACK)) {
      connection.hold(segment);
      wake(1 + random.nextLong(side.pauseNanos()));
    } else if (connection.state() == TcpState.CLOSED) {
      ResetSegment.answer(segment, this::transmit);
    } else {
      connection.receive(segment, payload);
    }
  }

  @Override
  public void packetTooLarge(int sequence, int mostBytes) {
    connection.packetTooLarge(sequence, mostBytes);
  }

  /** What must be true in the end if nobody aborted and the peer is honest. */
  void checkWell(Endpoint peer) {
    connection.check(connection.exists(), "was never reached");
    var reason = connection.closeReason();
    // What is repeated after the peer's TIME-WAIT is answered with a reset.
    boolean late =
        reason == CloseReason.RESET_BY_PEER
            && peer.connection.closeReason() == CloseReason.NORMAL
            && connection.hasEnded();
    connection.check(
        reason == CloseReason.NORMAL || late,
        "closed with %s",
        reason == null ? "nothing" : reason);
    connection.check(
        connection.received() == peer.side.streamBytes(),
        "received %s bytes of %s",
        connection.received(),
        peer.side.streamBytes());
    connection.check(
        connection.written() == side.streamBytes(),
        "wrote %s bytes of %s",
        connection.written(),
        side.streamBytes());
  }

  @Override
  public String toString() {
    return connection.toString();
  }
}
