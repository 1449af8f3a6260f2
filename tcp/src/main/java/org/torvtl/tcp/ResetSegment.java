/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpHeader;
import org.torvtl.wire.TcpSegment;

/** The answer to a segment that belongs to no connection. RFC 9293, section 3.10.7.1. */
public final class ResetSegment {
  private ResetSegment() {}

  /**
   * Sends the reset that answers {@code segment}; nothing if that is a reset itself.
   *
   * @return whether one was sent
   */
  public static boolean answer(TcpSegment segment, SegmentTransmitter transmitter) {
    if (segment.has(TcpSegment.RST)) {
      return false;
    }
    // One for each: threads share this class.
    var header = new TcpHeader();
    if (segment.has(TcpSegment.ACK)) {
      header.sequence(segment.acknowledgment()).flags(TcpSegment.RST);
    } else {
      header
          .acknowledgment(segment.sequence() + segment.sequenceLength())
          .flags(TcpSegment.RST | TcpSegment.ACK);
    }
    transmitter.transmit(header, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE);
    return true;
  }
}
