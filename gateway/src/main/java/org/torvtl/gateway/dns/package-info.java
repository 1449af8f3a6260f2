/* SPDX-License-Identifier: Apache-2.0 */

/**
 * The DNS server every guest sees, whatever address it asks: RFC 1034, 1035, with EDNS(0), RFC
 * 6891.
 *
 * <p>In goes a query as bytes, with the socket of the guest it came from; out goes the response as
 * bytes, at once or when the way out has answered. There is no socket here, and there is no way to
 * a name but {@link NameResolver}, which in the gateway is Tor: one name to one IPv4 address, one
 * address to one name. That is all Tor can ask for ({@code RESOLVE} and {@code RESOLVE_PTR}), so:
 *
 * <ul>
 *   <li>Any type of a name asks for its address, and any type of a name under in-addr.arpa and
 *       ip6.arpa for the name of that address. Queries for the same of one isolation key that is
 *       under way share its answer, so all types agree, and fail alike.
 *   <li>A, PTR and ANY (RFC 8482) get the record. Every other type of a name that is there gets
 *       NOERROR and no records. This says more than is known (there may be an MX), but it is what
 *       makes a guest go on with A; a failure would make it ask again, and guessing would need
 *       another way out. For the same reason a name that has an MX only is unknown.
 *   <li>What cannot be a host's name gets NXDOMAIN unasked: other characters than letters, digits,
 *       hyphen and underscore; a last label that is a number, since such a name is an address in
 *       writing, and the exit would read it as one; {@code .onion}, RFC 7686.
 *   <li>A name the exit does not find gets NXDOMAIN, all else that fails SERVFAIL.
 * </ul>
 *
 * <p>Tor uses one and the same code for "no such name" and "could not find out". So it is asked a
 * second time before it is believed, and what is believed may be remembered for {@value
 * DnsService#UNKNOWN_TTL_SECONDS} seconds only: the SOA record of a negative answer says so (RFC
 * 2308). Without one a resolver in the guest would remember nothing, and each program's search list
 * would go to the exit again and again. It is the SOA of the root, which is an ancestor of every
 * name, so that a resolver that forwards all names takes it; one that forwards a domain only takes
 * the answer without remembering it. SERVFAIL has none.
 *
 * <p>Tor does not tell a record's TTL; answers carry {@value DnsService#TTL_SECONDS} seconds.
 * Nothing is cached here: Tor's circuits for other isolation keys must not be told apart by what is
 * already known. A lookup that takes longer than a stub resolver waits is given up and answered
 * SERVFAIL; as this is well under Tor's own timeout, a Tor that has lost its network never shows as
 * NXDOMAIN.
 *
 * <p>A query is read byte by byte here, never by a general parser, which follows what a guest makes
 * up: one question without pointers, no record but one OPT, at most {@value DnsQuery#MAX_LENGTH}
 * bytes. The response repeats the question's bytes. So the worst query costs little more than one
 * that is refused unread.
 *
 * <p>Lookups under way are bounded in all and for each owner. Further ones wait for a place ({@link
 * LookupShares}), until it is too late for the stub resolver: then they are dropped without a word,
 * for a refusal would be taken for an answer. Over TCP, where no query is repeated, they get
 * SERVFAIL. Queries that wait, for a place, an answer or their turn ({@link AnswerOrder}), are
 * bounded in all and for each owner, too. Every outcome is counted, see {@link DnsEvent}. A query
 * that has no header, or is a response, gets no answer at all, so that two servers cannot be set on
 * each other.
 *
 * <p><b>A DNS query is read by hand.</b> A general parser follows what a guest makes up: 65 kB of
 * compression pointers took it 0.8 s. {@code DnsQuery} takes one question without pointers and one
 * OPT record, in 4 kB; whatever else is refused unread ({@code dns.extra_records}, {@code
 * dns.too_long}). That includes queries signed with TSIG or SIG(0).
 *
 * <p><b>DNS over TCP ends here.</b> A guest's connection to port 53 of any address, the gateway's
 * own too, is a {@code DnsConnection}, and no stream: queries go where those over UDP go, and count
 * in the same shares. In bulk a segment costs a guest nothing, so queries over TCP have a rate by
 * owner; beyond it, and beyond what may be in flight, the guest is not read.
 *
 * <p><b>All types of a name agree.</b> Whether a name is there is found out by the one thing Tor
 * can ask for, its address: AAAA, MX and all others share that lookup, and its failure. Negative
 * answers may be remembered for a moment (see the package {@code gateway.dns}).
 */
@NullMarked
package org.torvtl.gateway.dns;

import org.jspecify.annotations.NullMarked;
