/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * What a question asks of the gateway: something of the way out, or an answer known beforehand. The
 * type makes no difference: whether a name is there is found out by the one thing Tor can ask for.
 */
sealed interface DnsQuestion {
  /** Of a name, lower-case and without the last dot: its address is asked for. */
  record Address(String name) implements DnsQuestion {}

  /** Of the reverse name of an address: its name is asked for. */
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
      return pointer(name);
    }
    if (!name.isHostName()) {
      return new Settled(DnsEvent.NAME_INVALID);
    }
    return new Address(name.text());
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
