/* SPDX-License-Identifier: Apache-2.0 */

/**
 * What a way out is, whichever it is: streams to destinations, and answers about names, each under
 * an isolation key. Nothing here knows SOCKS, Tor or the onion network; each of those implements
 * {@link org.torvtl.egress.Egress} in its own room, and several may stand side by side.
 *
 * <p><b>Streams are callbacks on an event loop, not Netty channels.</b> An egress that ends TCP
 * itself has no socket to show, and a flow can be tested on virtual time with an egress that lives
 * in memory. {@link org.torvtl.egress.socket} has the stream over a socket of this host.
 *
 * <p><b>A stream's end is confirmed by its egress.</b> A stream that ended because the egress died
 * looks like one whose far end is done. Only the egress can tell the two apart, so it is asked
 * ({@link org.torvtl.egress.EgressStream#confirmEnd}), and how it finds out is its own affair.
 *
 * <p><b>Isolation is a value.</b> Who shares a path with whom is decided by the caller's policy,
 * request by request; an egress keeps what has different keys apart and decides nothing.
 *
 * <p><b>What this side lacks is no fault of the remote end.</b> A stream that cannot be asked for
 * since descriptors, ports or memory are out, or the queue of Tor's Unix socket is full, leaves the
 * guest's SYN without an answer, and the guest repeats it. That is not a proxy that is gone,
 * either: the question whether it is there is put again until it can be. {@code run} lowers its
 * limits to the descriptors it may have, so the tables fill first, and says so.
 */
@NullMarked
package org.torvtl.egress;

import org.jspecify.annotations.NullMarked;
