/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How much payload a packet to the peer carries: the effective send MSS of RFC 9293, section 3.7.1,
 * made smaller by the path (RFC 1191) and by a small window of the peer.
 */
final class EffectiveMss {
  /** The peer's maximum segment size where it does not say. RFC 9293, section 3.7.1. */
  static final int DEFAULT = 536;

  /** Below this a peer's maximum segment size is not believed: options alone take 40 bytes. */
  private static final int LEAST = 64;

  /** The most packets one transmission is cut into: that many take a sending thread some 0.1 ms. */
  static final int MOST_PACKETS_AT_ONCE = 64;

  private final TcpConfig config;
  private final Receiver receiver;
  private final SendWindow window;
  private int packetSize;

  /**
   * The size at the start of a connection.
   *
   * @param receiver says which options a segment must have
   * @param mss of the peer's SYN, 0 for none
   */
  EffectiveMss(TcpConfig config, int mss, Receiver receiver, SendWindow window) {
    this.config = config;
    this.receiver = receiver;
    this.window = window;
    packetSize = packetSize(config, mss);
  }

  /**
   * The most bytes of options and payload that a packet to this peer may carry.
   *
   * @param mss of the peer's SYN, 0 for none
   */
  static int packetSize(TcpConfig config, int mss) {
    int announced = mss == 0 ? DEFAULT : mss;
    return Math.max(LEAST, Math.min(announced, config.maxSegmentSize()));
  }

  /** How many bytes go to the transmitter at once: whole segments of this size. */
  static int wholeSegments(TcpConfig config, int size) {
    boolean offload = config.maxTransmitBytes() > config.maxSegmentSize();
    int packets = Math.clamp(config.maxTransmitBytes() / size, 1, MOST_PACKETS_AT_ONCE);
    return offload ? packets * size : size;
  }

  /** The most payload a packet carries beside the options that every one has. */
  int fullSegment() {
    return packetSize - receiver.timestamps().optionLength();
  }

  /** The most payload a packet carries now, beside the options it must have. */
  int segment() {
    return Math.min(packetSize - receiver.optionsLength(), windowShare());
  }

  /** How many bytes of segments of this size go to the transmitter at once. */
  int transmission(int segment) {
    return wholeSegments(config, segment);
  }

  /** Whether the peer takes only segments smaller than {@link #DEFAULT}. */
  boolean isSmall() {
    return packetSize < DEFAULT;
  }

  /**
   * The most of the peer's window that one segment takes: half of the largest it ever offered, so
   * that two fill it, and the acknowledgment of one sends the next on its way. Otherwise what is
   * left behind a full segment would wait for an acknowledgment that the peer delays. Windows of a
   * default segment and less are not divided. As Linux does (tcp_bound_to_half_wnd).
   */
  private int windowShare() {
    long largest = window.largest();
    long share = largest > DEFAULT ? largest / 2 : largest;
    return (int) Math.max(LEAST, share);
  }

  /**
   * The path takes smaller packets only. RFC 1191, section 6.3.
   *
   * @param bytes the most bytes of options and payload a packet may carry; never believed below
   *     {@link #DEFAULT}
   * @return whether packets are smaller from now on
   */
  boolean reduce(int bytes) {
    int believed = Math.max(bytes, Math.min(DEFAULT, packetSize));
    if (believed >= packetSize) {
      return false;
    }
    packetSize = believed;
    return true;
  }
}
