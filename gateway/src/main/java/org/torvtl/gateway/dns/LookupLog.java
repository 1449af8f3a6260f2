/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.MacAddress;

/**
 * One line for each lookup, when it is over. Logs that are not asked for do not tell who asked for
 * what.
 */
final class LookupLog {
  private static final Logger log = LoggerFactory.getLogger(LookupLog.class);

  private LookupLog() {}

  /** Tells of a lookup whose queries have not been answered yet. */
  static void tell(Lookup lookup, DnsEvent outcome, @Nullable DnsRecord record, long nowNanos) {
    var first = lookup.waiters.peek();
    if (first == null || !log.isDebugEnabled()) {
      return;
    }
    log.debug(
        "{} {}:{} asked for {}: {}; {} s",
        MacAddress.toString(first.client.guest()),
        Ipv4Address.toString(first.client.address()),
        first.client.port(),
        asked(lookup.key.question()),
        record == null ? words(outcome) : text(record),
        String.format(Locale.ROOT, "%.3f", (nowNanos - first.arrivedNanos) / 1e9));
  }

  private static String asked(DnsQuestion question) {
    return switch (question) {
      case DnsQuestion.Address(String name) -> name;
      case DnsQuestion.Pointer(InetAddress address) -> "the name of " + address.getHostAddress();
      case DnsQuestion.Settled(DnsEvent reason) -> reason.toString();
    };
  }

  private static String words(DnsEvent outcome) {
    return switch (outcome) {
      case NAME_UNKNOWN -> "there is no such name";
      case FAMILY_EMPTY -> "it has no IPv4 address";
      case LOOKUP_TIMED_OUT -> "no answer in time";
      case OVERLOADED -> "it could not be asked for now";
      case EVICTED -> "it made room for others";
      case ANSWER_INVALID -> "the answer is no host name";
      default -> "Tor could not find out";
    };
  }

  private static String text(DnsRecord record) {
    return record.type() == DnsRecord.A
        ? Ipv4Address.toString(ByteBuffer.wrap(record.data()).getInt())
        : new WireName(record.data()).text();
  }
}
