/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Keeps this host, and the guests among each other, off a link that guests are on.
 *
 * <p>A kernel that has a part in the guests' link answers what they send: a ping with a forged
 * source that a guest sends to the host's MAC address is answered over the host's real network. So
 * before the gateway takes its first frame, an nftables table is put on the devices of the link:
 *
 * <ul>
 *   <li>On the device itself, ingress drops everything. A packet socket sees frames before that, so
 *       the gateway hears all and the host nothing. Egress drops all but the frames that bear the
 *       gateway's mark: 32 random bits, new at each start.
 *   <li>On each port of a bridge, egress drops all but the gateway's frames to the port's own MAC
 *       addresses or to groups, so guests hear only the gateway, and only what is for them. Ingress
 *       drops frames for the bridge's own group addresses, which the kernel hands to the port's own
 *       stack, frames that bear the gateway's MAC address, and VLAN tags. A source address belongs
 *       to the port that used it first. What passes gets a second mark, and the gateway takes no
 *       frame from a bridge without it: none of a port that has no rules yet.
 *   <li>What a bridge passes on goes by the host's forwarding filters as well while br_netfilter is
 *       on. It is dropped there before them, and nothing is carried in the meantime: what another
 *       chain does with the gateway's own frames cannot be known.
 *   <li>A TAP of the gateway's own that is a bridge port marks what the gateway sends. One that is
 *       none only drops ingress: what the host sends into it is how a guest's frames come.
 *   <li>What the device stands on, such as a macvlan's lower device, hands frames up behind its
 *       ingress hook; there IPv4, IPv6 and ARP are dropped a layer further up.
 * </ul>
 *
 * <p>{@link org.torvtl.link.guard.Segment} tells which devices these are, {@code GuardRules} writes
 * the table, {@code GuardKeeper} is the child process that keeps the privilege to put it there, and
 * {@link org.torvtl.link.guard.LinkGuard} watches by netlink: when the table is touched by anybody
 * else, or an interface is added or renamed, {@link org.torvtl.link.guard.GuardedLink} carries
 * nothing until the table is right again. When the gateway is killed or fails, the table stays, and
 * the next start replaces it in one transaction. An end that was asked for removes it.
 *
 * <p>A port sends only so much, so that no guest fills the queue that all wait in. What is neither
 * TCP nor ping is bounded by its bytes too: one frame of it may be cut into many packets behind the
 * port. Ports are isolated in the bridge as well, which a flush of the rules does not undo.
 *
 * <p>A port that has left its bridge, or whose bridge is gone, has the host's own stack before it.
 * Its chains stay, and what comes in at a port itself, or bears the second mark, is dropped in the
 * host's IPv4, IPv6 and ARP in any case. Then it is silenced as a device by itself, wherever it is,
 * until it is back or has ended ({@code Membership}).
 *
 * <p>A MAC address stays its port's when the table is put back, and until the port is gone. Then
 * the links tell their receivers that those guests have left, so that all that was theirs ends
 * before another port may have the address.
 *
 * <p>Between the moment a port is added to a bridge and the moment its chains are there, some
 * milliseconds pass. In these neither the host nor the gateway hears anything of the new port's
 * guest, but that guest may hear other guests' broadcasts.
 */
@NullMarked
package org.torvtl.link.guard;

import org.jspecify.annotations.NullMarked;
