/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The host's own packet filter: what keeps its programs from passing a tunnel by.
 *
 * <p>{@link org.torvtl.host.filter.KillSwitch} writes a table of nftables for {@linkplain
 * org.torvtl.host.filter.CoveredDestinations what routes lead into a tunnel}, and the IPv6
 * addresses that stand for it. The table outlives this process, so nothing is opened when it is
 * killed. It is put in force by nft(8), in one transaction, before any route is made.
 *
 * <p>{@link org.torvtl.host.filter.TableWatch} has a table put back that another program changed.
 * It tells the table's own transactions from those of others by {@link
 * org.torvtl.host.filter.TableEvents}, for which each transaction has a marker that no other can
 * guess.
 *
 * <p><b>Rules alone are not enough.</b> A socket bound to an interface looks for a route within it,
 * and when it finds none, the kernel takes the destination to be on the link. So there is a {@code
 * KillSwitch}: an nftables table whose last output hook refuses what goes to a destination by any
 * other interface, before ARP asks for it. That hook knows the interface a packet was first routed
 * to; a mark or NAT of another program's reroutes it after that. So a chain at the postrouting hook
 * drops what this host sends to a destination by any other interface than the tunnel: packets of a
 * socket, and those that came by no interface and have no Ethernet header, which forwarded and
 * bridged ones do. It is in force before the first rule and until the last one is gone, names the
 * TUN by its interface number, which no later one gets, and is replaced in one transaction. Refused
 * are also the IPv6 addresses that lead to a covered IPv4 address ({@code Ipv6Pattern}), and all of
 * IPv6 from half of IPv4 on. IPv6 has policy rules as well: they refuse at the lookup, so that
 * programs choose IPv4 at once, and for what is forwarded. Exempt is the user of tor: of the socket
 * that gets the connections to {@code -a} and {@code -p}, by the kernel's own precedence ({@code
 * TcpListener}), or, since Debian's tor opens its ports as root, the user that the process holding
 * it has become.
 *
 * <p><b>The kill switch is watched.</b> A {@code TableWatch} hears from netlink when another
 * program changes the table, and has the child put it back. It knows its own transactions by a
 * chain with a random name that each adds and deletes again: the kernel tells of it, but it is in
 * no listing, so a saved copy that somebody loads is not taken for the gateway's own.
 *
 * <p><b>A source route leads past the last address.</b> A packet with a source route has its first
 * hop as destination, which is all that rules and filters match. The kill switch refuses the
 * options LSRR and SSRR of IPv4 and the routing header of IPv6, from every sender.
 */
@NullMarked
package org.torvtl.host.filter;

import org.jspecify.annotations.NullMarked;
