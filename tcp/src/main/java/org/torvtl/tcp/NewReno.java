/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** Congestion avoidance by one segment a round trip; a loss halves. RFC 5681, section 3.1. */
final class NewReno extends LossBasedControl {
  private int acknowledged;

  NewReno(int segmentSize, boolean synLost) {
    super(segmentSize, synLost);
  }

  @Override
  void avoidCongestion(int bytes, long roundTripNanos, long nowNanos) {
    acknowledged += bytes;
    if (acknowledged >= windowBytes()) {
      acknowledged -= windowBytes();
      window(windowBytes() + segmentSize());
    }
  }

  @Override
  void pause(long nowNanos) {}

  @Override
  int reduce(int flightBytes, boolean timeout) {
    acknowledged = 0;
    return flightBytes / 2;
  }

  @Override
  void restore() {}

  @Override
  public void onRecovered(int flightBytes, long nowNanos) {
    // RFC 6582, section 3.2, step 3, option 1: no burst where little is under way.
    window(Math.min(threshold(), Math.max(flightBytes, segmentSize()) + segmentSize()));
  }
}
