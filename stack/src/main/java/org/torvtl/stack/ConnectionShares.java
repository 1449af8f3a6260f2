/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.torvtl.stack.StackCounters.Drop;
import org.torvtl.tcp.TcpState;

/**
 * Shares the places of the connection table among the guests: decides whether a request is
 * admitted, and which connection is evicted for it.
 *
 * <p>Two resources are bounded: connections in all, and those of them that wait for an answer. What
 * one guest may have waiting is bounded too. Where there is no place, the owner that holds most
 * loses its stalest one, so an owner always gets its share whatever the others hold. A connection
 * is evicted in this order: one in TIME-WAIT, of any owner; one whose guest has not confirmed the
 * SYN-ACK, as a SYN flood leaves behind (RFC 4987, section 3.3); one that is likely done; the one
 * idle longest. A flood of SYNs from any number of owners fills no more places than there are for
 * requests: beyond, the owner with most half-open connections loses one.
 *
 * <p>An owner never evicts a waiting request of its own that is fresh: a flood would else start a
 * stream for each of its SYNs.
 */
final class ConnectionShares {
  /** What a connection is, as far as eviction is concerned. */
  enum Standing {
    /** Its SYN waits for an answer. */
    PENDING,
    /** The guest has not confirmed the SYN-ACK. */
    HALF_OPEN,
    OPEN,
    /** Open, but the guest has ended its side and has all that came. */
    DONE,
    /** In TIME-WAIT. */
    OVER;

    static Standing of(TcpState state, boolean likelyDone) {
      return switch (state) {
        case HELD -> PENDING;
        case SYN_RECEIVED -> HALF_OPEN;
        case TIME_WAIT -> OVER;
        default -> likelyDone ? DONE : OPEN;
      };
    }
  }

  /** What an owner loses first where there is no place. */
  private static final Standing[] EVICTION_ORDER = {
    Standing.HALF_OPEN, Standing.DONE, Standing.OPEN, Standing.PENDING
  };

  /** A request is stale that was not repeated for so long: the first repeat is due after 1 s. */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(3);

  /** How exact the order of idle connections is; moving one with every segment would cost. */
  private static final long IDLE_PRECISION_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** One or several guests that get one share. Each list begins with the stalest. */
  private static final class Owner {
    private final long id;
    private final Map<Standing, SequencedSet<Place>> connections = new EnumMap<>(Standing.class);

    private Owner(long id) {
      this.id = id;
    }

    private int inUse() {
      return connections.values().stream().mapToInt(SequencedSet::size).sum();
    }

    private SequencedSet<Place> with(Standing standing) {
      return connections.computeIfAbsent(standing, none -> new LinkedHashSet<>());
    }
  }

  /** A connection's place in the table. */
  static final class Place {
    private final GuestConnection connection;
    private final Owner owner;
    private Standing standing = Standing.PENDING;
    private long usedNanos;

    private Place(GuestConnection connection, Owner owner) {
      this.connection = connection;
      this.owner = owner;
    }

    GuestConnection connection() {
      return connection;
    }

    Standing standing() {
      return standing;
    }
  }

  private final StackConfig config;
  private final StackCounters counters;
  private final EvictionLog evictions = new EvictionLog();
  private final Map<Long, Owner> owners = new HashMap<>();
  private final Ranking<Owner> held = new Ranking<>();
  private final Ranking<Owner> pending = new Ranking<>();
  private final Ranking<Owner> halfOpen = new Ranking<>();
  private final SequencedSet<Place> over = new LinkedHashSet<>();

  ConnectionShares(StackConfig config, StackCounters counters) {
    this.config = config;
    this.counters = counters;
  }

  /**
   * Whether a guest's request gets a place. If another connection has to be evicted for it, it is.
   */
  boolean admit(long guest, long nowNanos) {
    var owner = owners.get(config.owners().applyAsLong(guest));
    if (!admitPending(owner, nowNanos)) {
      counters.drop(Drop.TCP_PENDING_FULL);
      return false;
    }
    if (held.total() >= config.maxConnections()) {
      makeRoom(owner, nowNanos);
    }
    return true;
  }

