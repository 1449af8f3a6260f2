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
 * Shares the places for queries in flight among the isolation keys. Where there is none, the key
 * with most loses its oldest lookup, so that a key gets its share whatever the others ask.
 */
final class LookupShares {
  /** A key does not evict a lookup of its own that is younger: nobody would get an answer. */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final DnsLimits limits;
  private final Ticker ticker;
  private final Ranking<String> queries = new Ranking<>();
  private final Map<String, SequencedSet<Lookup>> lookups = new HashMap<>();
  private int inFlight;

  LookupShares(DnsLimits limits, Ticker ticker) {
    this.limits = limits;
    this.ticker = ticker;
  }

  /** Queries that wait for an answer. */
  int inFlight() {
    return inFlight;
  }

  boolean hasPlace(String isolationKey) {
    return inFlight < limits.inFlight()
        && queries.amount(isolationKey) < limits.inFlightPerKey();
  }

  /** What to evict for a query that has no place; {@code null} if it gets none. */
  @Nullable Lookup toEvict(String isolationKey) {
    int own = queries.amount(isolationKey);
    if (own >= limits.inFlightPerKey()) {
      return stale(isolationKey);
    }
    var largest = queries.largest();
    if (largest == null) {
      return null;
    }
    // With the difference of one, two keys would evict each other's for ever.
    return own == 0 || queries.amount(largest) > own + 1 ? oldest(largest) : stale(largest);
  }

  private @Nullable Lookup oldest(String isolationKey) {
    var ofKey = lookups.get(isolationKey);
    return ofKey == null ? null : ofKey.getFirst();
  }

  private @Nullable Lookup stale(String isolationKey) {
    var oldest = oldest(isolationKey);
    return oldest != null && ticker.nanoTime() - oldest.startedNanos >= STALE_NANOS ? oldest : null;
  }

  /** One more query waits for the answer of {@code lookup}. */
  void add(Lookup lookup) {
    var isolationKey = lookup.key.isolationKey();
    inFlight++;
    queries.add(isolationKey, 1);
    var ofKey = lookups.computeIfAbsent(isolationKey, anew -> new LinkedHashSet<>());
    if (ofKey.add(lookup)) {
      lookup.startedNanos = ticker.nanoTime();
    }
  }

  /**
   * A lookup is over.
   *
   * @param waiting queries that waited for it
   */
  void remove(Lookup lookup, int waiting) {
    var isolationKey = lookup.key.isolationKey();
    inFlight -= waiting;
    queries.add(isolationKey, -waiting);
    var ofKey = lookups.get(isolationKey);
    if (ofKey != null && ofKey.remove(lookup) && ofKey.isEmpty()) {
      lookups.remove(isolationKey);
    }
  }
}
