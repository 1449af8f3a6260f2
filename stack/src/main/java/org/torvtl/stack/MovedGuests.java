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
 * <p>A guest may have moved when its IPv4 address is heard from another MAC address of the same
 * owner. But a host with several network cards may use them all: what is idle at the one before is
 * asked there whether it is still alive, and has moved only if it does not answer. Nothing is
 * believed of an address that is another owner's, or a guest could end its neighbours' connections.
 *
 * <p>The memory is bounded, and shared out by owner; see {@link OwnedKeys}.
 */
final class MovedGuests {
  static final int CAPACITY = 1024;

  /**
   * After the first frame from a new MAC address so long passes until connections at the old one
   * are asked, and as long again until those that have not answered are ended.
   */
  static final long STEP_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

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

  /** What is to be done with connections at a MAC address that was left. */
  enum Step {
    WAIT,
    ASK,
    END
  }

  /** Where a guest is now. */
  static final class Move {
    private final long mac;
    private final long nanos;
    private boolean isAsked;
    private long askedNanos;

    private Move(long mac, long nanos) {
      this.mac = mac;
      this.nanos = nanos;
    }

    /** The guest's MAC address. */
    long mac() {
      return mac;
    }

    Step step(long nowNanos) {
      if (nowNanos - (isAsked ? askedNanos : nanos) < STEP_NANOS) {
        return Step.WAIT;
      }
      return isAsked ? Step.END : Step.ASK;
    }
  }

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
   * @return whether that may be a move, of which {@link #move} tells
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
   * Whether, and where to, the guest of a connection may have moved since it was last heard there.
   *
   * @param mac the connection's, as the next
   * @param receivedNanos when the guest was last heard on it
   */
  @Nullable Move move(long mac, int address, long receivedNanos) {
    var move = moves.get(new Guest(owners.applyAsLong(mac), address));
    return move != null && move.mac != mac && receivedNanos - move.nanos < 0 ? move : null;
  }

  /**
   * What was due for all connections was done: forgets the moves that are settled. Whether there
   * are others.
   */
  boolean settle(long nowNanos) {
    moves
        .values()
        .removeIf(move ->
            switch (move.step(nowNanos)) {
              case WAIT -> false;
              case ASK -> {
                move.isAsked = true;
                move.askedNanos = nowNanos;
                yield false;
              }
              case END -> true;
            });
    return !moves.isEmpty();
  }
}
