/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.torvtl.wire.Ipv4Network;

/**
 * IPv6 addresses that share the bits of a mask.
 *
 * @param valueHigh the first 64 bits, network byte order
 * @param valueLow the last 64 bits
 * @param maskHigh which of the first 64 bits count
 * @param maskLow which of the last 64 bits count
 */
public record Ipv6Pattern(long valueHigh, long valueLow, long maskHigh, long maskLow) {
  private static final long ALL = -1, UPPER_HALF = 0xFFFF_FFFF_0000_0000L;
  private static final long LOWER_HALF = 0xFFFF_FFFFL;

  /** RFC 8215: for translators of a site, with the IPv4 address at any of several places. */
  private static final Ipv6Pattern LOCAL_NAT64 =
      new Ipv6Pattern(0x0064_FF9B_0001_0000L, 0, 0xFFFF_FFFF_FFFF_0000L, 0);

  /** Every address that leads to an IPv4 address of a network, by a translator or a tunnel. */
  static List<Ipv6Pattern> leadingTo(Ipv4Network network) {
    long address = Integer.toUnsignedLong(network.first());
    long mask = Integer.toUnsignedLong(network.mask());
    return List.of(
        // IPv4-compatible and IPv4-mapped: RFC 4291, section 2.5.5.
        new Ipv6Pattern(0, address, ALL, UPPER_HALF | mask),
        new Ipv6Pattern(0, 0xFFFF_0000_0000L | address, ALL, UPPER_HALF | mask),
        // NAT64: RFC 6052, section 2.1.
        new Ipv6Pattern(0x0064_FF9B_0000_0000L, address, ALL, UPPER_HALF | mask),
        LOCAL_NAT64,
        // 6to4: RFC 3056, section 2.
        new Ipv6Pattern(0x2002L << 48 | address << 16, 0, 0xFFFFL << 48 | mask << 16, 0),
        // Teredo, the server's address and the client's, which is inverted: RFC 4380, section 4.
        new Ipv6Pattern(0x2001_0000L << 32 | address, 0, UPPER_HALF | mask, 0),
        new Ipv6Pattern(0x2001_0000L << 32, ~address & mask, UPPER_HALF, mask),
        // ISATAP, whatever its universal/local bit: RFC 5214, section 6.1.
        new Ipv6Pattern(0, 0x5EFEL << 32 | address, 0, 0xFDFF_FFFFL << 32 | mask));
  }

  /** Whether an address is one of them. */
  boolean matches(long high, long low) {
    return ((high ^ valueHigh) & maskHigh) == 0 && ((low ^ valueLow) & maskLow) == 0;
  }

  /** Whether the bits that count are the first ones. */
  public boolean isPrefix() {
    return isPrefix(maskHigh) && isPrefix(maskLow) && (maskHigh == ALL || maskLow == 0);
  }

  private static boolean isPrefix(long mask) {
    return Long.bitCount(mask) == Long.numberOfLeadingZeros(~mask);
  }

  /** As ip(8) and nft(8) take it, if it is a prefix. */
  public String prefix() {
    return value() + "/" + (Long.bitCount(maskHigh) + Long.bitCount(maskLow));
  }

  /** The bits that count, the others zero. */
  String value() {
    return text(valueHigh, valueLow);
  }

  /** The mask, written as an address. */
  String mask() {
    return text(maskHigh, maskLow);
  }

  private static String text(long high, long low) {
    return IntStream.of(
            (int) (high >>> Integer.SIZE),
            (int) (high & LOWER_HALF),
            (int) (low >>> Integer.SIZE),
            (int) (low & LOWER_HALF))
        .mapToObj(word -> "%x:%x".formatted(word >>> 16, word & 0xFFFF))
        .collect(Collectors.joining(":"));
  }
}
