/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.Type;

/** What a question asks of the gateway: something of the way out, or an answer known beforehand. */
sealed interface DnsQuestion {
  /** An address of a name, lower-case and without the last dot. */
  record Address(String name) implements DnsQuestion {}

  /** The name of an address. */
  record Pointer(InetAddress address) implements DnsQuestion {}

  /** Nothing: the answer has no records, and {@code reason} is why. */
  record Settled(DnsEvent reason) implements DnsQuestion {}

  Name IN_ADDR_ARPA = Name.fromConstantString("in-addr.arpa.");
  Name IP6_ARPA = Name.fromConstantString("ip6.arpa.");
  Name ONION = Name.fromConstantString("onion.");

  static DnsQuestion of(Record question) {
    var name = question.getName();
    if (question.getDClass() != DClass.IN) {
      return new Settled(DnsEvent.CLASS_REFUSED);
    }
    if (name.subdomain(ONION)) {
      return new Settled(DnsEvent.NAME_ONION);
    }
    if (name.equals(Name.root)) {
      return new Settled(DnsEvent.TYPE_EMPTY);
    }
    if (name.subdomain(IN_ADDR_ARPA) || name.subdomain(IP6_ARPA)) {
      return question.getType() == Type.PTR ? pointer(name) : new Settled(DnsEvent.TYPE_EMPTY);
    }
    if (!isHostName(name)) {
      return new Settled(DnsEvent.NAME_INVALID);
    }
    return question.getType() == Type.A
        ? new Address(text(name).toLowerCase(Locale.ROOT))
        : new Settled(DnsEvent.TYPE_EMPTY);
  }

  private static DnsQuestion pointer(Name name) {
    try {
      var address = ReverseMap.fromName(name);
      // It reads a part of an address as well, with zeros for the rest.
      if (ReverseMap.fromAddress(address).equals(name)) {
        return new Pointer(address);
      }
    } catch (UnknownHostException e) {
      // Handled as any other name that is not exactly one address.
    }
    return new Settled(DnsEvent.TYPE_EMPTY);
  }

  /** Without escapes and without the last dot: for names that {@link #isHostName} accepts. */
  private static String text(Name name) {
    return name.toString(true);
  }

  /**
   * Whether this can be the name of a host: letters, digits, hyphens and underscores, the last
   * label not a number (RFC 1123, section 2.1). The number may also be hexadecimal, as old C
   * libraries read it.
   */
  static boolean isHostName(Name name) {
    int labels = name.labels() - 1;
    for (int i = 0; i < labels; i++) {
      byte[] label = name.getLabel(i);
      for (int j = 1; j < label.length; j++) {
        if (!isHostCharacter((char) (label[j] & 0xFF))) {
          return false;
        }
      }
    }
    return labels > 0 && !name.getLabelString(labels - 1).matches("[0-9]+|0[xX][0-9a-fA-F]*");
  }

  private static boolean isHostCharacter(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '-'
        || c == '_';
  }
}
