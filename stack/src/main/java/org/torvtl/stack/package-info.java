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
 *
 * <p><b>Places are shared out.</b> Connections, those of them that wait for an answer, and DNS
 * queries in flight: each number is bounded, and shared out by owner ({@code
 * IsolationPolicy.ownerOf}: a guest, or a device that is one guest). Where a table is full, the
 * owner with most loses its stalest entry, so one with few always gets in. {@code ConnectionShares}
 * evicts a connection in TIME-WAIT, else a half-open one, one that is likely done, or the one idle
 * longest; of the requests, the one whose SYN was repeated longest ago. One owner gets half of the
 * places for requests at most. A request is given up, and frees its place and its stream, with a
 * RST, or when its guest no longer repeats the SYN ({@code HeldSyn}). {@code LookupShares} does the
 * same for DNS lookups, of which those without a place wait for one: a free place goes to the owner
 * with fewest. ICMP errors have a rate by owner and none in all.
 *
 * <p><b>Memory is shared out.</b> What a connection may buffer depends on how many its owner has: 1
 * MiB in each direction for the first ones, down to 16 KiB. All that is held is charged to one
 * account ({@code MemoryAccount}), by what it pins in memory rather than by what is useful of it,
 * and payload that pins four times its length is copied. The 384 MiB are shared out among guests by
 * dynamic thresholds: each may hold as much as is still free, and where nothing is, a guest that
 * holds much makes room for one that holds little, first with out-of-order data (which RFC 2018
 * allows to be given up), then with connections. An allocation that fails all the same costs the
 * frame or the flow it was for; only a gateway that holds nothing and still has no memory ends:
 * then flows fail, rather than hang.
 *
 * <p><b>One guest's work is bounded.</b> All guests of a link share one queue of the device, so
 * what one sends waits before what the others send. A guest's packets that belong to no established
 * connection (ARP, ping, refused datagrams, resets, fragments, DNS), and segments that do not carry
 * their connection forward by 1 KiB or more, get a share of the lane's time while another guest
 * uses the link ({@code WorkPolicer}); beyond it they are dropped ({@code drop.over_share}), at a
 * fraction of the cost of an answer. A segment is charged by how little it carries its connection
 * forward: bulk is free, and 20 guests that are all busy with small segments have some 4,000 a
 * second each. Requests for connections and lookups have a share of their own: 1,000 a second, 64
 * at once. Shares are by owner ({@code StackConfig.owners}): a device that is one guest is never
 * policed. MAC addresses that were not heard before draw on what all such share; one that repeats
 * its request becomes known ({@code Greylist}), and keeps its place as long as it is heard every 5
 * minutes. Strangers' requests, and guests that become known, are 64 at once and 32 a second, which
 * bounds new isolation keys too. A guest that sends from many MAC addresses <em>and</em> repeats
 * each can fill the places (224) of those who come later; a guarded bridge lets one port have 128.
 * A queue that was read too slowly for 250 ms is shed of all that is no connection ({@code
 * drop.backlog}).
 */
@NullMarked
package org.torvtl.stack;

import org.jspecify.annotations.NullMarked;
