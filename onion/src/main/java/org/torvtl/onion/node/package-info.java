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
 *
 * <p><b>Routers end with their proxy.</b> The kernel is asked to kill a router when the thread that
 * started it ends ({@code PR_SET_PDEATHSIG}); the router asks at its very start and then looks
 * whether its parent is still the proxy. They are in sessions of their own, so that Ctrl-C reaches
 * the proxy alone and the end has an order.
 *
 * <p><b>The router's ways to the world are raw sockets, and bound ones that nobody reads.</b> Raw
 * sockets carry the time to live and ICMP errors, which traceroute is made of. A UDP port that a
 * flow uses is bound to a socket besides, so that no other program gets it and the kernel does not
 * answer that it is closed. The kernel finds routes and neighbours: it looks for a route within the
 * router's interface ({@code SO_BINDTODEVICE}), so each interface has a default route of its own,
 * of any metric. A datagram from the same machine may come without its checksum, since the kernel
 * puts that off until a real wire; it is recognised by the pseudo header's sum in its place.
 *
 * <p><b>The logs tell who spoke with whom.</b> That is what they are for, so only root reads them,
 * they are in memory ({@code /run}), and each start begins them anew.
 */
@NullMarked
package org.torvtl.onion.node;

import org.jspecify.annotations.NullMarked;
