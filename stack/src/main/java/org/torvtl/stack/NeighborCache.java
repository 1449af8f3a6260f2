/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which addresses on the link are guests' own, as their ARP packets tell. RFC 826; RFC 1122,
 * section 2.3.2.
 *
 * <p>The gateway answers ARP for every address but these. Replies do not come through here: they go
 * to the MAC address their flow came from, so that a guest's claim to an address gives it nothing
 * that is another's.
 */
final class NeighborCache {
  /** More guests than this forget the one heard of least recently. */
  static final int CAPACITY = 1024;

  static final long LIFETIME_NANOS = TimeUnit.MINUTES.toNanos(5);

  private record Neighbor(long mac, long seenNanos) {}

  private final Map<Integer, Neighbor> neighbors =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Neighbor> eldest) {
          return size() > CAPACITY;
        }
      };

  /** The guest at {@code mac} has said that {@code address} is its own. */
  void learn(int address, long mac, long nowNanos) {
    neighbors.remove(address);
    neighbors.put(address, new Neighbor(mac, nowNanos));
  }

  /** The guest that last said {@code address} is its own, or {@code null} if none did lately. */
  @Nullable Long owner(int address, long nowNanos) {
    var neighbor = neighbors.get(address);
    return neighbor != null && nowNanos - neighbor.seenNanos < LIFETIME_NANOS ? neighbor.mac : null;
  }
}
