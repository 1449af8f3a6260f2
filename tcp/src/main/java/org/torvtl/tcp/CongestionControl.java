/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * How many bytes may be under way, as far as the network is concerned. RFC 5681.
 *
 * <p>It decides the window only; which bytes are lost and when to send is decided elsewhere.
 */
public interface CongestionControl {
  /** The congestion window, in bytes; at least one segment. */
  int windowBytes();

  /**
   * New data was acknowledged outside of fast recovery.
   *
   * @param bytes how many
   * @param windowLimited whether the window was used up; if not, its size was not tested and it
   *     must not grow. RFC 7661, section 4.2
   * @param afterTimeout whether data from before a timeout is still being repaired
   * @param roundTripNanos the smoothed round trip, 0 where it is not known
   * @param nowNanos the time
   */
  void onAcknowledged(
      int bytes, boolean windowLimited, boolean afterTimeout, long roundTripNanos, long nowNanos);

  /**
   * A loss was found by duplicate or selective acknowledgments: fast recovery begins.
   *
   * @param flightBytes bytes sent and not acknowledged
   */
  void onLoss(int flightBytes, long nowNanos);

  /**
   * Fast recovery has ended.
   *
   * @param flightBytes bytes sent and not acknowledged now
   */
  void onRecovered(int flightBytes, long nowNanos);

  /**
   * The retransmission timer expired.
   *
   * @param flightBytes bytes sent and not acknowledged
   * @param again whether it had expired for the same data before
   */
  void onTimeout(int flightBytes, boolean again, long nowNanos);

  /**
   * The last call of {@link #onLoss}, or of {@link #onTimeout} for new data, was a mistake: nothing
   * was lost. The window becomes what it was before, unless it is larger. RFC 4015, section 3.2.
   */
  void onSpurious(long nowNanos);

  /** Nothing was sent for longer than a retransmission timeout. RFC 5681, section 4.1. */
  void onIdle(long nowNanos);

  /**
   * Full segments have another size from now on.
   *
   * @param bytes payload bytes of a full segment
   */
  void onSegmentSize(int bytes);

  /** The algorithms there are. */
  enum Algorithm {
    /** RFC 9438. */
    CUBIC,
    /** RFC 5681 and 6582. */
    NEW_RENO;

    /**
     * Starts it for a connection.
     *
     * @param segmentSize payload bytes of a full segment
     * @param synLost whether our SYN had to be repeated: then the window starts at one segment
     */
    CongestionControl start(int segmentSize, boolean synLost) {
      return switch (this) {
        case CUBIC -> new Cubic(segmentSize, synLost);
        case NEW_RENO -> new NewReno(segmentSize, synLost);
      };
    }
  }
}
