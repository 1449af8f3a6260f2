/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.torvtl.wire.Ipv4Network;

/**
 * One /24 of 198.18.0.0/15, the range for benchmarks. RFC 2544, appendix C.2.2.
 *
 * @param index which, from 0 to 511
 */
record LabSubnet(int index) {
  static final int COUNT = 512;
  static final int HOST = 1, DNS = 2, FIRST_NODE = 10, MOST_NODES = 100;
  static final int WEB = 200, REFUSED = 201, UNREACHABLE = 202, BLACKHOLE = 203, WWW = 204;

  /** The prefix length of all subnets together. */
  private static final int ALL_BITS = 15;

  LabSubnet {
    if (index < 0 || index >= COUNT) {
      throw new IllegalArgumentException("no such subnet: " + index);
    }
  }

  /** The address with this last octet. */
  String address(int lastOctet) {
    return "198.%d.%d.%d".formatted(18 + index / 256, index % 256, lastOctet);
  }

  /** The address with this last octet and the subnet's length. */
  String withPrefix(int lastOctet) {
    return address(lastOctet) + "/24";
  }

  /**
   * The first one from {@code from} on that has none of the addresses. A range that is wider than
   * all subnets together, such as that of a default route, takes none.
   *
   * @param inUse addresses and routes of this host
   */
  static Optional<LabSubnet> firstFree(int from, List<Ipv4Network> inUse) {
    return IntStream.range(from, COUNT)
        .mapToObj(LabSubnet::new)
        .filter(subnet -> inUse.stream().noneMatch(subnet::overlaps))
        .findFirst();
  }

  private boolean overlaps(Ipv4Network other) {
    var own = Ipv4Network.parse(withPrefix(0));
    return other.prefixLength() >= ALL_BITS
        && (other.contains(own.first()) || own.contains(other.first()));
  }
}
