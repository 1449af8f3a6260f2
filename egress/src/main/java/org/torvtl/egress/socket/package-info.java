/* SPDX-License-Identifier: Apache-2.0 */

/**
 * A stream of an egress over a socket of this host: a Netty channel over epoll with autoRead off
 * and half-closure on, TCP or Unix domain.
 *
 * <p>What such sockets need that Netty does not do by itself is here: reads that grow with the
 * stream, buffers that are bounded once a stream moves much, acknowledgments that are not held
 * back, how long ago the peer took bytes, and the event loop that does not lose a half-closed
 * channel ({@link org.torvtl.egress.socket.LastingEpollIoHandler}).
 *
 * <p><b>The kernel is told when not to wait.</b> Tor leaves Nagle's algorithm on at a TCP port (a
 * Unix socket, as torvtl's own tor has, knows neither), so whatever it has next waits for our
 * acknowledgment; and our kernel holds those back for up to 40 ms on a connection where both ends
 * speak. So it is asked for them (TCP_QUICKACK), once after each write, and after the credentials,
 * for the request has gone out with them.
 */
@NullMarked
package org.torvtl.egress.socket;

import org.jspecify.annotations.NullMarked;
