/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The interfaces of this network namespace: their state, their addresses, and where they lead.
 *
 * <p>{@link org.torvtl.host.net.NetworkInterface} asks and sets what {@code ip link} would for one
 * interface, {@link org.torvtl.host.net.LinkTable} lists all of them. {@link
 * org.torvtl.host.net.HostOnly} tells whether guests on an interface could get around the gateway,
 * {@link org.torvtl.host.net.UpperDevices} whether one guest has it for itself.
 *
 * <p>The host's own addresses are asked for in two ways. {@link org.torvtl.host.net.HostAddresses}
 * is asked for each ARP request, and so remembers for some seconds; {@link
 * org.torvtl.host.net.LocalAddresses} looks each time.
 *
 * <p>{@link org.torvtl.host.net.NetworkNamespace} is one that a guest has already, {@link
 * org.torvtl.host.net.GuestNamespace} one that is made for a demonstration.
 */
@NullMarked
package org.torvtl.host.net;

import org.jspecify.annotations.NullMarked;
