/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;

/**
 * Nominal costs of packets for {@link WorkPolicer}, in nanoseconds of a lane: what the benchmark
 * "cost of the worst packet" measured, with the system calls of the answer, rounded up.
 */
final class WorkCost {
  /** A frame to a guest, headers and payload: one {@code writev}. */
  static final long FRAME = 5_000;

  /** A datagram or message before its payload is looked at. */
  static final long MESSAGE = 2_000;

  /** A fragment that is kept. */
  static final long FRAGMENT = 2_000;

  /** A segment of an established connection that does not carry it forward. */
  static final long REPEATED_SEGMENT = 2_000;

  /** A stream or a lookup: some 40 system calls over its life. */
  static final long REQUEST = TimeUnit.MICROSECONDS.toNanos(200);

  /** Payload that is copied once and summed twice. */
  private static final int BYTES_PER_NANO = 4;

  private static final int BYTES_PER_FRAME = 1_400;

  private WorkCost() {}

  /** Of a message of so many bytes that is answered in one frame. */
  static long answer(int bytes) {
    return MESSAGE + FRAME + bytes / BYTES_PER_NANO;
  }

  /** Of one that is answered with as many bytes. */
  static long echo(int bytes) {
    return answer(bytes) + bytes / BYTES_PER_FRAME * FRAME;
  }
}
