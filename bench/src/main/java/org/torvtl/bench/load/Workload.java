/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.io.Serializable;

/** What a load client is told to do. */
public sealed interface Workload extends Serializable {
  /** Which way the payload goes, as the guest sees it. */
  enum Direction {
    UP,
    DOWN
  }

  /** Streams at once, for a time. */
  record Streams(Direction direction, int count, int millis) implements Workload {}

  /** Connections one after the other, each for one request and its answer; as many at once. */
  record Exchanges(int inFlight, int millis) implements Workload {}

  /** Connections that are opened and kept. */
  record Hold(int count) implements Workload {}

  /** One message there and back on each of those kept. */
  record Use() implements Workload {}

  /** Closes those kept. */
  record Release() implements Workload {}

  /** A seeded stream each way at the same time, hashed at both ends. */
  record Soak(long seed, long bytes) implements Workload {}
}
