/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The deterministic simulator of the TCP engine.
 *
 * <p><b>A run</b> is everything that follows from one seed. The seed draws a {@link
 * org.torvtl.tcp.simulation.Scenario}: how the engines are configured, what the applications above
 * them write and how slowly they read, and what the wire between them does to segments. Time is
 * virtual: the {@link org.torvtl.tcp.simulation.Timeline} jumps to whatever comes next, so an hour
 * of zero windows takes a millisecond.
 *
 * <p><b>Two kinds.</b> Two engines talk to each other, and everything must arrive and end well; a
 * forger who guesses may add segments of his own. Or one engine faces a {@link
 * org.torvtl.tcp.simulation.HostilePeer} that knows every number and obeys no rule; then nothing
 * need arrive, but what does must be right, and the engine must neither break, nor hold more than
 * it may, nor be kept from ending.
 *
 * <p><b>Who watches.</b> {@link org.torvtl.tcp.simulation.Wire} carries real headers and real
 * bytes, in buffers of an allocator that knows what is not released. {@link
 * org.torvtl.tcp.simulation.CheckedConnection} checks what the engine tells its owner, {@link
 * org.torvtl.tcp.simulation.SegmentChecks} what it sends. Whatever breaks a promise is a {@link
 * org.torvtl.tcp.simulation.Broken}.
 *
 * <p><b>Many seeds</b> are run by {@link org.torvtl.tcp.simulation.Campaign}, in a test and by
 * {@code make simulate}.
 */
@NullMarked
package org.torvtl.tcp.simulation;

import org.jspecify.annotations.NullMarked;
