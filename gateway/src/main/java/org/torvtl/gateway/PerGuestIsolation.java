/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.function.ObjLongConsumer;
import org.torvtl.egress.IsolationKey;
import org.torvtl.wire.MacAddress;

/**
 * A key for each guest of a device, told apart by MAC address.
 *
 * <p>A MAC address is free to make up, and each new key costs the egress a circuit or more. So
 * {@link #CAPACITY} keys are remembered, and the guest that asked for nothing for longest gives
 * way. If it comes back it gets a new key: none is given twice, so none ever serves two guests.
 * Streams that are open keep the key they began with.
 */
public final class PerGuestIsolation implements IsolationPolicy {
  /** Guests whose keys are remembered. */
  public static final int CAPACITY = 256;

  private final IsolationKeys keys;

  /** By MAC address, the one idle for longest first. */
  private final LinkedHashMap<Long, IsolationKey> byGuest = new LinkedHashMap<>(16, 0.75f, true);

  private long evicted;

  /**
   * A policy for a device no guest of which is known yet.
   *
   * @param device its name
   */
  public PerGuestIsolation(String device, SecureRandom random) {
    this(new IsolationKeys(device, random));
  }

  PerGuestIsolation(IsolationKeys keys) {
    this.keys = keys;
  }

  @Override
  public synchronized IsolationKey keyOf(Request request) {
    var known = byGuest.get(request.guest());
    if (known != null) {
      return known;
    }
    if (byGuest.size() == CAPACITY) {
      byGuest.pollFirstEntry();
      evicted++;
    }
    var key = keys.next(MacAddress.toString(request.guest()));
    byGuest.put(request.guest(), key);
    return key;
  }

  @Override
  public synchronized void forget(long guest) {
    byGuest.remove(guest);
  }

  @Override
  public synchronized void count(ObjLongConsumer<String> sink) {
    sink.accept("keys", keys.made());
    sink.accept("evicted_keys", evicted);
  }
}
