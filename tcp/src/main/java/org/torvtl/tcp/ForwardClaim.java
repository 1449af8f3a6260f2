/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import org.jspecify.annotations.Nullable;
import org.torvtl.wire.TcpSegment;

/**
 * How far a segment claims to carry its connection forward, judged by sequence and acknowledgment
 * number alone (RFC 9293, section 3.4) before it is processed.
 */
final class ForwardClaim {
  private ForwardClaim() {}

  /**
   * The claim in bytes: see {@link TcpConnection#advance}.
   *
   * @param first the first sequence number after our SYN
   * @param flight what we have sent; {@code null} while our SYN is not acknowledged
   */
  static long of(TcpSegment segment, Receiver receiver, long first, @Nullable Flight flight) {
    int flags = segment.flags();
    long next = receiver.next();
    long sequence = SequenceNumbers.extend(segment.sequence(), next);
    if ((flags & (TcpSegment.SYN | TcpSegment.RST)) != 0) {
      return (flags & TcpSegment.RST) != 0 && sequence == next ? TcpConnection.WHOLE : 0;
    }
    long end = sequence + segment.payloadLength();
    long edge = receiver.window().announcedEdge();
    boolean isNext = sequence <= next && end >= next;
    if (isNext && (flags & TcpSegment.FIN) != 0 && end <= Math.max(edge, next)) {
      return TcpConnection.WHOLE;
    }
    long text = isNext ? Math.max(0, Math.min(end, edge) - next) : 0;
    boolean hasAck = (flags & TcpSegment.ACK) != 0;
    if (flight == null) {
      return hasAck && segment.acknowledgment() == (int) first ? TcpConnection.WHOLE : text;
    }
    long unacknowledged = flight.unacknowledged();
    long acknowledged = SequenceNumbers.extend(segment.acknowledgment(), unacknowledged);
    return hasAck && acknowledged <= flight.next()
        ? text + Math.max(0, acknowledged - unacknowledged)
        : text;
  }
}
