/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/**
 * The sending half of an open connection: what goes out and when, and what becomes of it. RFC 9293,
 * sections 3.8 and 3.10.
 *
 * <p>Between the sequence numbers {@code unacknowledged} and {@code next} lies what is under way;
 * then comes what waits in the queue; last, once asked for, the FIN. There is one timer. While
 * anything is under way it is the retransmission timer; while nothing is, and the peer's window
 * keeps us from sending, it paces window probes.
 */
final class Sender {
  private static final long NONE = Long.MAX_VALUE;

  /** The peer's maximum segment size where it does not say. RFC 9293, section 3.7.1. */
  private static final int DEFAULT_SEGMENT = 536;

  /** Below this a peer's maximum segment size is not believed: options alone take 40 bytes. */
  private static final int LEAST_SEGMENT = 64;

  private final TcpConfig config;
  private final TcpCounters counters;
  private final SegmentWriter writer;
  private final Receiver receiver;
  private final RetransmissionTimeout timeout;
  private final CongestionControl congestion;
  private final LossRecovery recovery;
  private final SendQueue queue;
  private final int packetSize;
  private final int windowScale;
  private final boolean sack;

  private long unacknowledged;
  private long next;
  private long probedTo;
  private boolean finQueued;

  private long windowEdge;
  private long maxWindow;
  private long windowSequence;
  private long windowAcknowledgment;

  private boolean headIsDue;
  private boolean congestionLimited;
  private int timeoutsInARow;
  private int probesInARow;
  private long deadlineNanos = NONE;
  private boolean probing;
  private long stalledSinceNanos;
  private long lastSentNanos;

  private boolean timing;
  private long timedEnd;
  private long timedSinceNanos;
  private long lastRepeatNanos;

  /**
   * The sender of a connection whose SYN has just been acknowledged.
   *
   * @param peer the peer's options, from its SYN
   * @param queue begins with the first byte to send, just after our SYN
   */
  Sender(
      TcpConfig config,
      TcpCounters counters,
      SegmentWriter writer,
      Receiver receiver,
      PeerOptions peer,
      RetransmissionTimeout timeout,
      boolean synRepeated,
      SendQueue queue,
      long nowNanos) {
    this.config = config;
    this.counters = counters;
    this.writer = writer;
    this.receiver = receiver;
    this.timeout = timeout;
    this.queue = queue;
    int announced = peer.mss() == 0 ? DEFAULT_SEGMENT : peer.mss();
    packetSize = Math.max(LEAST_SEGMENT, Math.min(announced, config.maxSegmentSize()));
    windowScale = peer.windowScale();
    sack = peer.sack();
    int full = packetSize - (receiver.timestamps().enabled() ? 12 : 0);
    congestion = new NewReno(full, synRepeated);
    unacknowledged = queue.first();
    next = unacknowledged;
    probedTo = next;
    recovery = new LossRecovery(full, sack, next);
    lastSentNanos = nowNanos;
    stalledSinceNanos = nowNanos;
    lastRepeatNanos = nowNanos;
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
    return maxWindow;
  }

