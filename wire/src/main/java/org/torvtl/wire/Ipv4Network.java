/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

/**
 * A range of IPv4 addresses that begin alike, and one address in it: what stands behind {@code ip
 * address add}. RFC 4632.
 *
 * @param address any address of the range, network byte order
 * @param prefixLength how many bits all of them share, 0 to 32
 */
public record Ipv4Network(int address, int prefixLength) {
  /**
   * @throws IllegalArgumentException if the prefix length is not 0 to 32
   */
  public Ipv4Network {
    if (prefixLength < 0 || prefixLength > Integer.SIZE) {
      throw new IllegalArgumentException(prefixLength + " is no prefix length (0 to 32)");
    }
  }

  /**
   * Reads {@code ADDRESS/LENGTH}; an address alone is a range of one. Bytes that are left out at
   * the end of the address are zero, as {@code ip route} takes it: {@code 18/8} is {@code
   * 18.0.0.0/8}.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static Ipv4Network parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      return new Ipv4Network(Ipv4Address.parse(text), Integer.SIZE);
    }
    String address = text.substring(0, slash);
    long dots = address.chars().filter(c -> c == '.').count();
    String length = text.substring(slash + 1);
    if (!length.matches("[0-9]{1,2}") || dots > 3) {
      throw new IllegalArgumentException("not a range of IPv4 addresses: " + text);
    }
    return new Ipv4Network(
        Ipv4Address.parse(address + ".0".repeat(3 - (int) dots)), Integer.parseInt(length));
  }

  /** Whether the address is in the range. */
  public boolean contains(int other) {
    return ((address ^ other) & mask()) == 0;
  }

  /** The bits that all addresses share are ones. */
  public int mask() {
    return prefixLength == 0 ? 0 : -1 << (Integer.SIZE - prefixLength);
  }

  /** The first address. */
  public int first() {
    return address & mask();
  }

  /** The last address. */
  public int last() {
    return address | ~mask();
  }

  /** The same range, without the address in it. */
  public Ipv4Network range() {
    return new Ipv4Network(first(), prefixLength);
  }

  /** The address and the prefix length, as {@link #parse} reads it. */
  @Override
  public String toString() {
    return Ipv4Address.toString(address) + "/" + prefixLength;
  }
}
