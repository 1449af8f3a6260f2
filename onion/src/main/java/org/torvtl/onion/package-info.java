/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The onion network as pure code: a proxy that takes IP packets of a host, and routers that answer
 * them or pass them on to the world in their own name. docs/onion-protocol.md is the wire between
 * them.
 *
 * <p>A {@link org.torvtl.onion.Proxy} is given packets from the tunnel device, messages from
 * routers, and the time; out come messages to routers, packets to the device, and events. It knows
 * which routers are up, and which of them a packet goes to: all packets of a flow to the same one,
 * as long as that lives. A {@link org.torvtl.onion.Router} is given messages from its proxy and
 * packets from the world; out come messages to the proxy and packets to the world. It is a host
 * with every address of the tunnel's network, and a hop with network address translation for all
 * else: a {@link org.torvtl.onion.FlowTable} remembers which of its own echo identifiers and UDP
 * ports stand for which of the guest's.
 *
 * <p>Neither believes the other more than it must. A message is authenticated and not taken twice
 * ({@link org.torvtl.onion.SecurityAssociation}); a packet from a circuit must come from an address
 * of that circuit, and one to the host must go to an address of it. What is malformed, forged or
 * not carried is dropped under a name of {@link org.torvtl.onion.OnionCounters}.
 *
 * <p>Each says in a log what became of every packet ({@link org.torvtl.onion.RouterLog}, {@link
 * org.torvtl.onion.ProxyLog}), but only so many a second: no words are made for the others.
 *
 * <p>Nothing here knows a socket, a thread, a process or a clock: {@link org.torvtl.onion.node} has
 * those.
 *
 * <p><b>A hop must not speak as the host.</b> The kernel drops a packet that arrives with one of
 * its own addresses as source. Routers live on the host, so a router's "time exceeded" comes from
 * an address of the tunnel's network, counted down from its last, not from its interface.
 *
 * <p><b>A router's flows are shared out among local users.</b> It has room for 1,024 of UDP and as
 * many of ping. In a full table a new flow evicts one of the user who has the most, of that user's
 * socket with the most, the one silent for longest ({@code FlowTable}). The user is that of the
 * sending socket, for which the kernel is asked once for each flow ({@code FlowUsers}); flows of
 * closed and of raw sockets are nobody's, which counts as one user.
 */
@NullMarked
package org.torvtl.onion;

import org.jspecify.annotations.NullMarked;
