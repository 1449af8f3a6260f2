/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.security.SecureRandom;
import java.util.function.BooleanSupplier;
import java.util.function.ObjLongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.egress.IsolationKey;

/**
 * One key for all that is behind a device: the device is the guest, whatever MAC addresses it makes
 * up.
 *
 * <p>That holds as long as no other device stands on it. Once one does, as when the device becomes
 * a port of a bridge, several guests may be behind it: from then on, and for good, each has a key
 * of its own, and the one key is not given any more.
 */
public final class PerDeviceIsolation implements IsolationPolicy {
  /** The owner of all that a device makes up, no MAC address. */
  private static final long DEVICE = -1;

  private static final Logger log = LoggerFactory.getLogger(PerDeviceIsolation.class);

  private final String device;
  private final BooleanSupplier isShared;
  private final IsolationKey key;
  private final IsolationKeys keys;
  private final PerGuestIsolation perGuest;
  private volatile boolean shared;

  /**
   * A policy for a device that is one guest.
   *
   * @param device its name
   * @param isShared whether other guests may be behind it by now; asked at each request, by one
   *     thread at a time
   */
  public PerDeviceIsolation(String device, SecureRandom random, BooleanSupplier isShared) {
    this.device = device;
    this.isShared = isShared;
    keys = new IsolationKeys(device, random);
    key = keys.next("all");
    perGuest = new PerGuestIsolation(keys);
  }

  @Override
  public synchronized IsolationKey keyOf(Request request) {
    if (!shared && isShared.getAsBoolean()) {
      shared = true;
      log.warn(
          "another device stands on {} now, such as a bridge: from here on each MAC address there"
              + " is a guest of its own",
          device);
    }
    return shared ? perGuest.keyOf(request) : key;
  }

  @Override
  public long ownerOf(long guest) {
    return shared ? guest : DEVICE;
  }

  @Override
  public synchronized void forget(long guest) {
    perGuest.forget(guest);
  }

  @Override
  public synchronized void count(ObjLongConsumer<String> sink) {
    perGuest.count(sink);
  }
}
