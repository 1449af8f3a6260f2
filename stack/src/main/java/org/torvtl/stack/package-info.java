/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The other end of the guest's cable.
 *
 * <p>A {@link org.torvtl.stack.Stack} takes the frames of one link and plays the whole network
 * behind it: it answers ARP for every address that is not a guest's own, puts fragments together,
 * answers ping of the gateway's own address, ends the guests' TCP, and hands datagrams on. What
 * nobody carries is refused with the ICMP error a real network would send, so that programs in the
 * guest fail at once and for the right reason, and counted.
 *
 * <p>A guest is known by its MAC address; whatever IP address it uses is right, and two guests with
 * the same one are two guests. On a TUN there is one guest, with MAC address 0. Replies go to the
 * MAC address a flow came from, never to one looked up. An ICMP error about a packet is sent in the
 * name of that packet's destination, for that is the one address the guest is sure to accept
 * packets from, whatever its own address, netmask and routes. Of the errors that guests send, one
 * is heard: that a packet was too large for a network behind a guest that is a router. It is
 * believed about connections of that guest only.
 *
 * <p>What a guest claims by ARP takes no address from another. Where the link keeps guests from
 * hearing each other, no claim counts: each guest is answered for every address. On a link that
 * guests share the gateway is silent for an address that is a guest's own; it is the first's that
 * has it, and no guest's while another one uses it as an address of the gateway.
 *
 * <p>All of it belongs to one lane and is called from one thread. It has no clock and no thread:
 * the time comes from an injected clock, and {@link org.torvtl.stack.Stack} says when it wants to
 * be called next. Nothing here ever reaches a real network: the only ways out of this package are
 * the link the frames came from and the {@link org.torvtl.stack.StackHandler}.
 */
@NullMarked
package org.torvtl.stack;

import org.jspecify.annotations.NullMarked;
