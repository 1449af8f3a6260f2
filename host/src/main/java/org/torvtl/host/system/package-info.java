/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The functions of the C library, and the process itself.
 *
 * <p>{@link org.torvtl.host.system.Libc} holds the calls, made through the JDK's foreign function
 * interface. A call answers as the kernel itself does: a result from zero up, or the error number
 * negated. So on the path of a packet no exception is made and no memory allocated for it. All
 * others make a {@link org.torvtl.host.system.SystemCallException} of an error: what was tried, on
 * what, the system's word for it, and what to do.
 *
 * <p>Only the packages of this module, and the devices of {@code org.torvtl.link.linux}, which read
 * and write packets, call {@code Libc}; a test holds that.
 *
 * <p>What takes a program of this system is run by {@link org.torvtl.host.system.Command}, to its
 * end, with a deadline.
 */
@NullMarked
package org.torvtl.host.system;

import org.jspecify.annotations.NullMarked;
