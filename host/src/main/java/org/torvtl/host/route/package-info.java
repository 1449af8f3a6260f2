/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Routes and policy rules that lead packets of this host into a tunnel.
 *
 * <p>{@link org.torvtl.host.route.PolicyRoutes} are those of {@code run --route}: for all programs,
 * for as long as the gateway serves, kept by a child process with root ({@link
 * org.torvtl.host.route.RouteKeeper}, {@code routes.sh}) and watched by {@link
 * org.torvtl.host.route.RouteWatch}. {@link org.torvtl.host.route.OnionRoute} is one of {@code
 * onion route}: for one source address, until it is removed.
 *
 * <p>Both fail closed. A table that a rule leads to holds a route that says "unreachable" behind
 * all others, and the {@link org.torvtl.host.filter.KillSwitch} is in force before the first rule
 * and until after the last. Both find again what they made by its numbers, without any memory, so
 * that the next start cleans up after one that was killed.
 *
 * <p>{@link org.torvtl.host.route.TorUser} tells whose packets must be left out, lest Tor's own
 * connections be led back into Tor.
 *
 * <p><b>A killed gateway opens no way around Tor.</b> The rules of {@code --route} lead to a
 * routing table of their own, whose routes go with the TUN, except the last, which says
 * "unreachable". So programs fail until the next gateway sweeps the rules. Rules are removed by a
 * child process that keeps root ({@code RouteKeeper}), and only on the gateway's word, never
 * because it vanished. When that child is lost, the gateway ends and leaves all of it closed.
 *
 * <p><b>Rules and routes are watched as well.</b> A {@code RouteWatch} hears from netlink that one
 * of them was removed or replaced, or that the TUN was set down or lost an address, which takes its
 * IPv4 routes along without a message. It has the child bring the TUN up and make what is missing,
 * at most once a second; what no message tells is found within half a minute. What is missing the
 * kernel says: the child adds all that was asked for, which it refuses where it is there already.
 * So each rule has a priority at which order does not count. Until they are back the kill switch
 * refuses.
 *
 * <p><b>Nothing falls back.</b> {@code torvtl onion route up} puts a second, refusing route behind
 * each route into the tunnel: when the device goes with the proxy, what was led there fails. A
 * {@code KillSwitch} for each network refuses what goes there from the routed address by another
 * interface; the routers send from addresses of their own. A program that takes another address of
 * the host is not led away, bound or not. Another rule of the table matches a TCP reset that leaves
 * through the tunnel device, from the routed address, to a routed network, and no other. {@code
 * down} takes the same arguments and needs no memory of {@code up}: its rules and routes carry a
 * routing protocol number, 117 (the rules of {@code torvtl run --tun} another, 116), each network
 * has a rule of its own, and what several share in a table stays until the last rule that needs it
 * has gone.
 */
@NullMarked
package org.torvtl.host.route;

import org.jspecify.annotations.NullMarked;
