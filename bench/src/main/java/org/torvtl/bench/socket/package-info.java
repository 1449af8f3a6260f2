/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Sockets as the kernel has them, for programs that put load on a network and must not be what is
 * measured: edge-triggered epoll, and splice(2), which moves bytes between sockets without copying
 * them to user space.
 *
 * <p>A program has one {@link org.torvtl.bench.socket.EventLoop} for each of its threads. Sockets
 * are file descriptors, as plain ints, and never block. Nothing here is part of TorVTL: the gateway
 * is measured by other means than its own.
 */
@NullMarked
package org.torvtl.bench.socket;

import org.jspecify.annotations.NullMarked;
