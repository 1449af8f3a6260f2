/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;
import org.torvtl.tcp.Sender.PeerOptions;
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

  private static final long NONE = Long.MAX_VALUE;

  private final TcpConfig config;
  private final TcpCounters counters;
  private final ConnectionHandler handler;
  private final SegmentWriter writer;
  private final boolean active;

  /** Our initial sequence number: ISS. */
  private final long synSequence;

  private final Timestamps timestamps;
  private final RetransmissionTimeout timeout;
  private final ChallengeAckLimiter challengeLimiter = new ChallengeAckLimiter();
  private final PayloadAccount account;
  private final SendQueue queue;
  private final KeepAliveTimer keepAlive;

  private TcpState state;
  private boolean outputShut;
  private boolean inputShut;
  private boolean closedTold;

  /** From the peer's SYN on. */
  private @Nullable Receiver receiver;

  private @Nullable PeerOptions peer;

  /** Once our SYN is acknowledged. */
  private @Nullable Sender sender;

  /** How often the timer has repeated our SYN. */
  private int synRepeats;

  /** Whether our SYN-ACK was given again to a peer that asked again. */
  private boolean synAckGivenAgain;

  private long synSentNanos;
  private long handshakeDeadlineNanos = NONE;

  /** The end of TIME-WAIT, or of the wait for a FIN that nobody needs any more. */
  private long lifeDeadlineNanos = NONE;

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
    this.active = active;
    account = owner.account();
    handler = owner.handler();
    writer = new SegmentWriter(owner.transmitter(), counters);
    synSequence = Integer.toUnsignedLong(numbers.sequence());
    timestamps = new Timestamps(numbers.timestampOffset());
    timeout = new RetransmissionTimeout(config);
    queue = new SendQueue(synSequence + 1, config.copyBelowBytes(), account);
    keepAlive = new KeepAliveTimer(config.keepAlive());
    state = active ? TcpState.SYN_SENT : TcpState.HELD;
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
    if (!syn.has(TcpSegment.SYN) || syn.has(TcpSegment.ACK) || syn.has(TcpSegment.RST)) {
      throw new IllegalArgumentException("not a SYN: " + syn);
    }
    var connection = new TcpConnection(config, counters, numbers, owner, false);
    connection.readSyn(syn, nowNanos);
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
    connection.synSentNanos = nowNanos;
    connection.sendSyn(nowNanos);
    return connection;
  }

  /** Answers the SYN of a held connection with a SYN-ACK. In any other state it does nothing. */
  public void accept(long nowNanos) {
    if (state == TcpState.HELD) {
      state = TcpState.SYN_RECEIVED;
      synSentNanos = nowNanos;
      sendSyn(nowNanos);
    }
  }

  /** Answers the SYN of a held connection with a RST. In any other state it does nothing. */
  public void refuse(long nowNanos) {
    if (state == TcpState.HELD) {
      writer.writeReset(0, receiver().next(), TcpSegment.ACK);
      finish(CloseReason.REFUSED);
    }
  }

  /** Ends the connection in whatever state, and sends nothing. */
  public void drop() {
    if (state != TcpState.CLOSED) {
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
    depth++;
    try {
      switch (state) {
        case CLOSED -> {
          return;
        }
        case HELD -> receiveHeld(segment, nowNanos);
        case SYN_SENT -> receiveInSynSent(segment, nowNanos);
        default -> receiveSynchronized(segment, payload, nowNanos);
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
    if (state == TcpState.CLOSED) {
      data.release();
      return;
    }
    if (outputShut) {
      data.release();
      throw new IllegalStateException("send after shutdownOutput, in state " + state);
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
    if (state != TcpState.CLOSED) {
      receiver().consumed(bytes, timeout.smoothedNanos(), nowNanos);
      flush(nowNanos);
    }
  }

  /** Sends a FIN after all queued data; we go on receiving. A second call does nothing. */
  public void shutdownOutput(long nowNanos) {
    if (state == TcpState.CLOSED || outputShut) {
      return;
    }
    outputShut = true;
    if (sender != null) {
      shutEstablished(sender);
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
    switch (state) {
      case CLOSED, TIME_WAIT -> {}
      case HELD -> refuse(nowNanos);
      case SYN_SENT -> finish(CloseReason.ABORTED);
      default -> {
        inputShut = true;
        shutdownOutput(nowNanos);
        if (state == TcpState.FIN_WAIT_2) {
          lifeDeadlineNanos = nowNanos + config.finWait2Nanos();
        }
      }
    }
  }

  /** Ends the connection at once, with a RST where the peer knows of it. */
  public void abort(long nowNanos) {
    switch (state) {
      case CLOSED -> {
        return;
      }
      case SYN_SENT, TIME_WAIT -> {}
      case HELD -> writer.writeReset(0, receiver().next(), TcpSegment.ACK);
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
    if (receiver != null) {
      receiver.dropOutOfOrder();
    }
  }

  /** The state. */
  public TcpState state() {
    return state;
  }

  /** When to call {@link #onDeadline}; {@link Long#MAX_VALUE} for never. */
  public long deadlineNanos() {
    long deadline = Deadlines.earlier(handshakeDeadlineNanos, lifeDeadlineNanos);
    if (sender != null) {
      deadline = Deadlines.earlier(deadline, sender.deadlineNanos());
      deadline = Deadlines.earlier(deadline, keepAliveDeadlineNanos(sender));
    }
    if (receiver != null) {
      deadline = Deadlines.earlier(deadline, receiver.ack().deadlineNanos());
    }
    return deadline;
  }

  /** The deadline may have passed: does what is due. Too early a call does nothing. */
  public void onDeadline(long nowNanos) {
    depth++;
    try {
      if (Deadlines.isPast(handshakeDeadlineNanos, nowNanos)) {
        repeatSyn(nowNanos);
      } else if (Deadlines.isPast(lifeDeadlineNanos, nowNanos)) {
        finish(CloseReason.TIMED_OUT);
      } else if (receiver != null && sender != null) {
        receiver.ack().onDeadline(nowNanos);
        if (Deadlines.isPast(keepAliveDeadlineNanos(sender), nowNanos)) {
          askOrGiveUp(receiver, sender, nowNanos);
        } else if (sender.onDeadline(nowNanos)) {
          giveUp();
        }
      }
    } finally {
      depth--;
    }
    flush(nowNanos);
  }

  /** While anything of ours waits for an answer, the sender's timers watch over the peer. */
  private long keepAliveDeadlineNanos(Sender output) {
    return state == TcpState.TIME_WAIT || state == TcpState.CLOSED || output.isBusy()
        ? NONE
        : keepAlive.deadlineNanos();
  }

  /** Asks an idle peer, or gives it up. */
  private void askOrGiveUp(Receiver input, Sender output, long nowNanos) {
    if (keepAlive.isExhausted()) {
      giveUp();
      return;
    }
    keepAlive.asked(nowNanos);
    ask(input, output, nowNanos);
  }

  /** Sends what the peer must answer: a segment it has acknowledged already. */
  private void ask(Receiver input, Sender output, long nowNanos) {
    counters.keepAlives++;
    writer.writeAck(input, output.unacknowledged() - 1, nowNanos);
  }

  /**
   * Asks a peer at once, out of turn, for a sign that it is there. One that is answers: RFC 9293,
   * section 3.8.4. Does nothing before the handshake is complete, or once the connection is over.
   */
  public void askIfAlive(long nowNanos) {
    if (receiver != null
        && sender != null
        && state != TcpState.TIME_WAIT
        && state != TcpState.CLOSED) {
      ask(receiver, sender, nowNanos);
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
    var output = sender;
    if (output == null || state == TcpState.TIME_WAIT || state == TcpState.CLOSED) {
      return false;
    }
    long quoted = SequenceNumbers.extend(sequence, output.unacknowledged());
    boolean believed = output.packetTooLarge(quoted, maxSegmentSize, nowNanos);
    if (believed) {
      counters.packetsTooLarge++;
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
    return sender == null ? queue.bytes() : sender.unsentBytes();
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
    var known = peer;
    int packetSize = known == null ? config.maxSegmentSize() : Sender.packetSize(config, known);
    return Sender.wholeSegments(config, packetSize - timestamps.optionLength());
  }

  /** Bytes given to {@link ConnectionHandler#data} and not yet to {@link #consumed}. */
  public int unconsumedBytes() {
    return receiver == null ? 0 : receiver.window().unconsumed();
  }

  /**
   * Whether {@code segment} opens a new connection between the same addresses and ports, for which
   * this one, in TIME-WAIT, should make way: the owner then calls {@link #drop} and takes the
   * segment for a new connection. RFC 9293, section 3.10.7.4; RFC 6191.
   */
  public boolean yieldsTo(TcpSegment segment) {
    if (state != TcpState.TIME_WAIT
        || !segment.has(TcpSegment.SYN)
        || segment.has(TcpSegment.ACK)
        || segment.has(TcpSegment.RST)) {
      return false;
    }
    long next = receiver().next();
    boolean later = SequenceNumbers.extend(segment.sequence(), next) >= next;
    if (!timestamps.enabled() || !segment.options().hasTimestamps()) {
      return later;
    }
    int age = segment.options().timestampValue() - timestamps.echo();
    return age > 0 || (age == 0 && later);
  }

  /**
   * Bytes taken in order from the peer and bytes it has acknowledged, each counted from an
   * arbitrary number: it grows with every segment that carries the connection forward. Such
   * segments are as many as the connection's two windows allow; of the others a peer may send any
   * number.
   */
  public long progress() {
    long taken = receiver == null ? 0 : receiver.next();
    return sender == null ? taken : taken + sender.unacknowledged();
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
    var input = receiver;
    if (input == null || state == TcpState.HELD) {
      return segment.has(TcpSegment.RST) ? WHOLE : 0;
    }
    int flags = segment.flags();
    long sequence = SequenceNumbers.extend(segment.sequence(), input.next());
    if ((flags & (TcpSegment.SYN | TcpSegment.RST)) != 0) {
      return (flags & TcpSegment.RST) != 0 && sequence == input.next() ? WHOLE : 0;
    }
    long end = sequence + segment.payloadLength();
    long edge = input.window().announcedEdge();
    boolean isNext = sequence <= input.next() && end >= input.next();
    if (isNext && (flags & TcpSegment.FIN) != 0 && end <= Math.max(edge, input.next())) {
      return WHOLE;
    }
    long text = isNext ? Math.max(0, Math.min(end, edge) - input.next()) : 0;
    boolean hasAck = (flags & TcpSegment.ACK) != 0;
    var output = sender;
    if (output == null) {
      return hasAck && segment.acknowledgment() == (int) (synSequence + 1) ? WHOLE : text;
    }
    long unacknowledged = output.unacknowledged();
    long acknowledged = SequenceNumbers.extend(segment.acknowledgment(), unacknowledged);
    return hasAck && acknowledged <= output.next()
        ? text + Math.max(0, acknowledged - unacknowledged)
        : text;
  }

  /**
   * What the packets sent weigh beyond the new bytes they carried, since {@link #clearOverhead} and
   * at {@link #PACKET_BYTES} a packet: next to nothing for bulk in segments of that size or more;
   * nearly all of it for small segments; all of it for what was sent again, for whatever reason.
   * Acknowledgments without payload, SYN and RST are not in it.
   */
  public long overheadBytes() {
    return sender == null ? 0 : sender.overheadBytes();
  }

  /** {@link #overheadBytes} has been charged. */
  public void clearOverhead() {
    if (sender != null) {
      sender.clearOverhead();
    }
  }

  private Receiver receiver() {
    var present = receiver;
    if (present == null) {
      throw new IllegalStateException("no SYN of the peer yet, in state " + state);
    }
    return present;
  }

  private Sender sender() {
    var present = sender;
    if (present == null) {
      throw new IllegalStateException("the handshake is not complete, in state " + state);
    }
    return present;
  }

  /** Sends what the call has made due, once the outermost call is done. */
  private void flush(long nowNanos) {
    if (depth > 0 || state == TcpState.CLOSED || receiver == null) {
      return;
    }
    if (sender != null && state != TcpState.TIME_WAIT) {
      sender.output(nowNanos);
    }
    if (receiver.ack().isDue()) {
      writer.writeAck(receiver, nextSequence(), nowNanos);
    }
  }

  /** SND.NXT. */
  private long nextSequence() {
    return sender == null ? synSequence + 1 : sender.next();
  }

  // The handshake: RFC 9293, section 3.5.

  private void readSyn(TcpSegment syn, long nowNanos) {
    var options = syn.options();
    var fresh = new Receiver(config, counters, timestamps, account, syn.sequence(), nowNanos);
    if (options.hasTimestamps()) {
      timestamps.enable(options.timestampValue(), nowNanos);
    } else {
      timestamps.disable();
    }
    if (options.windowScale() >= 0) {
      fresh.window().scale(ReceiveWindow.scaleFor(config.receiveCapacityBytes()));
    }
    if (options.sackPermitted()) {
      fresh.enableSack();
    }
    receiver = fresh;
    peer = PeerOptions.of(options);
  }

  /**
   * Sends our SYN: alone as long as we have none of the peer, with its acknowledgment afterwards.
   */
  private void sendSyn(long nowNanos) {
    var options = writer.synOptions().mss(config.maxSegmentSize());
    int scale = ReceiveWindow.scaleFor(config.receiveCapacityBytes());
    int window = Math.min(config.initialReceiveBytes(), 65_535);
    var known = peer;
    if (known == null || receiver == null) {
      options.sackPermitted(true).timestamps(timestamps.value(nowNanos), 0).windowScale(scale);
      writer.writeSyn(synSequence, 0, 0, window);
    } else {
      options.sackPermitted(known.sack());
      if (known.windowScaled()) {
        options.windowScale(scale);
      }
      if (timestamps.enabled()) {
        options.timestamps(timestamps.value(nowNanos), timestamps.echo());
      }
      window = receiver.window().synField(receiver.next());
      writer.writeSyn(synSequence, receiver.next(), TcpSegment.ACK, window);
    }
    handshakeDeadlineNanos = nowNanos + timeout.nanos();
  }

  private void repeatSyn(long nowNanos) {
    if (synRepeats == (active ? config.synRetries() : config.synAckRetries())) {
      giveUp();
      return;
    }
    synRepeats++;
    counters.retransmits++;
    timeout.backOff();
    sendSyn(nowNanos);
  }

  private void receiveHeld(TcpSegment segment, long nowNanos) {
    var held = receiver();
    boolean isSyn = segment.has(TcpSegment.SYN) && !segment.has(TcpSegment.ACK);
    if (segment.has(TcpSegment.RST) && segment.sequence() == (int) held.next()) {
      counters.resetsReceived++;
      finish(CloseReason.RESET_BY_PEER);
    } else if (isSyn && segment.sequence() != (int) held.synSequence()) {
      // Nothing was answered, so the peer is free to have started anew.
      readSyn(segment, nowNanos);
    } else {
      counters.heldIgnored++;
    }
  }

  /** RFC 9293, section 3.10.7.3. */
  private void receiveInSynSent(TcpSegment segment, long nowNanos) {
    boolean hasAck = segment.has(TcpSegment.ACK);
    if (hasAck && segment.acknowledgment() != (int) synSequence + 1) {
      counters.badAcknowledgments++;
      if (!segment.has(TcpSegment.RST)) {
        writer.writeReset(segment.acknowledgment(), 0, 0);
      }
    } else if (segment.has(TcpSegment.RST)) {
      if (hasAck) {
        counters.resetsReceived++;
        finish(CloseReason.REFUSED_BY_PEER);
      }
    } else if (!segment.has(TcpSegment.SYN)) {
      counters.outOfWindow++;
    } else {
      readSyn(segment, nowNanos);
      if (hasAck) {
        receiver().ack().request();
        establish(receiver().synSequence(), segment.window(), nowNanos);
      } else {
        state = TcpState.SYN_RECEIVED;
        sendSyn(nowNanos);
      }
    }
  }

  /** Our SYN is acknowledged by a segment with this sequence number, which offers this window. */
  private void establish(long sequence, int windowBytes, long nowNanos) {
    var known = peer;
    if (known == null) {
      throw new IllegalStateException("established without a SYN of the peer");
    }
    if (synRepeats > 0) {
      timeout.handshakeWasRepeated();
    } else if (!synAckGivenAgain) {
      // Otherwise nobody knows which one is acknowledged: Karn's algorithm.
      timeout.measured(nowNanos - synSentNanos);
    }
    var handshake = new Sender.Handshake(known, timeout, synRepeats > 0);
    var fresh = new Sender(config, counters, writer, receiver(), handshake, queue, nowNanos);
    fresh.openWindow(windowBytes, sequence, synSequence + 1);
    sender = fresh;
    handshakeDeadlineNanos = NONE;
    keepAlive.heard(nowNanos);
    state = TcpState.ESTABLISHED;
    counters.established++;
    if (outputShut) {
      shutEstablished(fresh);
    }
    if (!inputShut) {
      handler.established();
    }
  }

  private void shutEstablished(Sender open) {
    open.queueFin();
    state = state == TcpState.CLOSE_WAIT ? TcpState.LAST_ACK : TcpState.FIN_WAIT_1;
  }

  // Segments in a synchronized state: RFC 9293, section 3.10.7.4, in the order of its steps.

  private void receiveSynchronized(TcpSegment segment, ByteBuf payload, long nowNanos) {
    var input = receiver();
    boolean hasFin = segment.has(TcpSegment.FIN);
    int length = payload.readableBytes() + (hasFin ? 1 : 0);
    long sequence = SequenceNumbers.extend(segment.sequence(), input.next());
    if (segment.has(TcpSegment.SYN)) {
      if (!receiveSyn(segment, sequence, nowNanos)) {
        return;
      }
      sequence++;
    }
    if (segment.has(TcpSegment.RST)) {
      receiveReset(sequence, nowNanos);
      return;
    }
    if (input.isOld(segment, nowNanos)) {
      if (length == 0 && sequence <= input.next()) {
        // Its sender has said all that and more in what overtook it, and waits for no answer.
        counters.overtakenAcks++;
      } else {
        counters.pawsRejected++;
        answer(length > 0, nowNanos);
      }
      return;
    }
    if (!input.isAcceptable(sequence, sequence + length)) {
      counters.outOfWindow++;
      input.noteOutside(sequence, sequence + payload.readableBytes());
      answer(length > 0, nowNanos);
      return;
    }
    if (!segment.has(TcpSegment.ACK)) {
      counters.missingAck++;
      return;
    }
    if (!receiveAcknowledgment(segment, sequence, length, nowNanos)) {
      return;
    }
    keepAlive.heard(nowNanos);
    input.noteTimestamp(segment, sequence, nowNanos);
    receiveText(input, sequence, payload, hasFin, nowNanos);
  }

  /**
   * A SYN where none is due. RFC 5961, section 4: answered by a challenge, except where it belongs
   * to the handshake.
   *
   * @return whether the rest of the segment is to be processed
   */
  private boolean receiveSyn(TcpSegment segment, long sequence, long nowNanos) {
    if (state == TcpState.SYN_RECEIVED && sequence == receiver().synSequence()) {
      if (active && segment.has(TcpSegment.ACK)) {
        // Both have opened at once, and this is the peer's answer to our SYN: figure 7.
        receiver().ack().request();
        return true;
      }
      if (!segment.has(TcpSegment.ACK)) {
        repeatSynAck(nowNanos);
        return false;
      }
    }
    challenge(nowNanos);
    return false;
  }

  /** The peer repeats its SYN, so it has not got our answer: no need to wait for the timer. */
  private void repeatSynAck(long nowNanos) {
    if (challengeLimiter.tryAcquire(nowNanos)) {
      counters.retransmits++;
      synAckGivenAgain = true;
      long deadline = handshakeDeadlineNanos;
      sendSyn(nowNanos);
      handshakeDeadlineNanos = deadline;
    } else {
      counters.challengeAcksSuppressed++;
    }
  }

  /**
   * RFC 5961, section 3. In TIME-WAIT only a reset at the very number expected counts. RFC 1337
   * would ignore that too; but it is how a peer answers our challenge that knows nothing of the old
   * connection and begins a new one from the same port at a number of before, as stacks without
   * random numbers do. Linux takes it as well (tcp_rfc1337).
   */
  private void receiveReset(long sequence, long nowNanos) {
    var input = receiver();
    if (sequence == input.next()) {
      counters.resetsReceived++;
      boolean refused = active && state == TcpState.SYN_RECEIVED;
      finish(refused ? CloseReason.REFUSED_BY_PEER : CloseReason.RESET_BY_PEER);
    } else if (state != TcpState.TIME_WAIT
        && sequence > input.next()
        && sequence <= input.window().announcedEdge()) {
      challenge(nowNanos);
    } else {
      counters.outOfWindow++;
    }
  }

  /** Asks a peer whose segment may be forged to prove itself, but only so often. */
  private void challenge(long nowNanos) {
    if (challengeLimiter.tryAcquire(nowNanos)) {
      counters.challengeAcks++;
      receiver().ack().request();
    } else {
      counters.challengeAcksSuppressed++;
    }
  }

  /** Answers a segment that was dropped: one with text always, for its sender waits for that. */
  private void answer(boolean hasText, long nowNanos) {
    if (hasText) {
      receiver().ack().request();
    } else {
      challenge(nowNanos);
    }
  }

  /**
   * Takes the acknowledgment.
   *
   * @return whether the rest of the segment is to be processed
   */
  private boolean receiveAcknowledgment(
      TcpSegment segment, long sequence, int length, long nowNanos) {
    if (state == TcpState.SYN_RECEIVED) {
      if (segment.acknowledgment() != (int) synSequence + 1) {
        counters.badAcknowledgments++;
        writer.writeReset(segment.acknowledgment(), 0, 0);
        return false;
      }
      var known = peer;
      int scale = known == null || segment.has(TcpSegment.SYN) ? 0 : known.windowScale();
      establish(sequence, segment.window() << scale, nowNanos);
      return state != TcpState.CLOSED;
    }
    var output = sender();
    long acknowledgment = SequenceNumbers.extend(segment.acknowledgment(), output.unacknowledged());
    if (acknowledgment > output.highestSent()
        || acknowledgment < output.unacknowledged() - output.maxWindow()) {
      // RFC 5961, section 5.
      counters.badAcknowledgments++;
      challenge(nowNanos);
      return false;
    }
    if (acknowledgment < output.unacknowledged()) {
      return true;
    }
    int data = output.receive(segment, sequence, acknowledgment, length, nowNanos);
    if (data > 0) {
      handler.acknowledged(data);
    }
    if (state != TcpState.CLOSED && output.finIsAcknowledged()) {
      finAcknowledged(nowNanos);
    }
    return state != TcpState.CLOSED;
  }

  private void finAcknowledged(long nowNanos) {
    switch (state) {
      case FIN_WAIT_1 -> {
        state = TcpState.FIN_WAIT_2;
        if (inputShut) {
          lifeDeadlineNanos = nowNanos + config.finWait2Nanos();
        }
      }
      case CLOSING -> enterTimeWait(nowNanos);
      case LAST_ACK -> finish(CloseReason.NORMAL);
      default -> {}
    }
  }

  private void receiveText(
      Receiver input, long sequence, ByteBuf payload, boolean hasFin, long nowNanos) {
    if (state == TcpState.TIME_WAIT && hasFin) {
      lifeDeadlineNanos = nowNanos + config.timeWaitNanos();
    }
    if (inputShut && payload.isReadable() && input.isNews(sequence + payload.readableBytes())) {
      resetAfterClose();
      return;
    }
    var data = input.receive(sequence, payload, hasFin, nowNanos);
    while (data != null) {
      if (inputShut) {
        data.release();
        resetAfterClose();
        return;
      }
      handler.data(data);
      if (state == TcpState.CLOSED) {
        return;
      }
      data = input.poll();
    }
    if (input.pollFin()) {
      finReceived(nowNanos);
    }
  }

  /** Data came that nobody will read. RFC 1122, section 4.2.2.13. */
  private void resetAfterClose() {
    counters.dataAfterClose++;
    sendReset();
    finish(CloseReason.ABORTED);
  }

  private void finReceived(long nowNanos) {
    switch (state) {
      case ESTABLISHED -> state = TcpState.CLOSE_WAIT;
      case FIN_WAIT_1 -> state = TcpState.CLOSING;
      default -> {}
    }
    if (!inputShut) {
      handler.endOfStream();
    }
    if (state == TcpState.FIN_WAIT_2) {
      enterTimeWait(nowNanos);
    }
  }

  // The end.

  private void sendReset() {
    writer.writeReset(nextSequence(), receiver().next(), TcpSegment.ACK);
  }

  private void giveUp() {
    counters.gaveUp++;
    finish(CloseReason.TIMED_OUT);
  }

  private void enterTimeWait(long nowNanos) {
    state = TcpState.TIME_WAIT;
    release();
    lifeDeadlineNanos = nowNanos + config.timeWaitNanos();
    tellClosed(CloseReason.NORMAL);
  }

  private void finish(CloseReason reason) {
    state = TcpState.CLOSED;
    release();
    lifeDeadlineNanos = NONE;
    handshakeDeadlineNanos = NONE;
    tellClosed(reason);
  }

  private void release() {
    queue.clear();
    if (sender != null) {
      sender.release();
    }
    if (receiver != null) {
      receiver.release();
    }
  }

  private void tellClosed(CloseReason reason) {
    if (!closedTold) {
      closedTold = true;
      handler.closed(reason);
    }
  }
}
