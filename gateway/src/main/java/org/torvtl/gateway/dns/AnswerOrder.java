/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Has responses leave in the order of their queries where a socket and an identifier are the same.
 * A resolver that uses one identifier for A and AAAA (GRUB 2.06) takes the first response for the
 * answer to its first query.
 */
final class AnswerOrder {
  /** Queries of one socket and identifier that may wait: so many leave at once. */
  static final int MOST = 32;

  /** What a guest can choose is compared, never hashed. */
  private record Series(DnsClient client, int id) {
    static final Comparator<Series> ORDER =
        Comparator.comparingLong((Series series) -> series.client.guest())
            .thenComparingInt(series -> series.client.address())
            .thenComparingInt(series -> series.client.port())
            .thenComparing(series -> series.client.isStream())
            .thenComparingInt(series -> series.id);

    static Series of(Waiter waiter) {
      return new Series(waiter.client, waiter.query.id());
    }
  }

  private final Map<Series, Queue<Waiter>> waiting = new TreeMap<>(Series.ORDER);
  private final Consumer<Waiter> onLeft;

  /**
   * @param onLeft hears of each that has left, with or without a response
   */
  AnswerOrder(Consumer<Waiter> onLeft) {
    this.onLeft = onLeft;
  }

  /** Whether a response to it would have to wait for one before it. */
  boolean hasEarlier(Waiter waiter) {
    return waiting.containsKey(Series.of(waiter));
  }

  /** Puts a query behind those before it; {@code false} if there are too many. */
  boolean add(Waiter waiter) {
    var series = waiting.computeIfAbsent(Series.of(waiter), anew -> new ArrayDeque<>(2));
    return series.size() < MOST && series.add(waiter);
  }

  /** A query that was added is settled: what may leave now does. */
  void settled(Waiter waiter) {
    var key = Series.of(waiter);
    var series = waiting.get(key);
    if (series == null) {
      return;
    }
    var first = series.peek();
    if (first == null || !first.isSettled()) {
      return;
    }
    series.remove();
    if (series.isEmpty()) {
      waiting.remove(key);
    }
    onLeft.accept(first);
    try {
      first.leave();
    } finally {
      // One whose response fails does not keep those behind it; they are few.
      settled(waiter);
    }
  }

  /** Forgets the queries of an owner: none of them gets a response. */
  void forget(long owner) {
    waiting
        .entrySet()
        .removeIf(entry -> {
          boolean itsOwn = entry.getKey().client.owner() == owner;
          if (itsOwn) {
            entry.getValue().forEach(onLeft);
          }
          return itsOwn;
        });
  }
}
