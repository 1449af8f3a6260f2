/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

/** A resource record of class IN, without its name and TTL. RFC 1035, section 3.2.1. */
final class DnsRecord {
  static final int A = 1, SOA = 6, PTR = 12, ANY = 255;

  private final int type;
  private final byte[] data;

  /**
   * @param type such as {@link #A}
   * @param data as on the wire, without compression
   */
  DnsRecord(int type, byte[] data) {
    this.type = type;
    this.data = data;
  }

  int type() {
    return type;
  }

  byte[] data() {
    return data;
  }
}
