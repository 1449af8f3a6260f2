/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Routes, policy rules and addresses, as values: rtnetlink(7).
 *
 * <p>{@link org.torvtl.host.rtnetlink.Rtnetlink} lists, adds and removes them. An error is a {@link
 * org.torvtl.host.system.SystemCallException} with the kernel's error number, so what happened is
 * told by a number and not by the words of a program. IPv4 only, but for the priorities of rules:
 * what this program has of IPv6 is removed by priority and protocol.
 *
 * <p>The child process that outlives the gateway, {@code routes.sh}, runs {@code ip}: it has no
 * JVM.
 */
@NullMarked
package org.torvtl.host.rtnetlink;

import org.jspecify.annotations.NullMarked;