  int unsentBytes() {
    return (int) Math.max(0, queue.end() - next);
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

  /** Whether data, other than a FIN, is not acknowledged. */
  boolean hasData() {
    return queue.bytes() > 0;
  }

  /** The window of the segment that completes the handshake. */
  void openWindow(int bytes, long sequence, long acknowledgment) {
    windowEdge = acknowledgment + bytes;
    maxWindow = Math.max(maxWindow, bytes);
    windowSequence = sequence;
    windowAcknowledgment = acknowledgment;
  }

  /** The window a segment's field means, in bytes. */
  int windowBytes(TcpSegment segment) {
    return segment.window() << windowScale;
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
    boolean sameWindow = !updateWindow(segment, sequence, acknowledgment);
    if (next == unacknowledged || windowEdge <= unacknowledged) {
      // The peer answers though it takes nothing: it has not vanished. RFC 9293, section 3.8.6.1.
      stalledSinceNanos = nowNanos;
    }
    next = Math.max(next, acknowledgment);
    boolean reported = sack && readSack(segment);
    int data = 0;
    if (acknowledgment > unacknowledged) {
      data = advance(segment, acknowledgment, nowNanos);
    } else if (acknowledgment == unacknowledged && next > unacknowledged) {
      if (sack ? reported : sequenceLength == 0 && sameWindow) {
        recovery.duplicate(unacknowledged, next);
      }
    }
    if (recovery.detect(unacknowledged, next)) {
      counters.fastRecoveries++;
      congestion.onLoss(flight(), nowNanos);
      headIsDue = true;
      startRetransmissionTimer(nowNanos);
    }
    return data;
  }

  /**
   * Takes the window if the segment is no older than the one it was taken from: section 3.10.7.4.
   */
  private boolean updateWindow(TcpSegment segment, long sequence, long acknowledgment) {
    if (acknowledgment < unacknowledged
        || sequence < windowSequence
        || (sequence == windowSequence && acknowledgment < windowAcknowledgment)) {
      return false;
    }
    windowSequence = sequence;
    windowAcknowledgment = acknowledgment;
    int bytes = windowBytes(segment);
    maxWindow = Math.max(maxWindow, bytes);
    long edge = acknowledgment + bytes;
    boolean changed = edge != windowEdge;
    windowEdge = edge;
    return changed;
  }

  private boolean readSack(TcpSegment segment) {
    var options = segment.options();
    boolean news = false;
    for (int i = 0; i < options.sackCount(); i++) {
      long left = SequenceNumbers.extend(options.sackLeft(i), unacknowledged);
      long right = SequenceNumbers.extend(options.sackRight(i), unacknowledged);
      if (left >= right || right > next) {
        counters.badSackBlocks++;
      } else if (right > unacknowledged) {
        // What lies below is a report of a duplicate (RFC 2883) or of long ago.
        long added = recovery.scoreboard().add(Math.max(left, unacknowledged), right);
        if (added < 0) {
          counters.badSackBlocks++;
        }
        news |= added > 0;
      }
    }
    return news;
  }

  private int advance(TcpSegment segment, long acknowledgment, long nowNanos) {
    long bytes = acknowledgment - unacknowledged;
    measure(segment, acknowledgment, nowNanos);
    boolean afterTimeout = recovery.phase() == LossRecovery.Phase.TIMEOUT;
    boolean inFastRecovery = recovery.phase() == LossRecovery.Phase.FAST;
    unacknowledged = acknowledgment;
    long dataEnd = Math.min(acknowledgment, queue.end());
    int data = (int) (dataEnd - queue.first());
    queue.releaseBefore(dataEnd);
    if (recovery.acknowledged(unacknowledged, bytes)) {
      congestion.onRecovered(flight(), nowNanos);
    } else if (!inFastRecovery) {
      congestion.onAcknowledged((int) bytes, congestionLimited, afterTimeout, nowNanos);
    }
    timeoutsInARow = 0;
    probesInARow = 0;
    stalledSinceNanos = nowNanos;
    // RFC 6582, section 3.2, step 3: a partial acknowledgment shows the next loss.
    headIsDue = !sack && recovery.phase() == LossRecovery.Phase.FAST;
    if (next > unacknowledged) {
      startRetransmissionTimer(nowNanos);
    } else {
      stopTimer();
    }
    return data;
  }

  /**
   * Measures the round trip: RFC 6298, section 3. After a repetition no bytes are being timed; then
   * a timestamp serves (RFC 7323, section 4.1), but only if it was sent no earlier than the
   * repetition: an older one may be echoed because an acknowledgment was lost, and would measure
   * the timeout.
   */
  private void measure(TcpSegment segment, long acknowledgment, long nowNanos) {
    if (timing) {
      if (acknowledgment >= timedEnd) {
        timeout.measured(nowNanos - timedSinceNanos);
        timing = false;
      }
      return;
    }
    var timestamps = receiver.timestamps();
    if (timestamps.enabled() && segment.options().hasTimestamps()) {
      long nanos = timestamps.sinceNanos(segment.options().timestampEcho(), nowNanos);
      if (nanos >= 0 && nanos <= nowNanos - lastRepeatNanos) {
        timeout.measured(nanos);
      }
    }
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
      more = sendLost(nowNanos) || sendNew(nowNanos) || sendSuspect(nowNanos);
    }
    headIsDue = false;
    if (next > unacknowledged) {
      if (deadlineNanos == NONE || probing) {
        startRetransmissionTimer(nowNanos);
      }
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
    long from = recovery.nextLost(unacknowledged, NONE);
    return from != NONE && sendAgain(from, nowNanos);
  }

  private boolean sendSuspect(long nowNanos) {
    long from = recovery.nextSuspect(unacknowledged, NONE);
    return from != NONE && sendAgain(from, nowNanos);
  }

  private boolean sendAgain(long from, long nowNanos) {
    int size = segmentSize();
    long room = congestion.windowBytes() - recovery.pipe(unacknowledged, next);
    if (!headIsDue && room < size && room < congestion.windowBytes()) {
      congestionLimited = true;
      return false;
    }
    if (!headIsDue && from >= windowEdge) {
      // The peer has shrunk its window: what lies beyond goes out by the timer only.
      return false;
    }
    headIsDue = false;
    long end = Math.min(recovery.scoreboard().firstReported(from, next), from + size);
    counters.retransmits++;
    timing = false;
    lastRepeatNanos = nowNanos;
    transmit(from, end, nowNanos);
    recovery.repaired(end);
    return true;
  }

  private boolean sendNew(long nowNanos) {
    int unsent = unsentBytes();
    boolean finWaits = finQueued && next <= queue.end();
    if (unsent == 0 && !finWaits) {
      return false;
    }
    long usable = windowEdge - next;
    if (usable <= 0) {
      return false;
    }
    int size = segmentSize();
    int length = (int) Math.min(Math.min(unsent, usable), wholeSegments(size));
    if (unsent > 0) {
      int allowed = allowedByCongestion(size, unsent);
      if (allowed == 0) {
        congestionLimited = true;
        return false;
      }
      length = Math.min(length, allowed);
    }
    if (length < unsent) {
      if (length > size) {
        length -= length % size;
      } else if (length < size && length < maxWindow / 2) {
        // The sender's half of avoiding the silly window syndrome: section 3.8.6.2.1.
        return false;
      }
    }
    boolean withFin = finWaits && length == unsent && usable > length;
    sendNew(length, withFin, nowNanos);
    return true;
  }

  private void sendNew(int length, boolean withFin, long nowNanos) {
    long end = next + length + (withFin ? 1 : 0);
    if (!timing) {
      timing = true;
      timedEnd = end;
      timedSinceNanos = nowNanos;
    }
    if (next == unacknowledged) {
      stalledSinceNanos = nowNanos;
    }
    long from = next;
    next = end;
    transmit(from, end, nowNanos);
  }

  private int wholeSegments(int size) {
    boolean offload = config.maxTransmitBytes() > config.maxSegmentSize();
    return offload ? Math.max(size, config.maxTransmitBytes() / size * size) : size;
  }

  /** How many new bytes the congestion window allows, 0 if it is not worth a segment. */
  private int allowedByCongestion(int size, int unsent) {
    long pipe = recovery.pipe(unacknowledged, next);
    long room = congestion.windowBytes() - pipe;
    if (room >= size) {
      return (int) Math.min(Integer.MAX_VALUE, room / size * size);
    }
    if (pipe == 0) {
      return size;
    }
    return unsent <= room ? unsent : 0;
  }

  /** The most payload a packet carries now, beside the options it must have. */
  private int segmentSize() {
    return packetSize - receiver.optionsLength();
  }

  private void transmit(long from, long end, long nowNanos) {
    int length = (int) (Math.min(end, queue.end()) - from);
    int flags = end > queue.end() ? TcpSegment.FIN : 0;
    if (length > 0 && from + length == queue.end()) {
      flags |= TcpSegment.PSH;
    }
    lastSentNanos = nowNanos;
    int size = segmentSize();
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

  private void startRetransmissionTimer(long nowNanos) {
    probing = false;
    deadlineNanos = bounded(nowNanos + timeout.nanos());
  }

  private void startProbeTimer(long nowNanos) {
    probing = true;
    deadlineNanos = bounded(nowNanos + timeout.backedOff(probesInARow));
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
  }

  long deadlineNanos() {
    return deadlineNanos;
  }

  /**
   * Does what is due. Must be followed by {@link #output}.
   *
   * @return whether the peer has not answered for so long that the connection is to be given up
   */
  boolean onDeadline(long nowNanos) {
    if (deadlineNanos == NONE || nowNanos - deadlineNanos < 0) {
      return false;
    }
    if (nowNanos - stalledSinceNanos >= config.giveUpNanos()) {
      return true;
    }
    if (probing) {
      probe(nowNanos);
    } else {
      counters.timeouts++;
      congestion.onTimeout(flight(), timeoutsInARow > 0, nowNanos);
      timeoutsInARow++;
      recovery.timeout(unacknowledged, next);
      headIsDue = true;
      timing = false;
      timeout.backOff();
      startRetransmissionTimer(nowNanos);
    }
    return false;
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
    long usable = windowEdge - next;
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

  /** What the peer said in its SYN, and both agreed on. */
  record PeerOptions(int mss, boolean windowScaled, int windowScale, boolean sack) {
    static PeerOptions of(TcpOptions options) {
      int shift = options.windowScale();
      return new PeerOptions(
          options.mss(), shift >= 0, Math.clamp(shift, 0, 14), options.sackPermitted());
    }
  }
}
