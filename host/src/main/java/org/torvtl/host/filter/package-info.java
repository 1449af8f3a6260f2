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
 */
@NullMarked
package org.torvtl.host.filter;

import org.jspecify.annotations.NullMarked;
