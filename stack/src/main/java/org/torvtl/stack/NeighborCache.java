/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which addresses on the link are guests' own, as their ARP packets tell. RFC 826; RFC 1122,
 * section 2.3.2.
 *
 * <p>The gateway answers ARP for every address but these. Replies do not come through here: they go
 * to the MAC address their flow came from, so that a guest's claim to an address gives it nothing
 * that is another's.
 *
 * <p>The entries are shared out by who made the claim: when all are taken, the one that has most of
 * them loses its oldest. So a guest that claims one address after the other displaces its own.
 */
final class NeighborCache {
  static final int CAPACITY = 1024;

  static final long LIFETIME_NANOS = TimeUnit.MINUTES.toNanos(5);

  private record Neighbor(long mac, long owner, long seenNanos) {}

  /** By owner, then by IPv4 address, the one claimed least recently first. */
  private final Map<Long, LinkedHashMap<Integer, Neighbor>> byOwner = new HashMap<>();

  private final Map<Integer, Neighbor> neighbors = new HashMap<>();
  private final Ranking<Long> claims = new Ranking<>();

  /**
   * The guest at {@code mac} has said that {@code address} is its own.
   *
   * @param owner whose share the entry counts for
   */
  void learn(int address, long mac, long owner, long nowNanos) {
    var old = neighbors.remove(address);
    if (old != null) {
      forget(address, old.owner);
    } else if (neighbors.size() == CAPACITY) {
      evict();
    }
    var neighbor = new Neighbor(mac, owner, nowNanos);
    neighbors.put(address, neighbor);
    byOwner.computeIfAbsent(owner, key -> new LinkedHashMap<>()).put(address, neighbor);
    claims.add(owner, 1);
  }

  private void evict() {
    long most = Objects.requireNonNull(claims.largest());
    int oldest = Objects.requireNonNull(byOwner.get(most)).firstEntry().getKey();
    neighbors.remove(oldest);
    forget(oldest, most);
  }

  private void forget(int address, long owner) {
    claims.add(owner, -1);
    byOwner.computeIfPresent(
        owner,
        (key, entries) -> {
          entries.remove(address);
          return entries.isEmpty() ? null : entries;
        });
  }

  /** The guest at {@code mac} has left. */
  void forget(long mac) {
    neighbors
        .entrySet()
        .removeIf(entry -> {
          boolean isOf = entry.getValue().mac == mac;
          if (isOf) {
            forget(entry.getKey(), entry.getValue().owner);
          }
          return isOf;
        });
  }

  /**
   * The MAC address of the guest that last said {@code address} is its own, or {@code null} if none
   * did lately.
   */
  @Nullable Long at(int address, long nowNanos) {
    var neighbor = neighbors.get(address);
    return neighbor != null && nowNanos - neighbor.seenNanos < LIFETIME_NANOS ? neighbor.mac : null;
  }
}
