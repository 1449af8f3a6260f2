/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

/** What can become of a query or a connection; also the name it is counted under. */
public enum DnsEvent {
  /** Dropped: shorter than a header. */
  DROPPED_TRUNCATED,
  /** Dropped: a response, not a query. */
  DROPPED_RESPONSE,
  /** Dropped: needs a lookup beyond the guest's share of the lane's time; it will ask again. */
  DROPPED_OVER_SHARE,
  /** Dropped: it waited for a place until it was too late; the guest has given up or asks again. */
  DROPPED_TOO_LATE,
  /** Dropped: too many queries wait; it will ask again. */
  DROPPED_QUEUE_FULL,
  /** A connection was reset: a length that no query has, or a response. */
  CONNECTION_MALFORMED,
  /** A connection was ended, and counts once more if it had to be reset: no query came for long. */
  CONNECTION_IDLE,
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
  /** NOERROR without records: the name is there, but has none that Tor can tell of that type. */
  TYPE_EMPTY,
  /**
   * SERVFAIL: the way out could not be asked at the moment; or over TCP, where none is dropped, too
   * many queries wait.
   */
  OVERLOADED,
  /** SERVFAIL: evicted, for a guest with fewer lookups under way. */
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
