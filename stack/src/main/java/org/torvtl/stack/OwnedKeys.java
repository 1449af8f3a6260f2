/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/**
 * The keys of a bounded table, shared out among owners: when all places are taken, the owner that
 * has most of them loses the key it has used least recently. So an owner that fills the table
 * displaces its own.
 *
 * @param <K> a key, compared by {@link Object#equals}
 */
final class OwnedKeys<K> {
  private final int capacity;
  private final Map<K, Long> owners = new HashMap<>();

  /** The key used least recently first. */
  private final Map<Long, SequencedSet<K>> byOwner = new HashMap<>();

  private final Ranking<Long> held = new Ranking<>();

  OwnedKeys(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Notes that a key is used, and whose share it counts for from now on.
   *
   * @return the key that has lost its place to it, {@code null} if none has
   */
  @Nullable K use(K key, long owner) {
    K evicted = null;
    var before = owners.get(key);
    if (before != null) {
      leave(key, before);
    } else if (owners.size() == capacity) {
      evicted = evict();
    }
    owners.put(key, owner);
    byOwner.computeIfAbsent(owner, anew -> new LinkedHashSet<>()).add(key);
    held.add(owner, 1);
    return evicted;
  }

  private K evict() {
    long most = Objects.requireNonNull(held.largest());
    K oldest = Objects.requireNonNull(byOwner.get(most)).getFirst();
    leave(oldest, most);
    owners.remove(oldest);
    return oldest;
  }

  private void leave(K key, long owner) {
    held.add(owner, -1);
    byOwner.computeIfPresent(
        owner,
        (same, keys) -> {
          keys.remove(key);
          return keys.isEmpty() ? null : keys;
        });
  }
}
