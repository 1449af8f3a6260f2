/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * The sending half of an open connection: takes acknowledgments, and sends what they and the timers
 * make due. RFC 9293, sections 3.8 and 3.10.
 *
 * <p>What is under way is {@link Flight}'s, how much may be sent {@link SendAllowance}'s, and what
 * a loss does to that {@link CongestionResponse}'s. Up to three timers run: the {@link
 * RetransmissionTimer} always, while something waits; before it, the reordering timer of {@link
 * LossRecovery} and the {@link TailLossProbe}.
 */
final class Sender {
  /** Where nothing is known of arrivals but what the queue's left edge says. */
  private static final TransmissionLog.Delivery UNHEARD = (end, sentNanos, resent) -> {};

  private final TcpCounters counters;
  private final Timestamps timestamps;
  private final RetransmissionTimeout timeout;
  private final RetransmissionTimer timer;
  private final SendWindow window;
  private final EffectiveMss mss;
  private final TransmissionLog log;
  private final Flight flight;
  private final CongestionResponse response;
  private final SendAllowance allowance;
  private final DataTransmitter transmitter;

  /** Only with SACK. */
  private final @Nullable SackReader sack;

  /** Only with SACK. */
  private final @Nullable TailLossProbe tail;

  /** Whether to schedule a tail loss probe: the flight has changed. */
  private boolean tailIsDue;

  /**
   * The sender of a connection whose SYN has just been acknowledged.
   *
   * @param queue begins with the first byte to send, just after our SYN
   */
  Sender(
      TcpConfig config,
      TcpCounters counters,
      SegmentWriter writer,
      Receiver receiver,
      Peer peer,
      SendQueue queue,
      long nowNanos) {
    this.counters = counters;
    timestamps = receiver.timestamps();
    timeout = peer.timeout;
    var options = peer.options;
    boolean hasSack = options.sack();
    long first = queue.first();
    var rack = hasSack ? new Rack(timestamps, first, timeout.smoothedNanos(), nowNanos) : null;
    timer = new RetransmissionTimer(timeout, config.giveUpNanos(), nowNanos);
    window = new SendWindow(options.windowScale());
    mss = new EffectiveMss(config, options.mss(), receiver, window);
    log = new TransmissionLog(first, config.sendCapacityBytes());
    var roundTrip = new RoundTripMeter(timeout, timestamps, nowNanos);
    flight = new Flight(queue, log, roundTrip, rack == null ? UNHEARD : rack);
    var recovery = new LossRecovery(log, rack, mss.fullSegment(), first);
    var congestion = config.congestionControl().start(mss.fullSegment(), peer.synRepeated);
    response = new CongestionResponse(counters, congestion, recovery, flight, timestamps, timeout);
    allowance = new SendAllowance(window, congestion, recovery, mss);
    transmitter = new DataTransmitter(writer, receiver, queue, mss, nowNanos);
    sack = rack == null ? null : new SackReader(counters, log, rack);
    tail = hasSack ? new TailLossProbe(config.minRtoNanos()) : null;
  }

  /** What was sent and is not acknowledged, and what waits to be sent. */
  Flight flight() {
    return flight;
  }

  /** The largest window the peer has ever offered. */
  long maxWindow() {
    return window.largest();
  }

  /** See {@link TcpConnection#overheadBytes}. */
  long overheadBytes() {
    return transmitter.overheadBytes();
  }

  void clearOverhead() {
    transmitter.clearOverhead();
  }

  /** The window, in bytes, of the segment that completes the handshake. */
  void openWindow(int bytes, long sequence, long acknowledgment) {
    window.open(bytes, sequence, acknowledgment);
  }

  // Acknowledgments.

