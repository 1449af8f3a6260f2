/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The whole, measured from end to end: {@link org.torvtl.bench.run.Bench}.
 *
 * <p>Everything happens on a {@link org.torvtl.e2e.Machine} of the run's own, which the kernel
 * takes down with all that is on it when the run ends, however it ends. On it are one SOCKS proxy,
 * one server, and the sides that are compared, each a guest in a network namespace with one cable
 * of MTU 1500 and one {@link org.torvtl.bench.load.LoadClient}:
 *
 * <ul>
 *   <li><b>direct</b>: the client speaks SOCKS itself, over a veth. No tunnel can be faster.
 *   <li><b>redsocks</b>: the same veth; nftables redirects the client's connections to redsocks, in
 *       the guest, which speaks SOCKS.
 *   <li><b>gateway</b>: the cable is the TAP device of {@code ./torvtl run}.
 * </ul>
 *
 * <p>A figure is measured on all sides in turns, round by round, and in the other order every
 * second round; before the first, each has its load for a while. What is reported is the median of
 * the rounds, and the median of the ratios within a round, which the weather of a shared computer
 * moves least.
 */
@NullMarked
package org.torvtl.bench.run;

import org.jspecify.annotations.NullMarked;
