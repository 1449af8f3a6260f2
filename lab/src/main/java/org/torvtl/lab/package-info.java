/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A private Tor network of real {@code tor} processes on one machine, for demos, tests, and people
 * who develop against Tor.
 *
 * <pre>
 *   current namespace                        namespace torvtl-NAME
 *   client tor (SOCKS, control)  -- veth --  authorities .10 .11 .12   relays .13 ...
 *   198.18.N.1                               world: DNS .2, web .200, .204, ...
 * </pre>
 *
 * <p><b>Containment.</b> The lab's namespace has one cable, to the current namespace, and no
 * default route: its exits, which exit to everywhere, reach nothing but the lab's own world.
 * 198.18.0.0/15 is the range for benchmarks (RFC 2544); N is the first /24 of it that this host
 * does not use. Each node has an address of its own and sends from it, so that what a server sees
 * tells the exit.
 *
 * <p><b>Fast start.</b> Tor's authorities vote by the clock: a network that simply starts waits for
 * the next voting interval, and one that votes too early has a first consensus without the relays
 * in it. So the nodes start with the first vote far away; when every authority has every node's
 * descriptor, the authorities get a new {@code TestingV3AuthVotingStartOffset} and SIGHUP, which
 * has them vote at once. After the first consensus they vote every half hour, and a consensus stays
 * valid for two days: a lab may stay up, and a machine that slept still has a network.
 *
 * <p><b>Ready</b> means that a web page was fetched through an exit, not only that tor says 100 %.
 *
 * <p><b>Leaving nothing.</b> All state is in one directory, with the process ids and start times.
 * What runs there can also be found without those notes: every process of a lab names a file of its
 * directory in its command line. A lab belongs to the process that started it and ends with it,
 * however that ends, unless it is started detached. What a killed owner left is removed when the
 * name is used again.
 *
 * <p><b>The lab cannot reach a real network.</b> It is a network namespace whose only cable leads
 * to the namespace it was started from, without a default route. So its exits may accept every
 * destination, which Tor demands of an exit.
 */
@NullMarked
package org.torvtl.lab;

import org.jspecify.annotations.NullMarked;
