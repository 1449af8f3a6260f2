/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The devices of the Linux kernel, and the system calls they need.
 *
 * <p>{@link org.torvtl.link.linux.Libc} holds the calls, made through the JDK's foreign function
 * interface; nothing outside this package makes one. A call answers as the kernel itself does: a
 * result from zero up, or the error number negated. On the path of a packet no exception is made
 * and no memory allocated for it.
 *
 * <p>{@link org.torvtl.link.linux.TunDevice} opens {@code /dev/net/tun} and makes or attaches to an
 * interface; {@link org.torvtl.link.linux.DeviceLink} drives its descriptor from Netty's epoll
 * loop, beside the sockets of the same loop. {@link org.torvtl.link.linux.NetworkInterface} asks
 * and sets what {@code ip link} would. {@link org.torvtl.link.linux.Privileges} gives root away
 * once everything that needs it is open.
 */
@NullMarked
package org.torvtl.link.linux;

import org.jspecify.annotations.NullMarked;
