/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.TcpSegment;

/**
 * One TCP connection. RFC 9293.
 *
 * <p>All calls come from one thread. {@code nowNanos} is the time of {@link System#nanoTime} or a
 * virtual one, compared by difference, and never goes back. After every call the owner asks {@link
 * #deadlineNanos} when to call {@link #onDeadline}, and {@link #state} whether the connection can
 * be forgotten. Once the state is {@link TcpState#CLOSED}, every call does nothing, besides
 * releasing what it was given.
 */
public final class TcpConnection {
  /** The {@link #advance} of a segment that moves the connection on to its next state. */
  public static final long WHOLE = Long.MAX_VALUE;

  /**
   * What a packet weighs in {@link #overheadBytes}: the payload of one whose MSS is 536, less
   * timestamps and a SACK block.
   */
  public static final int PACKET_BYTES = 512;

  private final TcpConfig config;
  private final TcpCounters counters;
  private final ConnectionHandler handler;
  private final SegmentWriter writer;
  private final SendQueue queue;
  private final StateDiagram diagram;
  private final Handshake handshake;
  private final SegmentArrival arrival;
  private boolean closedTold;

  /** How many calls we are in: an event may call back, and output waits for the outermost. */
  private int depth;

  private TcpConnection(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      ConnectionOwner owner,
      boolean active) {
    this.config = config;
    this.counters = counters;
    handler = owner.handler();
    writer = new SegmentWriter(owner.transmitter(), counters);
    diagram = new StateDiagram(config, active);
    handshake = new Handshake(config, counters, numbers, writer, owner.account(), active);
    queue = new SendQueue(handshake.firstSequence(), config.copyBelowBytes(), owner.account());
    arrival = new SegmentArrival(config, counters, handler, writer, queue, diagram, handshake);
    counters.opened++;
  }

  /**
   * A connection that a peer's SYN asks for. It is {@link TcpState#HELD}: nothing is sent before
   * {@link #accept}, {@link #refuse} or {@link #drop}.
   *
   * @param syn a segment with SYN and neither ACK nor RST; only read during the call
   * @throws IllegalArgumentException if it is another segment
   */
  public static TcpConnection passive(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      TcpSegment syn,
      ConnectionOwner owner,
      long nowNanos) {
    if (!Handshake.isOpening(syn)) {
      throw new IllegalArgumentException("not a SYN: " + syn);
    }
    var connection = new TcpConnection(config, counters, numbers, owner, false);
    connection.arrival.readSyn(syn, nowNanos);
    return connection;
  }

  /** A connection we ask for: its SYN is sent at once. */
  public static TcpConnection open(
      TcpConfig config,
      TcpCounters counters,
      InitialNumbers numbers,
      ConnectionOwner owner,
      long nowNanos) {
    var connection = new TcpConnection(config, counters, numbers, owner, true);
    connection.handshake.start(nowNanos);
    return connection;
  }

  /** Answers the SYN of a held connection with a SYN-ACK. In any other state it does nothing. */
  public void accept(long nowNanos) {
    if (diagram.is(TcpState.HELD)) {
      diagram.synReceived();
      handshake.start(nowNanos);
    }
  }

  /** Answers the SYN of a held connection with a RST. In any other state it does nothing. */
  public void refuse(long nowNanos) {
    if (diagram.is(TcpState.HELD)) {
      writer.writeReset(0, arrival.presentReceiver().next(), TcpSegment.ACK);
      finish(CloseReason.REFUSED);
    }
  }

  /** Ends the connection in whatever state, and sends nothing. */
  public void drop() {
    if (!diagram.is(TcpState.CLOSED)) {
      finish(CloseReason.DROPPED);
    }
  }

  /**
   * A segment arrived.
   *
   * @param segment one without a defect; only read during the call
   * @param payload its payload, the readable bytes; borrowed: what is kept is retained or copied
   */
  public void receive(TcpSegment segment, ByteBuf payload, long nowNanos) {
    if (diagram.is(TcpState.CLOSED)) {
      return;
    }
    depth++;
    try {
      var reason = arrival.receive(segment, payload, nowNanos);
      if (reason != null) {
        finish(reason);
      }
      if (diagram.is(TcpState.TIME_WAIT) && !closedTold) {
        end(CloseReason.NORMAL);
      }
    } finally {
      depth--;
    }
    flush(nowNanos);
  }

  /**
   * Queues bytes to be sent, in whatever state before {@link #shutdownOutput}; before the handshake
   * is complete they wait for it. Nothing is refused: ask {@link #isWritable} first.
   *
   * @param data the readable bytes; the connection takes ownership, and they must not change any
   *     more
   * @throws IllegalStateException after {@link #shutdownOutput}; the data is released
   */
  public void send(ByteBuf data, long nowNanos) {
    if (diagram.is(TcpState.CLOSED)) {
      data.release();
      return;
    }
    if (diagram.isOutputShut()) {
      data.release();
      throw new IllegalStateException("send after shutdownOutput, in state " + state());
    }
    queue.append(data);
    flush(nowNanos);
  }