  private boolean admitPending(@Nullable Owner newcomer, long nowNanos) {
    int own = newcomer == null ? 0 : pending.amount(newcomer);
    if (newcomer != null && own >= config.maxPendingOfOneOwner()) {
      return evictStale(newcomer, nowNanos);
    }
    if (pending.total() < config.maxPending()) {
      return true;
    }
    var largest = pending.largest();
    if (largest == null) {
      return false;
    }
    if (pending.mayTakeFrom(largest, own)) {
      evict(largest.with(Standing.PENDING).getFirst(), nowNanos);
      return true;
    }
    return evictStale(largest, nowNanos);
  }

  private boolean evictStale(Owner owner, long nowNanos) {
    var stalest = owner.with(Standing.PENDING).getFirst();
    if (nowNanos - stalest.usedNanos < STALE_NANOS) {
      return false;
    }
    evict(stalest, nowNanos);
    return true;
  }

  private void makeRoom(@Nullable Owner newcomer, long nowNanos) {
    if (!over.isEmpty()) {
      counters.drop(Drop.TCP_TIME_WAIT);
      over.getFirst().connection.drop();
      return;
    }
    var loser = loser(newcomer);
    if (loser == null) {
      return;
    }
    for (var standing : EVICTION_ORDER) {
      var candidates = loser.with(standing);
      if (!candidates.isEmpty()) {
        evict(candidates.getFirst(), nowNanos);
        return;
      }
    }
  }

  private @Nullable Owner loser(@Nullable Owner newcomer) {
    // A flood evicts itself: from so many half-open ones on, no open one goes for another.
    if (newcomer != null && halfOpen.amount(newcomer) >= config.maxPendingOfOneOwner()) {
      return newcomer;
    }
    if (halfOpen.total() >= config.maxPending()) {
      return halfOpen.largest();
    }
    var largest = held.largest();
    boolean isEqual =
        newcomer != null && largest != null && held.amount(newcomer) == held.amount(largest);
    return isEqual ? newcomer : largest;
  }

  private void evict(Place place, long nowNanos) {
    long guest = place.connection.guest();
    switch (place.standing) {
      case HALF_OPEN -> counters.drop(Drop.TCP_HALF_OPEN);
      case PENDING -> {
        counters.drop(Drop.TCP_PENDING_EVICTED);
        evictions.evicted("requests", guest, nowNanos);
      }
      case OPEN, DONE, OVER -> {
        counters.drop(Drop.TCP_EVICTED);
        evictions.evicted("connections", guest, nowNanos);
      }
    }
    place.connection.evict();
  }

  /** The place of a new connection, which waits for an answer. */
  Place add(GuestConnection connection, long nowNanos) {
    var owner = owners.computeIfAbsent(config.owners().applyAsLong(connection.guest()), Owner::new);
    held.add(owner, 1);
    var place = new Place(connection, owner);
    enter(place, Standing.PENDING, nowNanos);
    return place;
  }

  /** A connection is not what it was. */
  void moved(Place place, Standing to, long nowNanos) {
    leave(place);
    enter(place, to, nowNanos);
  }

  private void enter(Place place, Standing standing, long nowNanos) {
    place.standing = standing;
    place.usedNanos = nowNanos;
    queueOf(place).add(place);
    rank(place, 1);
  }

  private void leave(Place place) {
    queueOf(place).remove(place);
    rank(place, -1);
  }

  private void rank(Place place, int change) {
    switch (place.standing) {
      case PENDING -> pending.add(place.owner, change);
      case HALF_OPEN -> halfOpen.add(place.owner, change);
      case OPEN, DONE, OVER -> {
        // Nothing asks who has most of them.
      }
    }
  }

  private SequencedSet<Place> queueOf(Place place) {
    return place.standing == Standing.OVER ? over : place.owner.with(place.standing);
  }

  /** The connection is in use: it is no longer the stalest. */
  void touch(Place place, long nowNanos) {
    if (place.standing == Standing.PENDING || nowNanos - place.usedNanos >= IDLE_PRECISION_NANOS) {
      place.usedNanos = nowNanos;
      queueOf(place).addLast(place);
    }
  }

  /** A connection is gone. */
  void remove(Place place) {
    leave(place);
    var owner = place.owner;
    held.add(owner, -1);
    if (held.amount(owner) == 0) {
      owners.remove(owner.id, owner);
    }
  }

  /** Connections that a guest's owner has, but those in TIME-WAIT. */
  int inUse(long guest) {
    var owner = owners.get(config.owners().applyAsLong(guest));
    return owner == null ? 0 : owner.inUse();
  }
}
