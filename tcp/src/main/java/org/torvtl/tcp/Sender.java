/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * The sending half of an open connection: what goes out and when, and what becomes of it. RFC 9293,
 * sections 3.8 and 3.10.
 *
 * <p>Between the sequence numbers {@code unacknowledged} and {@code next} lies what is under way;
 * then comes what waits in the queue; last, once asked for, the FIN. There is one timer that is
 * always there when something waits: while anything is under way it is the retransmission timer;
 * while nothing is, and the peer's window keeps us from sending, it paces window probes. Two more
 * may come before it: the reordering timer and the tail loss probe.
 */
final class Sender {
  private static final long NONE = Long.MAX_VALUE;

  /** The peer's maximum segment size where it does not say. RFC 9293, section 3.7.1. */
  private static final int DEFAULT_SEGMENT = 536;

  /** Below this a peer's maximum segment size is not believed: options alone take 40 bytes. */
  private static final int LEAST_SEGMENT = 64;

  /** The most packets one transmission is cut into: that many take a sending thread some 0.1 ms. */
  static final int MOST_PACKETS_AT_ONCE = 64;

  /**
   * The most packets under way to a peer whose segments are smaller than {@link #DEFAULT_SEGMENT}:
   * one acknowledgment sets off no more.
   */
  static final int MOST_SMALL_UNDER_WAY = 512;

  /** What was sent within this part of a round trip is taken as sent at once. */
  private static final int TOGETHER = 16;

  /** Where nothing is known of arrivals but what the queue's left edge says. */
  private static final TransmissionLog.Delivery UNHEARD = (end, sentNanos, resent) -> {};

  private final TcpConfig config;
  private final TcpCounters counters;
  private final SegmentWriter writer;
  private final Receiver receiver;
  private final RetransmissionTimeout timeout;
  private final RoundTripMeter roundTrip;
  private final CongestionControl congestion;
  private final TransmissionLog log;
  private final LossRecovery recovery;
  private final SpuriousRecovery spurious = new SpuriousRecovery();
  private final SendQueue queue;
  private final SendWindow window;

  /** Only with SACK. */
  private final @Nullable Rack rack;

  /** Only with SACK. */
  private final @Nullable TailLossProbe tail;

  private int packetSize;
  private long unacknowledged;
  private long next;
  private long probedTo;
  private boolean finQueued;

  private boolean headIsDue;
  private boolean tailIsDue;
  private boolean congestionLimited;
  private int timeoutsInARow;
  private int probesInARow;
  private long deadlineNanos = NONE;
  private boolean probing;
  private long stalledSinceNanos;
  private long lastSentNanos;

  /** What lies before was transmitted at least once. */
  private long transmittedTo;

