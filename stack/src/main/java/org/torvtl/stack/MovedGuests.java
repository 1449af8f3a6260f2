/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Guests that have another MAC address now. Connections belong to a MAC address; those of before
 * would hang in silence, for nothing that is sent to the old address arrives.
 *
 * <p>A guest has moved when its IPv4 address is heard from another MAC address of the same owner;
 * what is still heard from the one before stays, since a host with several network cards may use
 * them all. Nothing is believed of an address that is another owner's, or a guest could end its
 * neighbours' connections.
 *
 * <p>The memory is bounded, and shared out by owner; see {@link OwnedKeys}.
 */
final class MovedGuests {
  static final int CAPACITY = 1024;

  /**
   * So long after the first frame from a new MAC address it is found out whether the old one is.
   */
  static final long SETTLED_NANOS = TimeUnit.SECONDS.toNanos(1);

  /**
   * @param owner the guest's
   * @param address IPv4, network byte order
   */
  private record Guest(long owner, int address) implements Comparable<Guest> {
    /** Any order. A guest can choose addresses that hash alike; a map compares their keys then. */
    @Override
    public int compareTo(Guest other) {
      int order = Long.compare(owner, other.owner);
      return order != 0 ? order : Integer.compare(address, other.address);
    }
  }

  /**
   * Where a guest is now.
   *
   * @param mac its MAC address
   * @param nanos when it was heard from there first
   */
  record Move(long mac, long nanos) {}

  private final LongUnaryOperator owners;
  private final Map<Guest, Long> macs = new HashMap<>();
  private final OwnedKeys<Guest> known = new OwnedKeys<>(CAPACITY);
  private final Map<Guest, Move> moves = new HashMap<>();

  MovedGuests(LongUnaryOperator owners) {
    this.owners = owners;
  }

  /**
   * A frame of a guest has come, that is of no open connection.
   *
   * @param mac its MAC address
   * @param address its IPv4 address, network byte order
   * @return whether that may be a move, of which {@link #move} tells once it is settled
   */
  boolean heard(long mac, int address, long nowNanos) {
    long owner = owners.applyAsLong(mac);
    if (owner == mac) {
      // One that owns itself has no other MAC address.
      return false;
    }
    var guest = new Guest(owner, address);
    var evicted = known.use(guest, owner);
    if (evicted != null) {
      macs.remove(evicted);
      moves.remove(evicted);
    }
    var before = macs.put(guest, mac);
    if (before == null || before == mac) {
      return false;
    }
    moves.put(guest, new Move(mac, nowNanos));
    return true;
  }

  /**
   * Whether, and where to, the guest of a connection has moved since it was last heard there.
   *
   * @param mac the connection's, as the next
   * @param receivedNanos when the guest was last heard on it
   */
  @Nullable Move move(long mac, int address, long receivedNanos, long nowNanos) {
    var move = moves.get(new Guest(owners.applyAsLong(mac), address));
    return move != null
            && move.mac != mac
            && receivedNanos - move.nanos < 0
            && nowNanos - move.nanos >= SETTLED_NANOS
        ? move
        : null;
  }

  /** Forgets the moves that are settled; whether there are others. */
  boolean settle(long nowNanos) {
    moves.values().removeIf(move -> nowNanos - move.nanos >= SETTLED_NANOS);
    return !moves.isEmpty();
  }
}
