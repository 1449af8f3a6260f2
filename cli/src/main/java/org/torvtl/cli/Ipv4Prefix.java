/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.util.List;
import java.util.stream.Stream;
import org.torvtl.wire.Ipv4Address;

/**
 * Some IPv4 addresses that begin alike.
 *
 * @param address the first of them, network byte order
 * @param length how many bits are alike
 */
record Ipv4Prefix(int address, int length) {
  /** Where no relay of the public Tor network can be. RFC 6890 and its registry. */
  private static final List<Ipv4Prefix> SPECIAL =
      Stream.of(
              "0.0.0.0/8",
              "10.0.0.0/8",
              "100.64.0.0/10",
              "127.0.0.0/8",
              "169.254.0.0/16",
              "172.16.0.0/12",
              "192.0.0.0/24",
              "192.0.2.0/24",
              "192.168.0.0/16",
              "198.18.0.0/15",
              "198.51.100.0/24",
              "203.0.113.0/24",
              "224.0.0.0/3")
          .map(Ipv4Prefix::parse)
          .toList();

  /**
   * Reads {@code ADDRESS/LENGTH}, {@code ADDRESS}, or {@code default}.
   *
   * @throws IllegalArgumentException if it is something else, or has bits set behind its length
   */
  static Ipv4Prefix parse(String text) {
    if (text.equals("default")) {
      return new Ipv4Prefix(0, 0);
    }
    int slash = text.indexOf('/');
    int address = Ipv4Address.parse(slash < 0 ? text : text.substring(0, slash));
    String bits = slash < 0 ? "32" : text.substring(slash + 1);
    if (!bits.matches("[0-9]{1,2}") || Integer.parseInt(bits) > Integer.SIZE) {
      throw new IllegalArgumentException(
          "'%s' is no destination (ADDRESS/BITS with 0 to 32 bits)".formatted(text));
    }
    int length = Integer.parseInt(bits);
    if ((address & ~mask(length)) != 0) {
      throw new IllegalArgumentException(
          "'%s' has bits behind the first %d (say %s)"
              .formatted(text, length, new Ipv4Prefix(address & mask(length), length)));
    }
    return new Ipv4Prefix(address, length);
  }

  private static int mask(int length) {
    return length == 0 ? 0 : -1 << (Integer.SIZE - length);
  }

  boolean contains(int other) {
    return ((other ^ address) & mask(length)) == 0;
  }

  /** Whether a relay of the public Tor network may be among these addresses. */
  boolean hasPublicAddresses() {
    return SPECIAL.stream()
        .noneMatch(special -> special.length <= length && special.contains(address));
  }

  /** As {@code ip route} takes it. */
  @Override
  public String toString() {
    return Ipv4Address.toString(address) + "/" + length;
  }
}
