/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One /24 of 198.18.0.0/15, the range for benchmarks. RFC 2544, appendix C.2.2.
 *
 * @param index which, from 0 to 511
 */
record LabSubnet(int index) {
  static final int COUNT = 512;
  static final int HOST = 1, DNS = 2, FIRST_NODE = 10, MOST_NODES = 100;
  static final int WEB = 200, REFUSED = 201, UNREACHABLE = 202, BLACKHOLE = 203, WWW = 204;

  private static final Pattern ADDRESS =
      Pattern.compile("\\b198\\.(18|19)\\.(\\d{1,3})\\.\\d{1,3}(?:/(\\d{1,2}))?");

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
   * The first one from {@code from} on that no address and no route mentions.
   *
   * @param inUse what {@code ip -4 addr} and {@code ip -4 route} print
   */
  static Optional<LabSubnet> firstFree(int from, String inUse) {
    var used = new boolean[COUNT];
    var mentioned = ADDRESS.matcher(inUse);
    while (mentioned.find()) {
      int index =
          (Integer.parseInt(mentioned.group(1)) - 18) * 256 + Integer.parseInt(mentioned.group(2));
      int prefix = mentioned.group(3) == null ? 32 : Integer.parseInt(mentioned.group(3));
      int count = prefix >= 24 ? 1 : 1 << (24 - Math.max(prefix, 15));
      int first = index / count * count;
      for (int i = first; i < first + count && i < COUNT; i++) {
        used[i] = true;
      }
    }
    for (int i = from; i < COUNT; i++) {
      if (!used[i]) {
        return Optional.of(new LabSubnet(i));
      }
    }
    return Optional.empty();
  }
}
