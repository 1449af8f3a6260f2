/* SPDX-License-Identifier: Apache-2.0 */

/**
 * A SOCKS5 client on Netty for Tor's SOCKS port: RFC 1928, RFC 1929, and Tor's "socks-extensions".
 *
 * <p>In goes a destination, as an address or as a name, and a pair of credentials. Out comes an
 * open channel whose bytes are the stream's, an address (Tor's {@code RESOLVE}, 0xF0), or a name
 * ({@code RESOLVE_PTR}, 0xF1). A name is sent to Tor as it is; nothing here ever asks a resolver of
 * this machine, and a proxy given by a name that is not resolved yet is refused.
 *
 * <p><b>Isolation.</b> A SocksPort with {@code IsolateSOCKSAuth} (on unless switched off) never
 * puts two streams on one circuit if their SOCKS usernames or passwords differ. So the credentials
 * are not a secret; they are the isolation key. From 0.4.9 on, Tor reserves usernames that begin
 * with {@code <torS0X>} for typed parameters (Tor proposal 351). The one form C tor accepts is
 * {@code <torS0X>0} exactly, with the isolation key as the password; it refuses any other. {@link
 * SocksCredentials#isolation} uses that form, which older versions of Tor read as a plain username
 * with the same effect.
 *
 * <p>With credentials given, username/password is the only method offered, and a proxy that does
 * not take it fails the request: going on without would put streams of different guests on one
 * circuit without anyone noticing.
 *
 * <p><b>Life of a request.</b> One TCP connection per request. {@code connecting → method →
 * credentials → reply → open}: one {@link org.torvtl.tor.socks.SocksExchange} handler walks through
 * these states, with Netty's decoder of the current answer before it in the pipeline. Any failure,
 * a timeout, or a cancelled future closes the channel, and the future fails with one of the cases
 * of {@link SocksException}. After success no handler of this package is left in the pipeline.
 *
 * <p><b>Whether the proxy answers.</b> It is greeted on a connection of its own, with the offer of
 * a username and password. Nothing of a guest was said on that connection yet, so it waits with the
 * {@link org.torvtl.tor.socks.ReadyConnections} of its event loop for the next stream of whomever,
 * which is then open after one round trip: to ask costs little more than the stream would have cost
 * itself.
 *
 * <p><b>What listens there.</b> Before the first stream, {@link org.torvtl.tor.socks.ProxyProbe}
 * greets the proxy with an isolation key of its own, and names what answers otherwise: a port that
 * is Tor's, but no SOCKS port, would else cost each stream its whole timeout.
 *
 * <p><b>What Tor really sends.</b> Three things are not in RFC 1928. Failed {@code RESOLVE}s carry
 * address type 0 followed by four bytes. A failed {@code RESOLVE} is always "host unreachable" (4),
 * whether the name does not exist or Tor gave up after its {@code SocksTimeout}. And the codes 0xF0
 * to 0xF7, about onion services, come only if the SocksPort has the flag {@code ExtendedErrors}.
 */
@NullMarked
package org.torvtl.tor.socks;

import org.jspecify.annotations.NullMarked;
