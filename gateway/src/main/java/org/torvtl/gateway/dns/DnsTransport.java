/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

/** How a query came, which bounds the response: RFC 1035, section 4.2; RFC 6891; RFC 7766. */
public enum DnsTransport {
  /** In a datagram: 512 bytes, or what EDNS allows; more is cut and marked TC. */
  UDP,
  /** In a stream: 65535 bytes. The two bytes of length are not part of query or response here. */
  TCP
}
