/* SPDX-License-Identifier: Apache-2.0 */

/**
 * A stream of an egress over a socket of this host: a Netty channel over epoll with autoRead off
 * and half-closure on, TCP or Unix domain.
 *
 * <p>What such sockets need that Netty does not do by itself is here: reads that grow with the
 * stream, buffers that are bounded once a stream moves much, acknowledgments that are not held
 * back, how long ago the peer took bytes, and the event loop that does not lose a half-closed
 * channel ({@link org.torvtl.egress.socket.LastingEpollIoHandler}).
 */
@NullMarked
package org.torvtl.egress.socket;

import org.jspecify.annotations.NullMarked;
