/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Tor's control port, as far as a gateway needs it: how far the bootstrap is, which circuits,
 * streams and relays there are, a few signals, and ownership. Tor's "control-spec".
 *
 * <p>The protocol itself is spoken by jtorctl ({@code net.freehaven.tor.control}): it frames
 * commands and replies, matches them, and dispatches events. What is added here, and why:
 *
 * <ul>
 *   <li><b>Deadlines.</b> jtorctl blocks, and blocks for good if the connection ends at the wrong
 *       moment. Each command here runs on a virtual thread of its own and is interrupted at its
 *       deadline or when the connection ends. After a missed deadline replies could no longer be
 *       matched to commands, so the connection is closed.
 *   <li><b>The reader thread</b> is made here: a daemon, named after the port. It calls the
 *       listeners, which therefore must not block nor send commands. Its end is the end of the
 *       connection ({@link TorControl#closed}).
 *   <li><b>Authentication.</b> jtorctl throws the answer to PROTOCOLINFO away, so that and the
 *       SAFECOOKIE challenge are spoken here, before jtorctl gets the streams. SAFECOOKIE is used
 *       where Tor offers it: it never shows the cookie to a port that may not be Tor's.
 *   <li><b>Values.</b> jtorctl gives strings. Circuits, streams, relays and the bootstrap are
 *       parsed into records here. As the specification demands, unknown keys, statuses and flags
 *       are taken as they come.
 * </ul>
 *
 * <p>Addresses may be TCP or Unix domain sockets. Nothing here starts a process or changes a
 * configuration.
 */
@NullMarked
package org.torvtl.tor.control;

import org.jspecify.annotations.NullMarked;
