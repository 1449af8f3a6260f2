/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

/** Moments of the clock, compared by difference; {@link Long#MAX_VALUE} stands for never. */
final class Deadlines {
  static final long NONE = Long.MAX_VALUE;

  private Deadlines() {}

  static long earlier(long a, long b) {
    if (a == NONE || b == NONE) {
      return a == NONE ? b : a;
    }
    return a - b < 0 ? a : b;
  }

  static boolean isPast(long deadline, long nowNanos) {
    return deadline != NONE && nowNanos - deadline >= 0;
  }
}
