/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The onion network's processes: sockets, devices and logs around the state machines of {@link
 * org.torvtl.onion}.
 *
 * <p>A {@link org.torvtl.onion.node.ProxyNode} joins the tunnel device and a UDP socket on the
 * loopback interface, whose port the system chooses, on one event loop; and it starts the routers,
 * each a process of its own. A {@link org.torvtl.onion.node.RouterNode} is what such a process
 * runs: a UDP socket to the proxy and, where it has an interface to the world, a raw socket on
 * that, on one event loop.
 *
 * <p>The secret of proxy and router goes over the router's standard input, so that neither the list
 * of processes nor the environment shows it. Routers are in a session of their own: Ctrl-C in a
 * terminal reaches the proxy alone, which then ends them, first by message, then by SIGTERM, then
 * by SIGKILL; and the kernel kills them when the proxy dies of anything.
 */
@NullMarked
package org.torvtl.onion.node;

import org.jspecify.annotations.NullMarked;
