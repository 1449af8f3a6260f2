/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Messages between the kernel and this process: netlink(7).
 *
 * <p>{@link org.torvtl.host.netlink.NetlinkSocket} asks the kernel and hears what it tells its
 * multicast groups, {@link org.torvtl.host.netlink.NetlinkMessages} takes the messages apart, and
 * {@link org.torvtl.host.netlink.NetlinkWait} waits for the next one on several sockets. Messages
 * and attributes that are not whole end the reading, and are never an error. What a message means
 * is left to those who ask for it.
 */
@NullMarked
package org.torvtl.host.netlink;

import org.jspecify.annotations.NullMarked;
