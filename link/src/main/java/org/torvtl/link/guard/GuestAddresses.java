/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Which port each MAC address belongs to, as it was read from the guard's tables last, so that they
 * can be written anew. Tells when guests have left with their port. The guard's thread alone
 * changes it.
 */
final class GuestAddresses {
  /** Guests that have left their port, so that others may have their MAC addresses. */
  static final class Departure {
    final Set<Long> macs;
    private volatile @Nullable Departure next;

    private Departure(Set<Long> macs) {
      this.macs = macs;
    }

    /** The one after this, if there is any yet. */
    @Nullable Departure next() {
      return next;
    }
  }

  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile Departure lastDeparture = new Departure(Set.of());
  private Map<Integer, Set<Long>> byPort = Map.of();

  /** The MAC addresses of ports, by index. */
  Map<Integer, Set<Long>> byPort() {
    return byPort;
  }

  /**
   * Takes what is in the tables now. A port that is there loses none: the tables may have been
   * flushed a moment ago, and what is in them then is of those that came first after that.
   */
  void read(Map<Integer, Set<Long>> tables) {
    var all = new HashMap<Integer, Set<Long>>();
    var taken = new HashSet<Long>();
    byPort.forEach((port, macs) -> {
      all.put(port, new LinkedHashSet<>(macs));
      taken.addAll(macs);
    });
    tables.forEach((port, macs) -> {
      var ofPort = all.computeIfAbsent(port, anew -> new LinkedHashSet<>());
      macs.stream().filter(taken::add).forEach(ofPort::add);
    });
    byPort = all;
  }

  /** Forgets ports that are gone, and tells that their guests have left. */
  void depart(IntPredicate isGone) {
    var stay = new HashMap<>(byPort);
    var macs = new HashSet<Long>();
    for (int port : new ArrayList<>(stay.keySet())) {
      if (isGone.test(port)) {
        macs.addAll(stay.remove(port));
      }
    }
    byPort = stay;
    if (!macs.isEmpty()) {
      var departure = new Departure(macs);
      lastDeparture.next = departure;
      lastDeparture = departure;
      listeners.forEach(Runnable::run);
    }
  }

  /** The departure of which nobody needs to hear that comes now. Any thread may ask. */
  Departure lastDeparture() {
    return lastDeparture;
  }

  /** Has a task run by the guard's thread after each departure. */
  void onDeparture(Runnable listener) {
    listeners.add(listener);
  }

  void noLonger(Runnable listener) {
    listeners.remove(listener);
  }
}