  /**
   * Bytes given to {@link ConnectionHandler#data} no longer take up memory: the window may reopen.
   *
   * @throws IllegalArgumentException if that is more than was delivered and not consumed before
   */
  public void consumed(int bytes, long nowNanos) {
    if (!diagram.is(TcpState.CLOSED)) {
      arrival.presentReceiver().consumed(bytes, handshake.timeout().smoothedNanos(), nowNanos);
      flush(nowNanos);
    }
  }

  /** Sends a FIN after all queued data; we go on receiving. A second call does nothing. */
  public void shutdownOutput(long nowNanos) {
    var open = arrival.open();
    if (diagram.shutOutput() && open != null) {
      open.flight().queueFin();
      flush(nowNanos);
    }
  }

  /**
   * Sends a FIN after all queued data, and receives no more: data that arrives from now on resets
   * the connection (RFC 1122, section 4.2.2.13), and the wait for the peer's FIN is bounded. The
   * only events that follow are {@link ConnectionHandler#acknowledged} and {@link
   * ConnectionHandler#closed}. A held connection is refused.
   */
  public void close(long nowNanos) {
    switch (diagram.state()) {
      case CLOSED, TIME_WAIT -> {}
      case HELD -> refuse(nowNanos);
      case SYN_SENT -> finish(CloseReason.ABORTED);
      default -> {
        diagram.shutInput(nowNanos);
        shutdownOutput(nowNanos);
      }
    }
  }

  /** Ends the connection at once, with a RST where the peer knows of it. */
  public void abort(long nowNanos) {
    switch (diagram.state()) {
      case CLOSED -> {
        return;
      }
      case SYN_SENT, TIME_WAIT -> {}
      case HELD -> writer.writeReset(0, arrival.presentReceiver().next(), TcpSegment.ACK);
      case CLOSING, LAST_ACK -> {
        // The peer misses nothing if only the FIN is not acknowledged: RFC 9293, section 3.10.5.
        if (queue.bytes() > 0) {
          sendReset();
        }
      }
      default -> sendReset();
    }
    finish(CloseReason.ABORTED);
  }

  /**
   * Gives up what arrived out of order and waits for what is missing before it: memory is short.
   * The peer sends it again. RFC 2018, section 8.
   */
  public void dropOutOfOrder() {
    var receiver = arrival.receiver();
    if (receiver != null) {
      receiver.dropOutOfOrder();
    }
  }

  /** The state. */
  public TcpState state() {
    return diagram.state();
  }

  /** When to call {@link #onDeadline}; {@link Long#MAX_VALUE} for never. */
  public long deadlineNanos() {
    var open = arrival.open();
    var receiver = arrival.receiver();
    long deadline = Deadlines.earlier(handshake.deadlineNanos(), diagram.deadlineNanos());
    if (open != null) {
      deadline = Deadlines.earlier(deadline, open.deadlineNanos());
    }
    if (receiver != null) {
      deadline = Deadlines.earlier(deadline, receiver.ack().deadlineNanos());
    }
    return deadline;
  }

  /** The deadline may have passed: does what is due. Too early a call does nothing. */
  public void onDeadline(long nowNanos) {
    var open = arrival.open();
    depth++;
    try {
      if (Deadlines.isPast(handshake.deadlineNanos(), nowNanos)) {
        if (handshake.onDeadline(nowNanos)) {
          giveUp();
        }
      } else if (Deadlines.isPast(diagram.deadlineNanos(), nowNanos)) {
        finish(CloseReason.TIMED_OUT);
      } else if (open != null && open.onDeadline(nowNanos)) {
        giveUp();
      }
    } finally {
      depth--;
    }
    flush(nowNanos);
  }

  /**
   * Asks a peer at once, out of turn, for a sign that it is there. One that is answers: RFC 9293,
   * section 3.8.4. Does nothing before the handshake is complete, or once the connection is over.
   */
  public void askIfAlive(long nowNanos) {
    var open = arrival.open();
    if (open != null) {
      open.askIfAlive(nowNanos);
    }
  }

  /**
   * An ICMP message says that a packet of this connection was too large for the path. RFC 1191,
   * section 4; RFC 8201. Believed only of a segment that is under way, as RFC 5927, section 4.1
   * asks, and never below 536 bytes; what is under way goes out again in smaller packets.
   *
   * @param sequence the sequence number the message quotes
   * @param maxSegmentSize the most bytes of TCP options and payload that a packet may carry: the
   *     MTU it names, less 40 for IPv4 or 60 for IPv6
   * @return whether it was believed, and news
   */
  public boolean packetTooLarge(int sequence, int maxSegmentSize, long nowNanos) {
    var open = arrival.open();
    boolean believed = open != null && open.packetTooLarge(sequence, maxSegmentSize, nowNanos);
    if (believed) {
      flush(nowNanos);
    }
    return believed;
  }

