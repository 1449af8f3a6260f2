/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.function.LongSupplier;

/**
 * What the parts of one stack share. For the lane's thread only.
 *
 * @param clock nanoseconds as of {@link System#nanoTime}
 * @param timers on the same clock
 */
record StackContext(
    StackConfig config,
    StackHandler handler,
    StackCounters counters,
    LongSupplier clock,
    TimerWheel timers,
    FailureLog failures,
    MemoryAccount memory) {}
