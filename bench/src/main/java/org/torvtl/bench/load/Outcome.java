/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.Serializable;

/** What came of a {@link Workload}. */
public sealed interface Outcome extends Serializable {
  /**
   * Of streams.
   *
   * @param bytes that arrived, in all streams together
   */
  record Streamed(long bytes, long nanos) implements Outcome {
    public double bytesPerSecond() {
      return bytes * 1e9 / nanos;
    }
  }

  /**
   * Of exchanges.
   *
   * @param count that were finished: connected, asked, answered, closed by the server
   * @param failures that broke at any point
   * @param latency from the first packet of the connection to the end of the stream, as the client
   *     sees both
   */
  record Exchanged(long count, long failures, long nanos, Latency latency) implements Outcome {
    public double perSecond() {
      return count * 1e9 / nanos;
    }
  }

  /** Percentiles, in nanoseconds. */
  record Latency(long p50, long p90, long p99) implements Serializable {}

  /**
   * Of connections kept, opened or used.
   *
   * @param count that are open, or that were answered
   */
  record Held(int count, long nanos) implements Outcome {}

  /** Of a soak: the SHA-256 of each direction, as the sender and the receiver have it, in hex. */
  record Soaked(String sentUp, String gotUp, String sentDown, String gotDown, long nanos)
      implements Outcome {}

  /** It could not be done. */
  record Failed(String reason) implements Outcome {}
}