  private long overheadBytes;

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
      Handshake handshake,
      SendQueue queue,
      long nowNanos) {
    this.config = config;
    this.counters = counters;
    this.writer = writer;
    this.receiver = receiver;
    this.queue = queue;
    var peer = handshake.peer;
    timeout = handshake.timeout;
    window = new SendWindow(peer.windowScale());
    roundTrip = new RoundTripMeter(timeout, receiver.timestamps(), nowNanos);
    packetSize = packetSize(config, peer);
    congestion = config.congestionControl().start(fullSegment(), handshake.synRepeated);
    unacknowledged = queue.first();
    next = unacknowledged;
    probedTo = next;
    transmittedTo = next;
    log = new TransmissionLog(next, config.sendCapacityBytes());
    long handshakeNanos = timeout.smoothedNanos();
    rack = peer.sack() ? new Rack(receiver.timestamps(), next, handshakeNanos, nowNanos) : null;
    tail = peer.sack() ? new TailLossProbe(config.minRtoNanos()) : null;
    recovery = new LossRecovery(log, rack, fullSegment(), next);
    lastSentNanos = nowNanos;
    stalledSinceNanos = nowNanos;
  }

  /** The most bytes of options and payload that a packet to this peer may carry. */
  static int packetSize(TcpConfig config, PeerOptions peer) {
    int announced = peer.mss() == 0 ? DEFAULT_SEGMENT : peer.mss();
    return Math.max(LEAST_SEGMENT, Math.min(announced, config.maxSegmentSize()));
  }

  /** How many bytes go to the transmitter at once: whole segments of this size. */
  static int wholeSegments(TcpConfig config, int size) {
    boolean offload = config.maxTransmitBytes() > config.maxSegmentSize();
    int packets = Math.clamp(config.maxTransmitBytes() / size, 1, MOST_PACKETS_AT_ONCE);
    return offload ? packets * size : size;
  }

  /** See {@link TcpConnection#overheadBytes}. */
  long overheadBytes() {
    return overheadBytes;
  }

  void clearOverhead() {
    overheadBytes = 0;
  }

  long next() {
    return next;
  }

  long unacknowledged() {
    return unacknowledged;
  }

  /** The highest acknowledgment number the peer can know of. */
  long highestSent() {
    return Math.max(next, probedTo);
  }

  /** The largest window the peer has ever offered. */
  long maxWindow() {
    return window.largest();
  }

  int unsentBytes() {
    return Math.clamp(queue.end() - next, 0, queue.bytes());
  }

  void queueFin() {
    finQueued = true;
  }

  private boolean finIsUnsent() {
    return finQueued && next == queue.end();
  }

  boolean finIsAcknowledged() {
    return finQueued && unacknowledged > queue.end();
  }

  /** Whether anything was not acknowledged, or waits to be sent. */
  boolean isBusy() {
    return next > unacknowledged || unsentBytes() > 0 || finIsUnsent();
  }

  /** The window, in bytes, of the segment that completes the handshake. */
  void openWindow(int bytes, long sequence, long acknowledgment) {
    window.open(bytes, sequence, acknowledgment);
  }

  /**
   * Takes the acknowledgment and window of an acceptable segment.
   *
   * @param acknowledgment not above {@link #highestSent}
   * @param sequenceLength sequence numbers the segment takes
   * @return how many bytes of data it acknowledges for the first time
   */
  int receive(
      TcpSegment segment, long sequence, long acknowledgment, int sequenceLength, long nowNanos) {
    boolean sameWindow = !window.update(segment.window(), sequence, acknowledgment, unacknowledged);
    if (next == unacknowledged || window.edge() <= unacknowledged) {
      // The peer answers though it takes nothing: it has not vanished. RFC 9293, section 3.8.6.1.
      stalledSinceNanos = nowNanos;
    }
    if (acknowledgment > next) {
      // A window probe was taken, nobody knows which: it says nothing of the round trip.
      log.sent(acknowledgment, nowNanos, 0);
      log.resent(next, acknowledgment, nowNanos);
      next = acknowledgment;
    }
    long before = unacknowledged;
    boolean isDuplicate = acknowledgment == before && next > before && sequenceLength == 0;
    if (rack != null) {
      var options = segment.options();
      boolean hasEcho = receiver.timestamps().enabled() && options.hasTimestamps();
      rack.begin(hasEcho, options.timestampEcho(), nowNanos);
    }
    int data = acknowledgment > before ? advance(segment, acknowledgment, nowNanos) : 0;
    long reported = rack == null ? 0 : readSack(segment, acknowledgment, rack, nowNanos);
    if (acknowledgment == before && next > before) {
      if (rack != null ? reported > 0 : isDuplicate && sameWindow) {
        recovery.duplicate(unacknowledged, next);
      }
    }
    noteProbe(segment, acknowledgment, isDuplicate, nowNanos);
    detectLosses(nowNanos);
    return data;
  }

  private void detectLosses(long nowNanos) {
    if (recovery.detect(unacknowledged, next, timeout.smoothedNanos(), nowNanos)) {
      counters.fastRecoveries++;
      congestion.onLoss(flight(), nowNanos);
      spurious.begin(unacknowledged);
      headIsDue = true;
      startRetransmissionTimer(nowNanos);
    }
  }

  /**
   * Takes the peer's reports, the lowest first, as they were meant: a higher one before a lower one
   * would look as if the path had reordered.
   *
   * @return how many bytes are reported for the first time
   */
  private long readSack(TcpSegment segment, long acknowledgment, Rack arrivals, long nowNanos) {
    var options = segment.options();
    int count = options.sackCount();
    boolean duplicate = readDuplicateReport(options, acknowledgment, arrivals, nowNanos);
    long news = 0;
    long above = Long.MIN_VALUE;
    for (int i = duplicate ? 1 : 0; i < count; i++) {
      int lowest = -1;
      long lowestLeft = Long.MAX_VALUE;
      for (int j = duplicate ? 1 : 0; j < count; j++) {
        long left = SequenceNumbers.extend(options.sackLeft(j), unacknowledged);
        if (left > above && left < lowestLeft) {
          lowest = j;
          lowestLeft = left;
        }
      }
      if (lowest < 0) {
        break;
      }
      above = lowestLeft;
      long right = SequenceNumbers.extend(options.sackRight(lowest), unacknowledged);
      news += readSackBlock(lowestLeft, right, arrivals);
    }
    return news;
  }

  private long readSackBlock(long left, long right, Rack arrivals) {
    if (left >= right || right > next) {
      counters.badSackBlocks++;
      return 0;
    }
    if (right <= unacknowledged) {
      // A report of long ago.
      return 0;
    }
    long added = log.report(Math.max(left, unacknowledged), right, arrivals);
    if (added < 0) {
      counters.badSackBlocks++;
    }
    return Math.max(0, added);
  }

  /**
   * Whether the first block reports what has arrived twice: it is acknowledged already, or lies in
   * the second block. RFC 2883, section 4.
   */
  private boolean readDuplicateReport(
      TcpOptions options, long acknowledgment, Rack arrivals, long nowNanos) {
    if (options.sackCount() == 0) {
      return false;
    }
    long left = SequenceNumbers.extend(options.sackLeft(0), unacknowledged);
    long right = SequenceNumbers.extend(options.sackRight(0), unacknowledged);
    boolean inSecond = false;
    if (options.sackCount() > 1) {
      long outerLeft = SequenceNumbers.extend(options.sackLeft(1), unacknowledged);
      long outerRight = SequenceNumbers.extend(options.sackRight(1), unacknowledged);
      inSecond = outerLeft <= left && right <= outerRight;
    }
    boolean known = acknowledgment - left <= Math.max(window.largest(), flight());
    if (left >= right || !known || !(right <= acknowledgment || inSecond)) {
      return false;
    }
    counters.duplicatesReported++;
    if (tail != null && tail.reports(right)) {
      return true;
    }
    arrivals.duplicateReported(next);
    if (spurious.duplicateReported(left, right)) {
      undo(nowNanos);
    }
    return true;
  }

  /** What an acknowledgment says of the tail loss probe. */
  private void noteProbe(
      TcpSegment segment, long acknowledgment, boolean isDuplicate, long nowNanos) {
    if (tail == null || !tail.isUnderWay()) {
      return;
    }
    boolean plain = isDuplicate && segment.options().sackCount() == 0;
    if (tail.acknowledged(acknowledgment, plain) && recovery.phase() == LossRecovery.Phase.OPEN) {
      // The probe has mended a loss: the window shrinks as at any other.
      counters.fastRecoveries++;
      congestion.onLoss(flight(), nowNanos);
      congestion.onRecovered(flight(), nowNanos);
    }
  }

  private int advance(TcpSegment segment, long acknowledgment, long nowNanos) {
    long bytes = acknowledgment - unacknowledged;
    roundTrip.acknowledged(segment, acknowledgment, nowNanos);
    log.acknowledge(acknowledgment, rack == null ? UNHEARD : rack);
    unacknowledged = acknowledgment;
    long dataEnd = Math.min(acknowledgment, queue.end());
    int data = (int) (dataEnd - queue.first());
    queue.releaseBefore(dataEnd);
    var options = segment.options();
    boolean hasEcho = receiver.timestamps().enabled() && options.hasTimestamps();
    if (spurious.acknowledged(acknowledgment, hasEcho, options.timestampEcho())) {
      undo(nowNanos);
    }
    boolean afterTimeout = recovery.phase() == LossRecovery.Phase.TIMEOUT;
    boolean inFastRecovery = recovery.phase() == LossRecovery.Phase.FAST;
    if (recovery.acknowledged(unacknowledged, bytes)) {
      congestion.onRecovered(flight(), nowNanos);
    } else if (!inFastRecovery) {
      congestion.onAcknowledged(
          (int) bytes, congestionLimited, afterTimeout, timeout.smoothedNanos(), nowNanos);
    }
    timeoutsInARow = 0;
    probesInARow = 0;
    stalledSinceNanos = nowNanos;
    // RFC 6582, section 3.2, step 3: a partial acknowledgment shows the next loss.
    headIsDue = rack == null && recovery.phase() == LossRecovery.Phase.FAST;
    tailIsDue = true;
    if (next > unacknowledged) {
      startRetransmissionTimer(nowNanos);
    } else {
      stopTimer();
    }
    return data;
  }

  /** The recovery was needless. */
  private void undo(long nowNanos) {
    counters.spuriousRecoveries++;
    recovery.undo();
    congestion.onSpurious(nowNanos);
  }

  private int flight() {
    return (int) (next - unacknowledged);
  }

  /** Sends whatever may be sent now. */
  void output(long nowNanos) {
    if (next == unacknowledged && nowNanos - lastSentNanos > timeout.nanos() && unsentBytes() > 0) {
      congestion.onIdle(nowNanos);
    }
    congestionLimited = false;
    boolean more = true;
    while (more) {
      more = sendLost(nowNanos) || sendNew(nowNanos);
    }
    headIsDue = false;
    if (next > unacknowledged) {
      if (deadlineNanos == NONE || probing) {
        startRetransmissionTimer(nowNanos);
      }
      scheduleTailProbe(nowNanos);
    } else if (unsentBytes() > 0 || finIsUnsent()) {
      if (deadlineNanos == NONE || !probing) {
        stalledSinceNanos = nowNanos;
        startProbeTimer(nowNanos);
      }
    } else {
      stopTimer();
    }
  }

  private boolean sendLost(long nowNanos) {
    long from = log.firstLost(NONE);
    if (from == NONE) {
      return false;
    }
    int size = segmentSize();
    long most = windowBytes();
    long room = most - recovery.pipe();
    if (!headIsDue && room < size && room < most) {
      congestionLimited = most == congestion.windowBytes();
      return false;
    }
    if (!headIsDue && from >= window.edge()) {
      // The peer has shrunk its window: what lies beyond goes out by the timer only.
      return false;
    }
    int length =
        headIsDue
            ? size
            : (int) Math.min(Math.max(size, room / size * size), wholeSegments(config, size));
    headIsDue = false;
    sendAgain(from, Math.min(log.lostUntil(from), from + length), nowNanos);
    return true;
  }

  private void sendAgain(long from, long end, long nowNanos) {
    int size = segmentSize();
    counters.retransmits += (end - from + size - 1) / size;
    roundTrip.resent(nowNanos);
    log.resent(from, end, nowNanos);
    spurious.resent(from, end, receiver.timestamps().value(nowNanos));
    transmit(from, end, nowNanos);
  }

  private boolean sendNew(long nowNanos) {
    int unsent = unsentBytes();
    boolean finWaits = finQueued && next <= queue.end();
    if (unsent == 0 && !finWaits) {
      return false;
    }
    long usable = window.edge() - next;
    if (usable <= 0) {
      return false;
    }
    int size = segmentSize();
    int length = (int) Math.min(Math.min(unsent, usable), wholeSegments(config, size));
    if (unsent > 0) {
      int allowed = allowedByCongestion(size, unsent);
      if (allowed == 0) {
        congestionLimited = windowBytes() == congestion.windowBytes();
        return false;
      }
      length = Math.min(length, allowed);
    }
    if (length < unsent) {
      if (length > size) {
        length -= length % size;
      } else if (length < size && length < window.largest() / 2) {
        // The sender's half of avoiding the silly window syndrome: section 3.8.6.2.1.
        return false;
      }
    }
    sendNew(length, finWaits && length == unsent && usable > length, nowNanos);
    return true;
  }

  private void sendNew(int length, boolean withFin, long nowNanos) {
    long from = next;
    long end = next + length + (withFin ? 1 : 0);
    roundTrip.sent(end, nowNanos);
    if (next == unacknowledged) {
      stalledSinceNanos = nowNanos;
    }
    log.sent(end, nowNanos, timeout.smoothedNanos() / TOGETHER);
    next = end;
    tailIsDue = true;
    transmit(from, end, nowNanos);
  }

  /** How many new bytes the congestion window allows, 0 if it is not worth a segment. */
  private int allowedByCongestion(int size, int unsent) {
    long pipe = recovery.pipe();
    long room = windowBytes() - pipe;
    if (room >= size) {
      return (int) Math.min(Integer.MAX_VALUE, room / size * size);
    }
    if (pipe == 0) {
      return size;
    }
    return unsent <= room ? unsent : 0;
  }

  /** How much may be under way: the congestion window, and not too many small packets. */
  private long windowBytes() {
    long window = congestion.windowBytes();
    return packetSize < DEFAULT_SEGMENT
        ? Math.min(window, (long) MOST_SMALL_UNDER_WAY * segmentSize())
        : window;
  }

  /** The most payload a packet carries beside the options that every one has. */
  private int fullSegment() {
    return packetSize - receiver.timestamps().optionLength();
  }

  /** The most payload a packet carries now, beside the options it must have. */
  private int segmentSize() {
    return Math.min(packetSize - receiver.optionsLength(), windowShare());
  }

  /**
   * The most of the peer's window that one segment takes: half of the largest it ever offered, so
   * that two fill it, and the acknowledgment of one sends the next on its way. Otherwise what is
   * left behind a full segment would wait for an acknowledgment that the peer delays. Windows of a
   * default segment and less are not divided. As Linux does (tcp_bound_to_half_wnd).
   */
  private int windowShare() {
    long largest = window.largest();
    long share = largest > DEFAULT_SEGMENT ? largest / 2 : largest;
    return (int) Math.max(LEAST_SEGMENT, share);
  }

  private void transmit(long from, long end, long nowNanos) {
    int length = (int) (Math.min(end, queue.end()) - from);
    int flags = end > queue.end() ? TcpSegment.FIN : 0;
    if (length > 0 && from + length == queue.end()) {
      flags |= TcpSegment.PSH;
    }
    lastSentNanos = nowNanos;
    int size = segmentSize();
    int packets = Math.max(1, (length + size - 1) / size);
    long fresh = Math.max(0, end - Math.max(from, transmittedTo));
    transmittedTo = Math.max(transmittedTo, end);
    overheadBytes += Math.max(0, (long) packets * TcpConnection.PACKET_BYTES - fresh);
    if (length == 0) {
      writer.write(receiver, from, flags, Unpooled.EMPTY_BUFFER, size, nowNanos);
      return;
    }
    ByteBuf payload = queue.retainedRange(from, length);
    try {
      writer.write(receiver, from, flags, payload, size, nowNanos);
    } finally {
      payload.release();
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
    int believed = Math.max(bytes, Math.min(DEFAULT_SEGMENT, packetSize));
    if (sequence < unacknowledged || sequence >= next || believed >= packetSize) {
      return false;
    }
    packetSize = believed;
    congestion.onSegmentSize(fullSegment());
    recovery.resized(next, fullSegment());
    startRetransmissionTimer(nowNanos);
    return true;
  }

  private void startRetransmissionTimer(long nowNanos) {
    probing = false;
    deadlineNanos = bounded(nowNanos + timeout.nanos());
  }

  private void startProbeTimer(long nowNanos) {
    probing = true;
    deadlineNanos = bounded(nowNanos + timeout.backedOff(probesInARow));
  }

  private void scheduleTailProbe(long nowNanos) {
    if (tail == null || !tailIsDue) {
      return;
    }
    tailIsDue = false;
    if (recovery.phase() != LossRecovery.Phase.OPEN) {
      tail.forget();
    } else if (log.reportedBytes() > 0 || tail.isUnderWay()) {
      tail.cancel();
    } else {
      tail.schedule(flight() <= fullSegment(), timeout.smoothedNanos(), deadlineNanos, nowNanos);
    }
  }

  /** No later than the moment at which we give the peer up. */
  private long bounded(long deadline) {
    long end = stalledSinceNanos + config.giveUpNanos();
    return deadline - end > 0 ? end : deadline;
  }

  private void stopTimer() {
    deadlineNanos = NONE;
    probing = false;
    probesInARow = 0;
    recovery.stop();
    if (tail != null) {
      tail.cancel();
    }
  }

  long deadlineNanos() {
    long deadline = Deadlines.earlier(deadlineNanos, recovery.reorderingDeadlineNanos());
    return tail == null ? deadline : Deadlines.earlier(deadline, tail.deadlineNanos());
  }

  /**
   * Does what is due. Must be followed by {@link #output}.
   *
   * @return whether the peer has not answered for so long that the connection is to be given up
   */
  boolean onDeadline(long nowNanos) {
    if (Deadlines.isPast(deadlineNanos, nowNanos)
        && nowNanos - stalledSinceNanos >= config.giveUpNanos()) {
      return true;
    }
    if (Deadlines.isPast(recovery.reorderingDeadlineNanos(), nowNanos)) {
      detectLosses(nowNanos);
    }
    if (tail != null && Deadlines.isPast(tail.deadlineNanos(), nowNanos)) {
      probeTail(tail, nowNanos);
    }
    if (Deadlines.isPast(deadlineNanos, nowNanos)) {
      if (probing) {
        probe(nowNanos);
      } else {
        timeOut(nowNanos);
      }
    }
    return false;
  }

  /** RFC 6298, section 5. */
  private void timeOut(long nowNanos) {
    counters.timeouts++;
    congestion.onTimeout(flight(), timeoutsInARow > 0, nowNanos);
    if (timeoutsInARow == 0) {
      spurious.begin(unacknowledged);
    }
    timeoutsInARow++;
    recovery.timeout(next, timeout.smoothedNanos(), nowNanos);
    if (tail != null) {
      tail.forget();
    }
    headIsDue = true;
    timeout.backOff();
    startRetransmissionTimer(nowNanos);
  }

  /** Sends one more segment, new or the last one again: RFC 8985, section 7.3. */
  private void probeTail(TailLossProbe probe, long nowNanos) {
    probe.cancel();
    if (recovery.phase() != LossRecovery.Phase.OPEN || next == unacknowledged) {
      return;
    }
    counters.tailProbes++;
    int unsent = unsentBytes();
    int length = (int) Math.min(Math.min(unsent, window.edge() - next), segmentSize());
    if (length > 0) {
      sendNew(length, finQueued && length == unsent && window.edge() - next > length, nowNanos);
      probe.sent(next, false);
    } else {
      long from = Math.max(unacknowledged, next - segmentSize());
      counters.retransmits++;
      roundTrip.resent(nowNanos);
      log.resent(from, next, nowNanos);
      transmit(from, next, nowNanos);
      probe.sent(next, true);
    }
    tailIsDue = false;
    startRetransmissionTimer(nowNanos);
  }

  /**
   * Asks for the window: with as much as it takes, however little, or with one byte more, which the
   * peer may refuse and which therefore does not count as sent. RFC 9293, section 3.8.6.1.
   */
  private void probe(long nowNanos) {
    counters.windowProbes++;
    probesInARow++;
    startProbeTimer(nowNanos);
    int unsent = unsentBytes();
    long usable = window.edge() - next;
    if (usable > 0) {
      int length = (int) Math.min(Math.min(unsent, usable), segmentSize());
      sendNew(length, finQueued && length == unsent && usable > length, nowNanos);
    } else {
      probedTo = Math.max(probedTo, next + 1);
      transmit(next, next + 1, nowNanos);
    }
  }

  /** Releases the queue and stops the timer. */
  void release() {
    queue.clear();
    stopTimer();
  }

  /**
   * What the handshake has shown of the peer and the path.
   *
   * @param timeout has measured the handshake's round trip, if it was not ambiguous
   * @param synRepeated whether the timer has repeated our SYN: RFC 5681, section 3.1, then has the
   *     congestion window begin at one segment
   */
  record Handshake(PeerOptions peer, RetransmissionTimeout timeout, boolean synRepeated) {}

  /** What the peer said in its SYN, and both agreed on. */
  record PeerOptions(int mss, boolean windowScaled, int windowScale, boolean sack) {
    static PeerOptions of(TcpOptions options) {
      int shift = options.windowScale();
      return new PeerOptions(
          options.mss(), shift >= 0, Math.clamp(shift, 0, 14), options.sackPermitted());
    }
  }
}
