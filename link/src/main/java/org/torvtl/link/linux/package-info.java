/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The devices of the Linux kernel.
 *
 * <p>There are two kinds of {@link org.torvtl.link.linux.Device}. {@link
 * org.torvtl.link.linux.TunDevice} opens {@code /dev/net/tun} and makes or attaches to an interface
 * of our own, or to several queues of one, between which {@link org.torvtl.link.linux.Steering}
 * shares the connections out; {@link org.torvtl.link.linux.PacketSocket} takes part in an interface
 * that is the host's. {@link org.torvtl.link.linux.DeviceLink} drives their descriptors from
 * Netty's epoll loop, beside the sockets of the same loop.
 *
 * <p>System calls are those of {@link org.torvtl.host.system.Libc}, which answers a result or a
 * negated error number: on the path of a packet no exception is made and no memory allocated for
 * them. What is not a device is in {@code org.torvtl.host}.
 */
@NullMarked
package org.torvtl.link.linux;

import org.jspecify.annotations.NullMarked;
