/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The devices of the Linux kernel, and the system calls they need.
 *
 * <p>{@link org.torvtl.link.linux.Libc} holds the calls, made through the JDK's foreign function
 * interface; nothing outside this package makes one. A call answers as the kernel itself does: a
 * result from zero up, or the error number negated. On the path of a packet no exception is made
 * and no memory allocated for it.
 *
 * <p>There are two kinds of {@link org.torvtl.link.linux.Device}. {@link
 * org.torvtl.link.linux.TunDevice} opens {@code /dev/net/tun} and makes or attaches to an interface
 * of our own, or to several queues of one, between which {@link org.torvtl.link.linux.Steering}
 * shares the connections out; {@link org.torvtl.link.linux.PacketSocket} takes part in an interface
 * that is the host's. {@link org.torvtl.link.linux.DeviceLink} drives their descriptors from
 * Netty's epoll loop, beside the sockets of the same loop. {@link org.torvtl.link.linux.HostOnly}
 * tells whether guests on an interface of the host's could get around us, and {@link
 * org.torvtl.link.linux.HostAddresses} which addresses the host answers for there.
 *
 * <p>{@link org.torvtl.link.linux.NetworkInterface} asks and sets what {@code ip link} would.
 * {@link org.torvtl.link.linux.Privileges} gives root away once everything that needs it is open.
 */
@NullMarked
package org.torvtl.link.linux;

import org.jspecify.annotations.NullMarked;
