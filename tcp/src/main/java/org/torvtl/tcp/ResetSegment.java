/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.Unpooled;
import org.torvtl.wire.TcpOptions;
import org.torvtl.wire.TcpSegment;

/** The answer to a segment that belongs to no connection. RFC 9293, section 3.10.7.1. */
public final class ResetSegment {
  private static final TcpOptions NO_OPTIONS = new TcpOptions();

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
    if (segment.has(TcpSegment.ACK)) {
      send(transmitter, segment.acknowledgment(), 0, TcpSegment.RST);
    } else {
      int end = segment.sequence() + segment.sequenceLength();
      send(transmitter, 0, end, TcpSegment.RST | TcpSegment.ACK);
    }
    return true;
  }

  static void send(SegmentTransmitter transmitter, int sequence, int acknowledgment, int flags) {
    transmitter.transmit(
        sequence, acknowledgment, flags, 0, NO_OPTIONS, Unpooled.EMPTY_BUFFER, Integer.MAX_VALUE);
  }
}
