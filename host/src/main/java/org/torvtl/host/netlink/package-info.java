/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Messages between the kernel and this process: netlink(7).
 *
 * <p>There is one way to ask, {@link org.torvtl.host.netlink.NetlinkClient}: a listing ({@link
 * org.torvtl.host.netlink.NetlinkDump}, asked for again if it changes meanwhile), one thing, or a
 * change that the kernel acknowledges. {@link org.torvtl.host.netlink.NetlinkRequest} composes what
 * is asked, {@link org.torvtl.host.netlink.NetlinkMessages} takes apart what is told. What the
 * kernel tells multicast groups is heard by a {@link org.torvtl.host.netlink.NetlinkSocket} each,
 * and {@link org.torvtl.host.netlink.NetlinkWait} waits for the next message on several.
 *
 * <p>A message or attribute that is not whole ends the reading, and is never an error. What a
 * message means is left to those who ask for it.
 */
@NullMarked
package org.torvtl.host.netlink;

import org.jspecify.annotations.NullMarked;
