/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Tor as an egress, with what is peculiar to Tor.
 *
 * <p><b>What a lookup's failure means.</b> Tor says "host unreachable" of a name that is unknown,
 * of a resolver that stumbled, and of a port whose flags forbid lookups ({@link
 * org.torvtl.tor.egress.Lookups}, {@link org.torvtl.tor.egress.SocksPortFlags}).
 *
 * <p><b>A FIN is passed on only if Tor is alive.</b> When a {@code tor} process dies, the kernel
 * closes its sockets with a FIN just as Tor does at the end of a download. Passing that on would
 * make a cut download look complete. So when a stream ends, the gateway first makes sure that Tor
 * still answers on its SOCKS port ({@code LivenessCheck}; one question answers for all streams that
 * ended meanwhile); if not, the guest gets a RST. The question is asked on a new connection, which
 * then serves the next stream ({@code ReadyConnections}). A {@code tor} that dies and is back while
 * the FIN still waits behind bytes the guest has not read would answer it as well; so as long as
 * there are streams, the gateway holds one silent connection to the SOCKS port, whose end it sees
 * at once ({@code LivenessCheck.watch}). Once Tor was found to be gone, it is asked every second
 * until it is back, and a line says how long that took ({@code Outage}). A stream cut inside the
 * Tor network by a dying circuit still ends with Tor's FIN: Tor does not say the difference on its
 * SOCKS port.
 *
 * <p><b>Nobody on this host takes Tor's place.</b> When a {@code tor} ends, any process may bind
 * its TCP port. Our own tor therefore listens, for SOCKS and for control, at Unix sockets in its
 * run directory, which only its user can enter. For a proxy on this host that is somebody else's,
 * {@code ProxyOwner} notes the user at the start and checks each connection. At a Unix socket the
 * kernel tells who listened (SO_PEERCRED). At a TCP port it tells whose the listener is before the
 * connection is used, and whose the accepted socket is only once it is accepted; the first alone
 * would race with a process that accepts and makes way. So the listener is asked for before the
 * greeting, and the accepted socket after its answer, before credentials and request: two questions
 * by sock_diag for one socket each, whose cost does not grow with the number of sockets. They are
 * two users where Tor opened its port as root. What is not known fails. Not covered: a process of
 * the same user; users that this user namespace has no number for, which all look like one; a proxy
 * on another host.
 *
 * <p><b>Tor's port may say less than it seems.</b> By the flags of its SocksPort, Tor refuses
 * lookups in the very words in which it says that a name is unknown. So before a name is first said
 * to be unknown, {@code SocksPortFlags} asks Tor for streams to port 0 of a name and of an IPv4
 * address, which Tor refuses in other words than those that its flags forbid; nothing of it leaves
 * Tor (it notes in its log that an application asked for port 0).
 */
@NullMarked
package org.torvtl.tor.egress;

import org.jspecify.annotations.NullMarked;