  /**
   * Takes the acknowledgment and window of an acceptable segment.
   *
   * @param acknowledgment not above {@link Flight#highestSent}
   * @param sequenceLength sequence numbers the segment takes
   * @return how many bytes of data it acknowledges for the first time
   */
  int receive(
      TcpSegment segment, long sequence, long acknowledgment, int sequenceLength, long nowNanos) {
    long before = flight.unacknowledged();
    boolean sameWindow = !window.update(segment.window(), sequence, acknowledgment, before);
    if (flight.isEmpty() || window.edge() <= before) {
      // The peer answers though it takes nothing: it has not vanished. RFC 9293, section 3.8.6.1.
      timer.restartSilence(nowNanos);
    }
    if (acknowledgment > flight.next()) {
      flight.windowProbeTaken(acknowledgment, nowNanos);
    }
    boolean movesNothing = acknowledgment == before && !flight.isEmpty();
    boolean isDuplicate = movesNothing && sequenceLength == 0;
    var options = segment.options();
    if (sack != null) {
      boolean hasEcho = timestamps.enabled() && options.hasTimestamps();
      sack.begin(hasEcho, options.timestampEcho(), nowNanos);
    }
    int data = acknowledgment > before ? advance(segment, acknowledgment, nowNanos) : 0;
    long reported = sack == null ? 0 : readSack(sack, options, acknowledgment, nowNanos);
    if (movesNothing && (sack != null ? reported > 0 : isDuplicate && sameWindow)) {
      response.duplicateAcknowledgment();
    }
    if (tail != null && tail.isUnderWay()) {
      boolean plain = isDuplicate && options.sackCount() == 0;
      if (tail.acknowledged(acknowledgment, plain)) {
        response.tailProbeRepairedLoss(nowNanos);
      }
    }
    detectLosses(nowNanos);
    return data;
  }

  /** The left edge moves. */
  private int advance(TcpSegment segment, long acknowledgment, long nowNanos) {
    long bytes = acknowledgment - flight.unacknowledged();
    int data = flight.acknowledge(segment, acknowledgment, nowNanos);
    response.acknowledged(segment.options(), bytes, allowance.isCongestionLimited(), nowNanos);
    timer.acknowledged(nowNanos);
    tailIsDue = true;
    if (flight.isEmpty()) {
      stopTimers();
    } else {
      timer.start(nowNanos);
    }
    return data;
  }

  /** Takes the SACK blocks: how many bytes they report for the first time. */
  private long readSack(SackReader blocks, TcpOptions options, long acknowledgment, long nowNanos) {
    long past = Math.max(window.largest(), flight.size());
    if (blocks.readDuplicate(options, acknowledgment, flight.unacknowledged(), past)
        && (tail == null || !tail.reports(blocks.duplicateRight()))) {
      blocks.widenReordering(flight.next());
      response.duplicateReported(blocks.duplicateLeft(), blocks.duplicateRight(), nowNanos);
    }
    return blocks.readReports(options, flight.unacknowledged(), flight.next());
  }

  private void detectLosses(long nowNanos) {
    if (response.detectLosses(nowNanos)) {
      timer.start(nowNanos);
    }
  }

  // Output.

  /** Sends whatever may be sent now. */
  void output(long nowNanos) {
    if (flight.isEmpty()
        && nowNanos - transmitter.lastSentNanos() > timeout.nanos()
        && flight.unsentBytes() > 0) {
      response.idle(nowNanos);
    }
    allowance.begin();
    boolean more = true;
    while (more) {
      more = sendLost(nowNanos) || sendNew(nowNanos);
    }
    response.clearHead();
    if (!flight.isEmpty()) {
      timer.ensureRetransmission(nowNanos);
      scheduleTailProbe(nowNanos);
    } else if (flight.isWaiting()) {
      timer.ensureProbes(nowNanos);
    } else {
      stopTimers();
    }
  }

  private boolean sendLost(long nowNanos) {
    long from = log.firstLost(Deadlines.NONE);
    if (from == Deadlines.NONE) {
      return false;
    }
    int length = allowance.lostBytes(from, response.headIsDue());
    if (length == SendAllowance.NOTHING) {
      return false;
    }
    response.clearHead();
    long end = Math.min(log.lostUntil(from), from + length);
    int size = mss.segment();
    counters.retransmits += (end - from + size - 1) / size;
    flight.resent(from, end, nowNanos);
    response.resent(from, end, nowNanos);
    transmitter.transmit(from, end, nowNanos);
    return true;
  }

  private boolean sendNew(long nowNanos) {
    int unsent = flight.unsentBytes();
    if (unsent == 0 && !flight.finIsUnsent()) {
      return false;
    }
    int length = allowance.newBytes(flight.next(), unsent);
    if (length == SendAllowance.NOTHING) {
      return false;
    }
    sendNew(length, nowNanos);
    return true;
  }

  /** Sends so many new bytes, and the FIN if they are the last ones and the window has room. */
  private void sendNew(int length, long nowNanos) {
    long from = flight.next();
    boolean withFin =
        flight.finIsUnsent() && length == flight.unsentBytes() && window.edge() - from > length;
    if (flight.isEmpty()) {
      timer.restartSilence(nowNanos);
    }
    flight.sent(length, withFin, nowNanos);
    tailIsDue = true;
    transmitter.transmit(from, flight.next(), nowNanos);
  }

