/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/**
 * The timestamps of one connection: ours, the one to echo, and the check for old segments. RFC
 * 7323, sections 3 to 5.
 */
final class Timestamps {
  private static final long NANOS_PER_TICK = 1_000_000;

  /** After so long without a segment the peer's clock may have wrapped. RFC 7323, section 5.5. */
  private static final long STALE_NANOS = 24L * 24 * 3600 * 1_000_000_000;

  private final int offset;
  private boolean enabled;
  private int recent;
  private long recentNanos;

  Timestamps(int offset) {
    this.offset = offset;
  }

  boolean enabled() {
    return enabled;
  }

  /** What the option takes of every segment, with its padding. RFC 7323, appendix A. */
  int optionLength() {
    return enabled ? 12 : 0;
  }

  /** Both ends sent the option in their SYN; the peer's said {@code value}. */
  void enable(int value, long nowNanos) {
    enabled = true;
    recent = value;
    recentNanos = nowNanos;
  }

  /** The peer's SYN had none after all. */
  void disable() {
    enabled = false;
  }

  /** Our timestamp. */
  int value(long nowNanos) {
    return (int) Math.floorDiv(nowNanos, NANOS_PER_TICK) + offset;
  }

  /** The peer's timestamp to echo. */
  int echo() {
    return recent;
  }

  /** Time since we sent the timestamp that the peer echoes; below 0 if we cannot have sent it. */
  long sinceNanos(int echo, long nowNanos) {
    return (value(nowNanos) - echo) * NANOS_PER_TICK;
  }

  /** Whether the peer sent this timestamp before one we have seen: the segment is a duplicate. */
  boolean isOld(int value, long nowNanos) {
    return value - recent < 0 && nowNanos - recentNanos < STALE_NANOS;
  }

  /**
   * A segment passed all checks and holds or precedes the byte we expect next: RFC 7323, section
   * 4.3 (2).
   */
  void update(int value, long nowNanos) {
    recent = value;
    recentNanos = nowNanos;
  }
}