  /** Bytes queued and not acknowledged, sent or not. */
  public int queuedBytes() {
    return queue.bytes();
  }

  /** Bytes queued and not sent yet. */
  public int unsentBytes() {
    var open = arrival.open();
    return open == null ? queue.bytes() : open.flight().unsentBytes();
  }

  /** Whether fewer bytes are queued than {@link TcpConfig#sendCapacityBytes}. */
  public boolean isWritable() {
    return queue.bytes() < config.sendCapacityBytes();
  }

  /**
   * The most bytes given to the transmitter at once: whole segments, as long as the peer's SYN,
   * once it is here, and {@link TcpConfig#maxTransmitBytes} allow. Bytes sent in multiples of it
   * leave no short segment over.
   */
  public int transmitBytes() {
    int options = handshake.timestamps().optionLength();
    return EffectiveMss.wholeSegments(config, handshake.packetSize() - options);
  }

  /** Bytes given to {@link ConnectionHandler#data} and not yet to {@link #consumed}. */
  public int unconsumedBytes() {
    var receiver = arrival.receiver();
    return receiver == null ? 0 : receiver.window().unconsumed();
  }

  /**
   * Whether {@code segment} opens a new connection between the same addresses and ports, for which
   * this one, in TIME-WAIT, should make way: the owner then calls {@link #drop} and takes the
   * segment for a new connection. RFC 9293, section 3.10.7.4; RFC 6191.
   */
  public boolean yieldsTo(TcpSegment segment) {
    return diagram.is(TcpState.TIME_WAIT)
        && Handshake.isOpening(segment)
        && arrival.presentReceiver().isSucceededBy(segment);
  }

  /**
   * Bytes taken in order from the peer and bytes it has acknowledged, each counted from an
   * arbitrary number: it grows with every segment that carries the connection forward. Such
   * segments are as many as the connection's two windows allow; of the others a peer may send any
   * number.
   */
  public long progress() {
    var open = arrival.open();
    var receiver = arrival.receiver();
    long taken = receiver == null ? 0 : receiver.next();
    return open == null ? taken : taken + open.flight().unacknowledged();
  }

  /**
   * How far a segment claims to carry the connection forward: bytes of text that are next in order
   * and have room, and bytes that it acknowledges for the first time. {@link #WHOLE} for what a
   * connection has once: the end of the handshake, a FIN, and a reset, that are in order. 0 for
   * what a sender repeats or sends out of order. What comes of the claim {@link #progress} tells.
   *
   * @param segment without a defect
   */
  public long advance(TcpSegment segment) {
    var open = arrival.open();
    var receiver = arrival.receiver();
    if (receiver == null || diagram.is(TcpState.HELD)) {
      return segment.has(TcpSegment.RST) ? WHOLE : 0;
    }
    var flight = open == null ? null : open.flight();
    return ForwardClaim.of(segment, receiver, handshake.firstSequence(), flight);
  }

  /**
   * What the packets sent weigh beyond the new bytes they carried, since {@link #clearOverhead} and
   * at {@link #PACKET_BYTES} a packet: next to nothing for bulk in segments of that size or more;
   * nearly all of it for small segments; all of it for what was sent again, for whatever reason.
   * Acknowledgments without payload, SYN and RST are not in it.
   */
  public long overheadBytes() {
    var open = arrival.open();
    return open == null ? 0 : open.sender().overheadBytes();
  }

  /** {@link #overheadBytes} has been charged. */
  public void clearOverhead() {
    var open = arrival.open();
    if (open != null) {
      open.sender().clearOverhead();
    }
  }

  /** Sends what the call has made due, once the outermost call is done. */
  private void flush(long nowNanos) {
    var open = arrival.open();
    var receiver = arrival.receiver();
    if (depth > 0 || receiver == null || diagram.is(TcpState.CLOSED)) {
      return;
    }
    if (open != null) {
      open.output(nowNanos);
    }
    if (receiver.ack().isDue()) {
      writer.writeAck(receiver, nextSequence(), nowNanos);
    }
  }

  /** SND.NXT. */
  private long nextSequence() {
    var open = arrival.open();
    return open == null ? handshake.firstSequence() : open.flight().next();
  }

  // The end.

  private void sendReset() {
    writer.writeReset(nextSequence(), arrival.presentReceiver().next(), TcpSegment.ACK);
  }

  private void giveUp() {
    counters.gaveUp++;
    finish(CloseReason.TIMED_OUT);
  }

  private void finish(CloseReason reason) {
    diagram.close();
    handshake.stop();
    end(reason);
  }

  /** Releases what is held, and tells the owner, once. */
  private void end(CloseReason reason) {
    var open = arrival.open();
    var receiver = arrival.receiver();
    queue.clear();
    if (open != null) {
      open.sender().stopTimers();
    }
    if (receiver != null) {
      receiver.release();
    }
    if (!closedTold) {
      closedTold = true;
      handler.closed(reason);
    }
  }
}
