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
 */
@NullMarked
package org.torvtl.host.route;

import org.jspecify.annotations.NullMarked;
