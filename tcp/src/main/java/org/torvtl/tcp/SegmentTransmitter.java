/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import io.netty.buffer.ByteBuf;
import org.torvtl.wire.TcpHeader;

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
   * @param header reused by the caller: valid during the call only, and not to be changed
   * @param payload borrowed, possibly composite or empty; to keep it past the call, retain it. Its
   *     bytes must not be changed
   * @param segmentSize the most bytes of payload a packet may carry. A longer payload, which only
   *     comes where {@link TcpConfig#maxTransmitBytes} allows it, is to be cut into packets of this
   *     size, by the device (GSO) or by the transmitter
   */
  void transmit(TcpHeader header, ByteBuf payload, int segmentSize);
}
