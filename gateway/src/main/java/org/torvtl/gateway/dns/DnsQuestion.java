/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** What a question asks of the gateway: something of the way out, or an answer known beforehand. */
sealed interface DnsQuestion {
  /** An address of a name, lower-case and without the last dot. */
  record Address(String name) implements DnsQuestion {}

  /** The name of an address. */
  record Pointer(InetAddress address) implements DnsQuestion {}

  /** Nothing: the answer has no records, and {@code reason} is why. */
  record Settled(DnsEvent reason) implements DnsQuestion {}

  int CLASS_IN = 1;

  /**
   * Reads a question as {@link DnsQuery#question} has it.
   *
   * @param question a name without pointers, type and class
   */
  static DnsQuestion of(byte[] question) {
    int type = unsignedShort(question, question.length - 4);
    if (unsignedShort(question, question.length - 2) != CLASS_IN) {
      return new Settled(DnsEvent.CLASS_REFUSED);
    }
    var name = new WireName(question);
    if (name.isIn("onion")) {
      return new Settled(DnsEvent.NAME_ONION);
    }
    if (name.labels() == 0) {
      return new Settled(DnsEvent.TYPE_EMPTY);
    }
    if (name.isIn("in-addr", "arpa") || name.isIn("ip6", "arpa")) {
      return type == DnsRecord.PTR ? pointer(name) : new Settled(DnsEvent.TYPE_EMPTY);
    }
    if (!name.isHostName()) {
      return new Settled(DnsEvent.NAME_INVALID);
    }
    return type == DnsRecord.A ? new Address(name.text()) : new Settled(DnsEvent.TYPE_EMPTY);
  }

  private static DnsQuestion pointer(WireName name) {
    byte[] bytes = name.address();
    if (bytes == null) {
      return new Settled(DnsEvent.TYPE_EMPTY);
    }
    try {
      var address = InetAddress.getByAddress(bytes);
      // Java takes an IPv4-mapped address for the IPv4 one, which has another name.
      return address.getAddress().length == bytes.length
          ? new Pointer(address)
          : new Settled(DnsEvent.TYPE_EMPTY);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address of " + bytes.length + " bytes", e);
    }
  }

  private static int unsignedShort(byte[] bytes, int at) {
    return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
  }
}
