/* SPDX-License-Identifier: Apache-2.0 */

/**
 * Joins links, stack and egress.
 *
 * <p>A {@link org.torvtl.gateway.Lane} is one event loop with one link, its stack, and the flows
 * whose packets arrive there; it shares nothing with another lane. A {@link
 * org.torvtl.gateway.Flow} is one guest connection and one stream of the {@link
 * org.torvtl.egress.Egress}, joined byte for byte, with back-pressure in both directions: the
 * guest's window reopens only when the bytes have been given to the egress, and the egress is read
 * only while the guest takes bytes. A connection to port 53 is none of these, but a {@link
 * org.torvtl.gateway.DnsConnection}.
 *
 * <p>What fails, fails: where the egress cannot carry a thing the guest is told so, and nothing
 * here opens a socket to anywhere but the egress.
 *
 * <p><b>Guests are MAC addresses, and keys are a policy of the device.</b> The IP address of a
 * guest tells nothing: any is right, and two guests may have the same one. Connections and
 * fragments are told apart by MAC address, and replies go to the address the flow came from, never
 * to one looked up in a cache. A MAC address is free to make up, though, and each isolation key
 * costs Tor circuits. So each device has an {@code IsolationPolicy}. A TAP that no other device
 * stands on ({@code UpperDevices}), and a TUN, is one guest with one key ({@code
 * PerDeviceIsolation}). Anywhere else each MAC address has a key of its own, 256 of them at most:
 * the guest idle for longest gives way, and gets a new key if it comes back ({@code
 * PerGuestIsolation}). A TAP that becomes a port of a bridge changes from one to the other, for
 * good; that is noticed at the next request, a macvlan within a second. What reads a TAP by a
 * packet socket, such as VirtualBox bridged to it, is not noticed: its machines have one key, so
 * give each a TAP. No key is given twice, and none by two devices: guests of {@code -d tap0 -d
 * tap1} share neither circuits, nor lanes, nor packets, whatever addresses they take. Devices have
 * equal parts of the limits. One that goes away is given up alone; the gateway ends with the last
 * one.
 *
 * <p><b>Tor has no half-closed streams.</b> A client that shuts down its sending side of a SOCKS
 * connection ends the whole stream: Tor's END cell has no direction. So a guest's FIN is not passed
 * on while the far end may still answer. It goes on, as the end of the stream, when the far end has
 * ended its side, or has been silent for 15 s ({@code --answer-wait}; {@code FarEndWait}). A client
 * that sends, shuts down, and reads the answer gets all of it; a server that answers only
 * <em>after</em> it saw the end of the request cannot be served over Tor, and the client gets a RST
 * rather than an empty answer.
 *
 * <p>Other servers wait for the end and say nothing at all: of an upload by FTP, a job for a
 * printer, syslog, a file by netcat. On the wire nothing tells them apart from a server that
 * thinks. So the wait is two round trips, 0.5 to 1.8 s, where an answer is unlikely: at ports that
 * take and never answer ({@code --upload-ports}); beside a connection of the same guest to the same
 * host that FTP is controlled by; and where more than 64 KiB were sent, not as a request of HTTP,
 * to a far end that has not said a word ({@code Dialogue}). The guest then gets a FIN, as from a
 * proxy that was told directly, if Tor is still there. What is left: a <em>small</em> file by
 * netcat to another port takes 15 s; FTP whose data goes to another address than its commands
 * counts by size only; and a far end that answers a large upload of another protocol without having
 * seen its end, but later than 1.8 s, is not heard.
 */
@NullMarked
package org.torvtl.gateway;

import org.jspecify.annotations.NullMarked;
