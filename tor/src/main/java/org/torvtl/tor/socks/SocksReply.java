/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

/**
 * Why a SOCKS proxy refused a request: the codes of RFC 1928, section 6, and Tor's own, which it
 * sends on a SocksPort with the flag {@code ExtendedErrors}.
 */
public enum SocksReply {
  GENERAL_FAILURE(
      0x01, "general failure, such as a refused connection, or a host that does not answer"),
  NOT_ALLOWED(0x02, "not allowed by the exit policy or by rule"),
  NETWORK_UNREACHABLE(0x03, "network unreachable"),
  /** For a name: it has no address, or Tor could not find out. */
  HOST_UNREACHABLE(0x04, "host unreachable"),
  CONNECTION_REFUSED(0x05, "connection refused"),
  /** Tor's word for a stream that was not open within its SocksTimeout. */
  TTL_EXPIRED(0x06, "TTL expired"),
  COMMAND_NOT_SUPPORTED(0x07, "command not supported"),
  ADDRESS_TYPE_NOT_SUPPORTED(0x08, "address type not supported"),
  ONION_DESCRIPTOR_NOT_FOUND(0xF0, "onion service descriptor not found"),
  ONION_DESCRIPTOR_INVALID(0xF1, "onion service descriptor invalid"),
  ONION_INTRODUCTION_FAILED(0xF2, "onion service introduction failed"),
  ONION_RENDEZVOUS_FAILED(0xF3, "onion service rendezvous failed"),
  ONION_AUTHORIZATION_MISSING(0xF4, "onion service needs client authorization"),
  ONION_AUTHORIZATION_WRONG(0xF5, "onion service refused the client authorization"),
  ONION_ADDRESS_INVALID(0xF6, "onion service address invalid"),
  ONION_INTRODUCTION_TIMED_OUT(0xF7, "onion service introduction timed out"),
  /** A code that neither RFC 1928 nor Tor gives a meaning. */
  UNASSIGNED(-1, "unassigned reply code");

  private static final SocksReply[] BY_CODE = new SocksReply[256];

  static {
    for (int i = 0; i < BY_CODE.length; i++) {
      BY_CODE[i] = UNASSIGNED;
    }
    for (var reply : values()) {
      if (reply != UNASSIGNED) {
        BY_CODE[reply.code] = reply;
      }
    }
  }

  private final int code;
  private final String text;

  SocksReply(int code, String text) {
    this.code = code;
    this.text = text;
  }

  /**
   * The failure that a reply code means.
   *
   * @param code the REP field, 1 to 255; 0 would be success
   */
  public static SocksReply ofCode(int code) {
    if (code < 1 || code > 255) {
      throw new IllegalArgumentException("not the code of a failure: " + code);
    }
    return BY_CODE[code];
  }

  /** The REP field as on the wire, 1 to 255; -1 for {@link #UNASSIGNED}. */
  public int code() {
    return code;
  }

  /** A few words for a person. */
  public String text() {
    return text;
  }
}
