/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

/** What can become of a query; also the name it is counted under. */
public enum DnsEvent {
  /** Dropped: shorter than a header. */
  DROPPED_TRUNCATED,
  /** Dropped: a response, not a query. */
  DROPPED_RESPONSE,
  /** Dropped: needs a lookup beyond the guest's share of the lane's time; it will ask again. */
  DROPPED_OVER_SHARE,
  /** FORMERR: cannot be read, or has not exactly one question. */
  MALFORMED,
  /** FORMERR: has other records than a question and one OPT. */
  EXTRA_RECORDS,
  /** FORMERR: longer than {@value DnsQuery#MAX_LENGTH} bytes. */
  TOO_LONG,
  /** NOTIMP: another opcode than QUERY. */
  OPCODE_UNKNOWN,
  /** BADVERS: another version of EDNS than 0. */
  EDNS_VERSION_UNKNOWN,
  /** REFUSED: another class than IN. */
  CLASS_REFUSED,
  /** NXDOMAIN, unasked: cannot be the name of a host. */
  NAME_INVALID,
  /** NXDOMAIN, unasked: a name of an onion service. */
  NAME_ONION,
  /** NOERROR without records, unasked: a type Tor cannot ask for. */
  TYPE_EMPTY,
  /**
   * SERVFAIL: too many queries in flight, or of the same question; or the way out could not be
   * asked at the moment.
   */
  OVERLOADED,
  /** SERVFAIL: evicted, for a guest with fewer queries in flight. */
  EVICTED,
  /** Joined an equal query under way; counted besides its outcome. */
  COALESCED,
  /** Answered with a record. */
  ANSWERED,
  /** NOERROR without records: the name has an address, but none of IPv4. */
  FAMILY_EMPTY,
  /** NXDOMAIN: the way out does not find it. */
  NAME_UNKNOWN,
  /** SERVFAIL: the way out failed. */
  LOOKUP_FAILED,
  /** SERVFAIL: the way out did not answer in time. */
  LOOKUP_TIMED_OUT,
  /** SERVFAIL: the way out answered with what is no host name. */
  ANSWER_INVALID
}
