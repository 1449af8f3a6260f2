/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import io.netty.util.concurrent.Ticker;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.stack.Ranking;

/**
 * Shares the places for lookups under way among the owners of guests, and the room for queries that
 * wait.
 *
 * <p>A lookup without a place waits for one; a place that is free goes to the owner with fewest
 * under way. Where there is none, the owner with most loses its oldest lookup, so that each gets
 * its share whatever the others ask. Room is shared alike: the owner with most queries loses the
 * lookup that has waited longest for a place.
 */
final class LookupShares {
  /** An owner evicts no lookup of its own that is younger: it would get no answer at all. */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final DnsLimits limits;
  private final Ticker ticker;
  private final Ranking<Long> places = new Ranking<>();
  private final Ranking<Long> queries = new Ranking<>();
  private final Map<Long, SequencedSet<Lookup>> underWay = new HashMap<>();

  /** The owner that was served longest ago is first. */
  private final Map<Long, SequencedSet<Lookup>> queued = new LinkedHashMap<>();

  LookupShares(DnsLimits limits, Ticker ticker) {
    this.limits = limits;
    this.ticker = ticker;
  }

  /** Lookups that have a place. */
  int inFlight() {
    return places.total();
  }

  /** Queries whose response has not left. */
  int waiting() {
    return queries.total();
  }

  // The room for queries.

  /** Whether one more query may wait. */
  boolean hasRoom(long owner) {
    return queries.total() < limits.waiting() && queries.amount(owner) < limits.waitingPerOwner();
  }

  /** What to give up for a query that has no room; {@code null} if it gets none. */
  @Nullable Lookup toDrop(long owner) {
    var largest = queries.largest();
    if (largest == null
        || queries.amount(owner) >= limits.waitingPerOwner()
        || !queries.mayTakeFrom(largest, queries.amount(owner))) {
      return null;
    }
    var waiting = queued.get(largest);
    return waiting == null ? oldest(largest) : waiting.getFirst();
  }

  /** One more query waits. */
  void arrived(Waiter waiter) {
    queries.add(waiter.client.owner(), 1);
  }

  void left(Waiter waiter) {
    queries.add(waiter.client.owner(), -1);
  }

  // The places for lookups.

  private boolean hasPlace(long owner) {
    return places.total() < limits.inFlight() && places.amount(owner) < limits.inFlightPerOwner();
  }

  /**
   * What to evict for a lookup of an owner that has to wait; {@code null} if there is a place, or
   * it has to wait all the same.
   */
  @Nullable Lookup toEvict(long owner) {
    int own = places.amount(owner);
    if (hasPlace(owner)) {
      return null;
    }
    if (own >= limits.inFlightPerOwner()) {
      return stale(owner);
    }
    var largest = places.largest();
    if (largest == null) {
      return null;
    }
    return places.mayTakeFrom(largest, own) ? oldest(largest) : stale(largest);
  }

  private @Nullable Lookup oldest(long owner) {
    var ofOwner = underWay.get(owner);
    return ofOwner == null ? null : ofOwner.getFirst();
  }

  private @Nullable Lookup stale(long owner) {
    var oldest = oldest(owner);
    return oldest != null && ticker.nanoTime() - oldest.startedNanos >= STALE_NANOS ? oldest : null;
  }

  /** A new lookup waits for a place. */
  void enqueue(Lookup lookup) {
    queued.computeIfAbsent(lookup.owner, anew -> new LinkedHashSet<>()).add(lookup);
  }

  /**
   * Gives a place to the lookup that is next, of the owner with fewest; {@code null} if none waits
   * or none may have a place.
   */
  @Nullable Lookup next() {
    Long fewest = null;
    for (var owner : queued.keySet()) {
      if (hasPlace(owner) && (fewest == null || places.amount(owner) < places.amount(fewest))) {
        fewest = owner;
      }
    }
    if (fewest == null) {
      return null;
    }
    var ofOwner = queued.remove(fewest);
    if (ofOwner == null) {
      return null;
    }
    var lookup = ofOwner.removeFirst();
    if (!ofOwner.isEmpty()) {
      queued.put(fewest, ofOwner);
    }
    lookup.isUnderWay = true;
    lookup.startedNanos = ticker.nanoTime();
    places.add(fewest, 1);
    underWay.computeIfAbsent(fewest, anew -> new LinkedHashSet<>()).add(lookup);
    return lookup;
  }

  /** A lookup is over, or waits for a place no longer. */
  void remove(Lookup lookup) {
    if (lookup.isUnderWay) {
      places.add(lookup.owner, -1);
    }
    var all = lookup.isUnderWay ? underWay : queued;
    var ofOwner = all.get(lookup.owner);
    if (ofOwner != null && ofOwner.remove(lookup) && ofOwner.isEmpty()) {
      all.remove(lookup.owner);
    }
  }
}
