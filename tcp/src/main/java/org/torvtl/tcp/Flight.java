/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.torvtl.wire.TcpSegment;

/**
 * What was sent and is not acknowledged, and what follows it: the send sequence space of RFC 9293,
 * section 3.3.1.
 *
 * <p>Between the sequence numbers {@code unacknowledged} and {@code next} lies what is under way;
 * then comes what waits in the queue; last, once asked for, the FIN.
 */
final class Flight {
  /** What was sent within this part of a round trip is taken as sent at once. */
  private static final int TOGETHER = 16;

  private final SendQueue queue;
  private final TransmissionLog log;
  private final RoundTripMeter roundTrip;
  private final TransmissionLog.Delivery delivery;
  private long unacknowledged;
  private long next;
  private long probedTo;
  private boolean finQueued;

  /**
   * Nothing is under way yet.
   *
   * @param queue begins with the first byte to send
   * @param log begins there too
   * @param delivery hears of what is acknowledged
   */
  Flight(
      SendQueue queue,
      TransmissionLog log,
      RoundTripMeter roundTrip,
      TransmissionLog.Delivery delivery) {
    this.queue = queue;
    this.log = log;
    this.roundTrip = roundTrip;
    this.delivery = delivery;
    unacknowledged = queue.first();
    next = unacknowledged;
    probedTo = next;
  }

  /** The first sequence number not acknowledged: SND.UNA. */
  long unacknowledged() {
    return unacknowledged;
  }

  /** The next sequence number to send: SND.NXT. */
  long next() {
    return next;
  }

  /** The highest acknowledgment number the peer can know of. */
  long highestSent() {
    return Math.max(next, probedTo);
  }

  /** How many sequence numbers are under way. */
  int size() {
    return (int) (next - unacknowledged);
  }

  boolean isEmpty() {
    return next == unacknowledged;
  }

  int unsentBytes() {
    return Math.clamp(queue.end() - next, 0, queue.bytes());
  }

  /** Whether anything was not acknowledged, or waits to be sent. */
  boolean isBusy() {
    return !isEmpty() || isWaiting();
  }

  /** Whether data or a FIN waits to be sent. */
  boolean isWaiting() {
    return unsentBytes() > 0 || (finQueued && next == queue.end());
  }

  /** A FIN follows the data. */
  void queueFin() {
    finQueued = true;
  }

  boolean finIsUnsent() {
    return finQueued && next <= queue.end();
  }

  boolean finIsAcknowledged() {
    return finQueued && unacknowledged > queue.end();
  }

  /**
   * New data is being sent.
   *
   * @param length bytes of it, from {@link #next} on
   * @param withFin whether the FIN follows at once
   */
  void sent(int length, boolean withFin, long nowNanos) {
    long end = next + length + (withFin ? 1 : 0);
    roundTrip.sent(end, nowNanos);
    log.sent(end, nowNanos, roundTrip.smoothedNanos() / TOGETHER);
    next = end;
  }

  /** Bytes are being sent again. */
  void resent(long from, long end, long nowNanos) {
    roundTrip.resent(nowNanos);
    log.resent(from, end, nowNanos);
  }

  /** One byte is being sent beyond the window: the peer may refuse it, so it counts as unsent. */
  void windowProbeSent() {
    probedTo = Math.max(probedTo, next + 1);
  }

  /** The acknowledgment covers a window probe, unknown which: it tells nothing of the path. */
  void windowProbeTaken(long acknowledgment, long nowNanos) {
    log.sent(acknowledgment, nowNanos, 0);
    log.resent(next, acknowledgment, nowNanos);
    next = acknowledgment;
  }

  /**
   * The left edge moves.
   *
   * @param acknowledgment above {@link #unacknowledged}, not above {@link #next}
   * @return how many bytes of data are acknowledged by that
   */
  int acknowledge(TcpSegment segment, long acknowledgment, long nowNanos) {
    roundTrip.acknowledged(segment, acknowledgment, nowNanos);
    log.acknowledge(acknowledgment, delivery);
    unacknowledged = acknowledgment;
    long dataEnd = Math.min(acknowledgment, queue.end());
    int data = (int) (dataEnd - queue.first());
    queue.releaseBefore(dataEnd);
    return data;
  }
}
