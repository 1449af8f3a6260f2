/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.TcpOptions;

/**
 * The way out for segments. The owner adds ports, addresses and checksums.
 *
 * <p>It must not call back into the connection, and may lose segments: TCP repairs that.
 */
@FunctionalInterface
public interface SegmentTransmitter {
  /**
   * Sends a segment.
   *
   * @param sequence sequence number
   * @param acknowledgment acknowledgment number; 0 without {@link org.torvtl.wire.TcpSegment#ACK}
   * @param flags an OR of {@link org.torvtl.wire.TcpSegment#FIN} and the others
   * @param window the window field, 0 to 65535, already scaled
   * @param options reused by the caller: valid during the call only
   * @param payload borrowed, possibly composite or empty; whoever keeps it past the call must
   *     retain it. Its bytes must not be changed
   * @param segmentSize the most bytes of payload a packet may carry. A longer payload, which only
   *     comes where {@link TcpConfig#maxTransmitBytes} allows it, is to be cut into packets of this
   *     size, by the device (GSO) or by the transmitter
   */
  void transmit(
      int sequence,
      int acknowledgment,
      int flags,
      int window,
      TcpOptions options,
      ByteBuf payload,
      int segmentSize);
}
