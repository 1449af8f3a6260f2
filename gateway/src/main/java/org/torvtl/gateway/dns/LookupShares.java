/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Ticker;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.stack.Ranking;

/**
 * Shares the places for queries in flight among the owners of guests. Where there is none, the
 * owner with most loses its oldest lookup, so that each gets its share whatever the others ask.
 */
final class LookupShares {
  /** An owner evicts no lookup of its own that is younger: it would get no answer at all. */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final DnsLimits limits;
  private final Ticker ticker;
  private final Ranking<Long> queries = new Ranking<>();
  private final Map<Long, SequencedSet<Lookup>> lookups = new HashMap<>();

  LookupShares(DnsLimits limits, Ticker ticker) {
    this.limits = limits;
    this.ticker = ticker;
  }

  /** Queries that wait for an answer. */
  int inFlight() {
    return queries.total();
  }

  boolean hasPlace(long owner) {
    return queries.total() < limits.inFlight() && queries.amount(owner) < limits.inFlightPerOwner();
  }

  /** What to evict for a query that has no place; {@code null} if it gets none. */
  @Nullable Lookup toEvict(long owner) {
    int own = queries.amount(owner);
    if (own >= limits.inFlightPerOwner()) {
      return stale(owner);
    }
    var largest = queries.largest();
    if (largest == null) {
      return null;
    }
    return queries.mayTakeFrom(largest, own) ? oldest(largest) : stale(largest);
  }

  private @Nullable Lookup oldest(long owner) {
    var ofOwner = lookups.get(owner);
    return ofOwner == null ? null : ofOwner.getFirst();
  }

  private @Nullable Lookup stale(long owner) {
    var oldest = oldest(owner);
    return oldest != null && ticker.nanoTime() - oldest.startedNanos >= STALE_NANOS ? oldest : null;
  }

  /** One more query waits for the answer of {@code lookup}. */
  void add(Lookup lookup) {
    queries.add(lookup.owner, 1);
    var ofOwner = lookups.computeIfAbsent(lookup.owner, anew -> new LinkedHashSet<>());
    if (ofOwner.add(lookup)) {
      lookup.startedNanos = ticker.nanoTime();
    }
  }

  /**
   * A lookup is over.
   *
   * @param waiting queries that waited for it
   */
  void remove(Lookup lookup, int waiting) {
    queries.add(lookup.owner, -waiting);
    var ofOwner = lookups.get(lookup.owner);
    if (ofOwner != null && ofOwner.remove(lookup) && ofOwner.isEmpty()) {
      lookups.remove(lookup.owner);
    }
  }
}