  private void scheduleTailProbe(long nowNanos) {
    if (tail == null || !tailIsDue) {
      return;
    }
    tailIsDue = false;
    if (!response.isOpen()) {
      tail.forget();
    } else if (log.reportedBytes() > 0 || tail.isUnderWay()) {
      tail.cancel();
    } else {
      boolean lone = flight.size() <= mss.fullSegment();
      tail.schedule(lone, timeout.smoothedNanos(), timer.deadlineNanos(), nowNanos);
    }
  }

  /**
   * The path takes smaller packets only. RFC 1191, section 6.3.
   *
   * @param sequence of the segment that was too large; believed only if it is under way
   * @param bytes the most bytes of TCP options and payload that a packet may carry
   * @return whether that is news
   */
  boolean packetTooLarge(long sequence, int bytes, long nowNanos) {
    if (sequence < flight.unacknowledged() || sequence >= flight.next() || !mss.reduce(bytes)) {
      return false;
    }
    response.resized(mss.fullSegment());
    timer.start(nowNanos);
    return true;
  }

  // Timers.

  long deadlineNanos() {
    long deadline = Deadlines.earlier(timer.deadlineNanos(), response.reorderingDeadlineNanos());
    return tail == null ? deadline : Deadlines.earlier(deadline, tail.deadlineNanos());
  }

  /**
   * Does what is due. Must be followed by {@link #output}.
   *
   * @return whether the peer has not answered for so long that the connection is to be given up
   */
  boolean onDeadline(long nowNanos) {
    if (timer.isExhausted(nowNanos)) {
      return true;
    }
    if (Deadlines.isPast(response.reorderingDeadlineNanos(), nowNanos)) {
      detectLosses(nowNanos);
    }
    if (tail != null && Deadlines.isPast(tail.deadlineNanos(), nowNanos)) {
      probeTail(tail, nowNanos);
    }
    if (timer.isExpired(nowNanos)) {
      if (timer.isProbing()) {
        probeWindow(nowNanos);
      } else {
        timeOut(nowNanos);
      }
    }
    return false;
  }

  /** RFC 6298, section 5. */
  private void timeOut(long nowNanos) {
    response.timedOut(timer.expire(nowNanos), nowNanos);
    if (tail != null) {
      tail.forget();
    }
  }

  /** Sends one more segment, new or the last one again: RFC 8985, section 7.3. */
  private void probeTail(TailLossProbe probe, long nowNanos) {
    probe.cancel();
    if (!response.isOpen() || flight.isEmpty()) {
      return;
    }
    counters.tailProbes++;
    long end = flight.next();
    int length = (int) Math.min(Math.min(flight.unsentBytes(), window.edge() - end), mss.segment());
    if (length > 0) {
      sendNew(length, nowNanos);
      probe.sent(flight.next(), false);
    } else {
      long from = Math.max(flight.unacknowledged(), end - mss.segment());
      counters.retransmits++;
      flight.resent(from, end, nowNanos);
      transmitter.transmit(from, end, nowNanos);
      probe.sent(end, true);
    }
    tailIsDue = false;
    timer.start(nowNanos);
  }

  /**
   * Asks for the window: with as much as it takes, however little, or with one byte more, which the
   * peer may refuse and which therefore does not count as sent. RFC 9293, section 3.8.6.1.
   */
  private void probeWindow(long nowNanos) {
    counters.windowProbes++;
    timer.probe(nowNanos);
    long next = flight.next();
    long usable = window.edge() - next;
    if (usable > 0) {
      sendNew((int) Math.min(Math.min(flight.unsentBytes(), usable), mss.segment()), nowNanos);
    } else {
      flight.windowProbeSent();
      transmitter.transmit(next, next + 1, nowNanos);
    }
  }

  /** Nothing is under way, and nothing waits. */
  void stopTimers() {
    timer.stop();
    response.stop();
    if (tail != null) {
      tail.cancel();
    }
  }

  /**
   * What the handshake has shown of the peer and the path.
   *
   * @param options of the peer's SYN
   * @param timeout has measured the handshake's round trip, if it was not ambiguous
   * @param synRepeated whether the timer has repeated our SYN: RFC 5681, section 3.1, then has the
   *     congestion window begin at one segment
   */
  record Peer(SynOptions options, RetransmissionTimeout timeout, boolean synRepeated) {}
}
