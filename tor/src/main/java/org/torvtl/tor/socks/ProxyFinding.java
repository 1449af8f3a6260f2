/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.socks;

/**
 * What listens where Tor's SOCKS port is expected.
 *
 * @param kind what it is
 * @param text what is there, with its address: words for a person, without a full stop
 * @param fix what to do about it; empty if there is no problem
 */
public record ProxyFinding(Kind kind, String text, String fix) {
  /** What can be there. */
  public enum Kind {
    /** A SOCKS5 port that accepts the username and password of an isolation key. */
    ISOLATING,
    /** A SOCKS5 port that does not take username and password. */
    NOT_ISOLATING,
    /** A SOCKS5 port that accepts certain usernames and passwords only. */
    PASSWORD,
    /** A SOCKS4 port, which knows no password. */
    SOCKS4,
    /** Tor's control port. */
    CONTROL,
    /** An HTTP server or proxy, such as Tor's HTTPTunnelPort. */
    HTTP,
    /** A TLS server, such as Tor's ORPort. */
    TLS,
    /** Nothing on TCP, and a DNS server on UDP, such as Tor's DNSPort. */
    DNS,
    /** What speaks another protocol. */
    OTHER,
    /** It closes a connection before anything was said, as Tor's TransPort and NATDPort do. */
    CLOSES,
    /** It closes a connection on which it is greeted. */
    CLOSES_GREETED,
    /** It accepts a connection and says nothing. */
    SILENT,
    /** No connection. */
    UNREACHABLE
  }

  /** Whether streams can be asked for there. */
  public boolean isUsable() {
    return kind == Kind.ISOLATING;
  }
}
