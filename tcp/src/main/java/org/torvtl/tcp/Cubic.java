/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * CUBIC: after a loss the window grows by a cubic function of the time since, not of round trips;
 * flat around the size at which the loss came, steep away from it. RFC 9438. Windows in here are in
 * segments, as the RFC has them.
 */
final class Cubic extends LossBasedControl {
  private static final double SECOND_NANOS = 1e9;

  /** How steep the function is, in segments per cubic second: section 4.1.1. */
  static final double C = 0.4;

  /** What a loss leaves of the window: section 4.6. */
  static final double BETA = 0.7;

  /** Segments a round trip at which Reno, with {@link #BETA}, has the same throughput: 4.3. */
  static final double RENO_GROWTH = 3 * (1 - BETA) / (1 + BETA);

  /** The window at which the last loss came: W_max. */
  private double lossWindow;

  /** The window before the last loss: cwnd_prior. */
  private double priorWindow;

  private boolean growing;
  private long sinceNanos;
  private long pausedNanos;

  /** The window now, its fraction of a byte included. */
  private double window;

  /** Seconds until the function reaches the window of the last loss: K. */
  private double plateauSeconds;

  /** What Reno's window would be: W_est. */
  private double renoWindow;

  private double lossWindowBefore;
  private double priorWindowBefore;

  Cubic(int segmentSize, boolean synLost) {
    super(segmentSize, synLost);
  }

  private double segments() {
    return (double) windowBytes() / segmentSize();
  }

  @Override
  void avoidCongestion(int bytes, long roundTripNanos, long nowNanos) {
    if (!growing) {
      begin(nowNanos);
    }
    pausedNanos = nowNanos;
    if ((int) (window * segmentSize()) != windowBytes()) {
      window = segments();
    }
    double acknowledged = (double) bytes / segmentSize();
    double growth = renoWindow >= priorWindow ? 1 : RENO_GROWTH;
    renoWindow += growth * acknowledged / window;
    double elapsed = (nowNanos - sinceNanos) / SECOND_NANOS;
    if (target(elapsed) < renoWindow) {
      window = Math.max(window, renoWindow);
    } else {
      double soon = target(elapsed + roundTripNanos / SECOND_NANOS);
      double aim = Math.clamp(soon, window, 1.5 * window);
      window += (aim - window) / window * acknowledged;
    }
    window = Math.min(window, (double) MAX_WINDOW / segmentSize());
    window((int) (window * segmentSize()));
  }

  private void begin(long nowNanos) {
    growing = true;
    sinceNanos = nowNanos;
    pausedNanos = nowNanos;
    window = segments();
    renoWindow = window;
    if (window < lossWindow) {
      plateauSeconds = Math.cbrt((lossWindow - window) / C);
    } else {
      plateauSeconds = 0;
      lossWindow = window;
    }
  }

  /** The cubic function: section 4.2, figure 1. */
  private double target(double seconds) {
    double offset = seconds - plateauSeconds;
    return C * offset * offset * offset + lossWindow;
  }

  @Override
  void pause(long nowNanos) {
    // Section 4.2: time in which the window was not used does not count.
    if (growing) {
      sinceNanos += nowNanos - pausedNanos;
      pausedNanos = nowNanos;
    }
  }

  @Override
  int reduce(int flightBytes, boolean timeout) {
    lossWindowBefore = lossWindow;
    priorWindowBefore = priorWindow;
    double before = segments();
    // Fast convergence, section 4.7: a smaller window than at the last loss makes room for others.
    lossWindow = before < lossWindow ? before * (1 + BETA) / 2 : before;
    priorWindow = before;
    growing = false;
    if (timeout) {
      // Section 4.8: the first growth afterwards starts at the plateau.
      lossWindow = 0;
    }
    return (int) (flightBytes * BETA);
  }

  @Override
  void restore() {
    lossWindow = lossWindowBefore;
    priorWindow = priorWindowBefore;
    growing = false;
  }

  @Override
  public void onRecovered(int flightBytes, long nowNanos) {
    window(Math.min(windowBytes(), threshold()));
  }
}
