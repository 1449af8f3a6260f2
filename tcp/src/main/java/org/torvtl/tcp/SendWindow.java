/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How far the peer lets us send: SND.WND and SND.WL1 of RFC 9293, section 3.3.1, and the largest
 * window it ever offered.
 */
final class SendWindow {
  private final int scale;
  private long edge;
  private long largest;
  private long sequence;

  /**
   * A window not opened yet.
   *
   * @param scale the shift count of the peer's SYN, 0 to 14. RFC 7323, section 2.3
   */
  SendWindow(int scale) {
    this.scale = scale;
  }

  /** The sequence number just after the last one the peer takes. */
  long edge() {
    return edge;
  }

  /** The largest window ever offered, in bytes: MAX.SND.WND. */
  long largest() {
    return largest;
  }

  /** The window, in bytes and not scaled, of the segment that completes the handshake. */
  void open(int bytes, long segmentSequence, long segmentAcknowledgment) {
    set(bytes, segmentSequence, segmentAcknowledgment);
  }

  /**
   * Takes the window field of a segment that is no older than the one the window was taken from:
   * section 3.10.7.4. SND.WL2 needs no keeping: it is never above the left edge.
   *
   * @return whether the right edge is another now
   */
  boolean update(int field, long segmentSequence, long segmentAcknowledgment, long unacknowledged) {
    if (segmentAcknowledgment < unacknowledged || segmentSequence < sequence) {
      return false;
    }
    long before = edge;
    set(field << scale, segmentSequence, segmentAcknowledgment);
    return edge != before;
  }

  private void set(int bytes, long segmentSequence, long segmentAcknowledgment) {
    sequence = segmentSequence;
    largest = Math.max(largest, bytes);
    edge = segmentAcknowledgment + bytes;
  }
}
