/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;
import org.torvtl.tcp.TcpConnection;

/**
 * Nominal costs of packets for {@link WorkPolicer}, in nanoseconds of a lane. They are round
 * figures above what was measured on an AMD EPYC, and deliberately coarse: the policer compares
 * them with shares of time, and a lane that is slower by half still keeps most of it.
 *
 * <p>The work in the lane is from the benchmark {@code WorstPacketBenchmark} (a row of {@code make
 * bench ROWS=parts}), which has no system calls in it: 0.1 to 0.9 µs for most packets (a segment of
 * one byte in order 0.3 µs, an acknowledgment of one byte 0.2 µs), 2.0 µs for an echo of 1,472
 * bytes, 2.4 µs for a query of 126 labels. What is above that is for the system calls that read the
 * packet and send the answer; those were not measured apart. A request is from the row {@code
 * exchanges} of {@code docs/performance.md}: 5,400 to 5,900 a second keep a lane busy, so each
 * takes some 175 µs over its life.
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

  /**
   * A segment of an established connection that carries it forward by so many bytes or more is
   * free: an acknowledgment of two segments of 536 bytes, the least MSS, is (RFC 9293, section
   * 3.7.1).
   */
  static final int FULL_ADVANCE = 1_024;

  /**
   * A packet of an established connection to a guest: half as much again as a packet of 76 bytes
   * that the kernel cuts off for a port without segmentation offload, 1.2 µs.
   */
  static final long SENT_PACKET = 2_000;

  /** A stream or a lookup: some 40 system calls over its life. */
  static final long REQUEST = TimeUnit.MICROSECONDS.toNanos(200);

  /** Payload that is copied once and summed twice. */
  private static final int BYTES_PER_NANO = 4;

  private static final int BYTES_PER_FRAME = 1_400;

  private WorkCost() {}

  /**
   * Of a segment of an established connection: the less it carries it forward, the more.
   *
   * @param advance in bytes
   */
  static long segment(long advance) {
    return advance >= FULL_ADVANCE ? 0 : REPEATED_SEGMENT * (FULL_ADVANCE - advance) / FULL_ADVANCE;
  }

  /**
   * Of what a connection has sent: free for bulk, {@link #SENT_PACKET} for a packet that carries
   * nothing new.
   *
   * @param overheadBytes {@link TcpConnection#overheadBytes}
   */
  static long sent(long overheadBytes) {
    return SENT_PACKET * overheadBytes / TcpConnection.PACKET_BYTES;
  }

  /** Of a message of so many bytes that is answered in one frame. */
  static long answer(int bytes) {
    return MESSAGE + FRAME + bytes / BYTES_PER_NANO;
  }

  /** Of one that is answered with as many bytes. */
  static long echo(int bytes) {
    return answer(bytes) + bytes / BYTES_PER_FRAME * FRAME;
  }
}
