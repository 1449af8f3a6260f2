/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SequencedSet;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How much of a bounded resource each owner holds, and who holds most. Every call takes at most
 * logarithmic time. Not thread-safe.
 *
 * @param <T> an owner, compared by {@link Object#equals}
 */
public final class Ranking<T> {
  private final Map<T, Integer> amounts = new HashMap<>();
  private final NavigableMap<Integer, SequencedSet<T>> owners = new TreeMap<>();
  private int total;

  /** What all owners hold together. */
  public int total() {
    return total;
  }

  /** What {@code owner} holds; 0 if it is not known. */
  public int amount(T owner) {
    return amounts.getOrDefault(owner, 0);
  }

  /**
   * Adds to what {@code owner} holds; it is forgotten when it holds nothing.
   *
   * @throws IllegalArgumentException if it would hold less than nothing
   */
  public void add(T owner, int change) {
    int before = amount(owner);
    int after = before + change;
    if (after < 0) {
      throw new IllegalArgumentException("%s holds %d, less %d".formatted(owner, before, -change));
    }
    total += change;
    if (before > 0) {
      leave(owner, before);
    }
    if (after > 0) {
      amounts.put(owner, after);
      owners.computeIfAbsent(after, none -> new LinkedHashSet<>()).add(owner);
    } else {
      amounts.remove(owner);
    }
  }

  /**
   * Whether an owner that holds {@code own} may take some of what another holds, however fresh. One
   * that holds just one less may not: the two would take from each other for ever.
   */
  public boolean mayTakeFrom(T other, int own) {
    return own == 0 || amount(other) > own + 1;
  }

  private void leave(T owner, int amount) {
    var equals = owners.get(amount);
    if (equals != null && equals.remove(owner) && equals.isEmpty()) {
      owners.remove(amount);
    }
  }

  /** The owner that holds most; of several, the one that has held so much longest. */
  public @Nullable T largest() {
    var most = owners.lastEntry();
    return most == null ? null : most.getValue().getFirst();
  }
}
