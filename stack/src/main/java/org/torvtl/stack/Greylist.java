/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;

/**
 * Tells a guest that repeats its request from one that was never heard before, as mail servers do
 * (RFC 6647): a flood of made-up MAC addresses repeats none.
 *
 * <p>A set-associative cache of fingerprints and of the time each was first heard, of a fixed size
 * and without an allocation for each guest. It grows in two steps while many are new, up to 4 MiB,
 * which remembers half a million guests a second for 2 s. Two guests with one fingerprint, one in
 * two million, are taken for one.
 */
final class Greylist {
  /** After so long a guest that is heard again repeats itself; before, it goes on. */
  static final long PROBATION_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final int WAYS = 4;
  private static final int LEAST_ENTRIES = 1 << 12, MOST_ENTRIES = 1 << 20, GROWTH = 16;

  /** A tick is 2^24 ns, 17 ms; an entry has the lowest 8 bits of its number. */
  private static final int TICK_SHIFT = 24, TICK_MASK = 0xFF;

  private static final int PROBATION_TICKS = (int) (PROBATION_NANOS >> TICK_SHIFT);

  /** Marks an entry that is in use. */
  private static final int USED = 1 << 8;

  private final long secret;
  private int[] entries = new int[LEAST_ENTRIES];
  private int added;
  private long addedSinceNanos;

  /**
   * A list of nobody.
   *
   * @param secret random, so that no guest can choose whom it displaces
   */
  Greylist(long secret, long nowNanos) {
    this.secret = secret;
    addedSinceNanos = nowNanos;
  }

  /** Notes that a guest is heard; whether it was before, longer than its probation ago. */
  boolean heard(long guest, long nowNanos) {
    long hash = mix(guest ^ secret);
    int first = (int) hash & (entries.length - WAYS);
    int fingerprint = (int) (hash >>> 32) & ~TICK_MASK | USED;
    int tick = (int) (nowNanos >> TICK_SHIFT) & TICK_MASK;
    int oldest = first;
    int oldestAge = -1;
    for (int i = first; i < first + WAYS; i++) {
      int entry = entries[i];
      int age = entry == 0 ? TICK_MASK + 1 : (tick - entry) & TICK_MASK;
      if ((entry & ~TICK_MASK) == fingerprint) {
        return age >= PROBATION_TICKS;
      }
      if (age > oldestAge) {
        oldest = i;
        oldestAge = age;
      }
    }
    entries[oldest] = fingerprint | tick;
    grow(nowNanos);
    return false;
  }

  /** Where many are new within a second; those in the list have to come once more. */
  private void grow(long nowNanos) {
    if (nowNanos - addedSinceNanos >= TimeUnit.SECONDS.toNanos(1)) {
      addedSinceNanos = nowNanos;
      added = 0;
    }
    added++;
    if (added > entries.length / WAYS && entries.length < MOST_ENTRIES) {
      entries = new int[entries.length * GROWTH];
      added = 0;
    }
  }

  /** The finalizer of MurmurHash3. */
  private static long mix(long value) {
    long mixed = (value ^ value >>> 33) * 0xFF51AFD7ED558CCDL;
    mixed = (mixed ^ mixed >>> 33) * 0xC4CEB9FE1A85EC53L;
    return mixed ^ mixed >>> 33;
  }
}
