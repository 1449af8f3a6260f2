/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which addresses are guests' own on a link where guests hear each other, as their ARP packets
 * tell. RFC 826; RFC 1122, section 2.3.2.
 *
 * <p>The gateway answers ARP for every address but these, and to everybody but the guest that has
 * it. Replies do not come through here: they go to the MAC address their flow came from, so that a
 * guest's claim to an address gives it nothing that is another's.
 *
 * <p>An address belongs to the first that has it. A claim is not believed while another guest has
 * the address and says so at least every {@link #LIFETIME_NANOS}, nor while the gateway has
 * answered another guest for it within that time: a guest that uses the address as its router would
 * lose its network. A guest that had the address and fell silent may have it back, unless another
 * has claimed it since.
 *
 * <p>Claims and answers are bounded, and shared out by who caused them; see {@link OwnedKeys}.
 */
final class NeighborCache {
  static final int CAPACITY = 1024;

  static final long LIFETIME_NANOS = TimeUnit.MINUTES.toNanos(5);

  private record Claim(long mac, long seenNanos) {}

  private record Answer(int address, long asker) implements Comparable<Answer> {
    /** Any order. A guest can choose addresses that hash alike; a map compares their keys then. */
    @Override
    public int compareTo(Answer other) {
      int order = Integer.compare(address, other.address);
      return order != 0 ? order : Long.compare(asker, other.asker);
    }
  }

  private final Map<Integer, Claim> claims = new HashMap<>();
  private final OwnedKeys<Integer> claimed = new OwnedKeys<>(CAPACITY);

  /**
   * By address, when each guest was answered for it last: by MAC address, the latest at the end.
   */
  private final Map<Integer, LinkedHashMap<Long, Long>> answers = new HashMap<>();

  private final OwnedKeys<Answer> answered = new OwnedKeys<>(CAPACITY);

  /**
   * The guest at {@code mac} says that {@code address} is its own.
   *
   * @param owner whose share the entry counts for
   * @return whether it is believed
   */
  boolean learn(int address, long mac, long owner, long nowNanos) {
    var claim = claims.get(address);
    boolean isKnown = claim != null && claim.mac == mac;
    if (!isKnown && (at(address, nowNanos) != null || isUsedByAnother(address, mac, nowNanos))) {
      return false;
    }
    var evicted = claimed.use(address, owner);
    if (evicted != null) {
      claims.remove(evicted);
    }
    claims.put(address, new Claim(mac, nowNanos));
    return true;
  }

  /**
   * The gateway has answered the guest at {@code mac} for {@code address}.
   *
   * @param owner whose share the entry counts for
   */
  void answered(int address, long mac, long owner, long nowNanos) {
    var evicted = answered.use(new Answer(address, mac), owner);
    if (evicted != null) {
      answers.computeIfPresent(
          evicted.address,
          (same, askers) -> {
            askers.remove(evicted.asker);
            return askers.isEmpty() ? null : askers;
          });
    }
    answers.computeIfAbsent(address, anew -> new LinkedHashMap<>()).putLast(mac, nowNanos);
  }

  /** Looks at two entries at most: of those that are not {@code mac}'s the latest tells. */
  private boolean isUsedByAnother(int address, long mac, long nowNanos) {
    var askers = answers.get(address);
    if (askers == null) {
      return false;
    }
    for (var asker : askers.sequencedEntrySet().reversed()) {
      if (asker.getKey() != mac) {
        return nowNanos - asker.getValue() < LIFETIME_NANOS;
      }
    }
    return false;
  }

  /**
   * The MAC address of the guest that has {@code address}, or {@code null} if none has said so
   * lately.
   */
  @Nullable Long at(int address, long nowNanos) {
    var claim = claims.get(address);
    return claim != null && nowNanos - claim.seenNanos < LIFETIME_NANOS ? claim.mac : null;
  }
}
