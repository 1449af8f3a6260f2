/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.time.Duration;

/**
 * What guests can take.
 *
 * @param inFlight lookups under way at once, in all
 * @param inFlightPerOwner the same for one owner; further ones wait for a place
 * @param timeout after which a lookup is given up
 */
public record DnsLimits(int inFlight, int inFlightPerOwner, Duration timeout) {
  /**
   * 512 in all, 128 for each owner; 30 s, which is more than stub resolvers wait and a quarter of
   * Tor's SocksTimeout.
   */
  public static final DnsLimits DEFAULT = new DnsLimits(512, 128, Duration.ofSeconds(30));

  private static final int QUERIES_PER_LOOKUP = 8;

  /** This, with no more than {@code most} lookups under way. */
  public DnsLimits withAtMost(int most) {
    return new DnsLimits(
        Math.min(inFlight, most), Math.min(inFlightPerOwner, Math.max(1, most / 2)), timeout);
  }

  /** Queries that may wait for a place, an answer or their turn, in all: each holds some 0.7 kB. */
  int waiting() {
    return QUERIES_PER_LOOKUP * inFlight;
  }

  /** The same for one owner. */
  int waitingPerOwner() {
    return QUERIES_PER_LOOKUP * inFlightPerOwner;
  }

  public DnsLimits {
    if (inFlight < 1 || inFlightPerOwner < 1 || !timeout.isPositive()) {
      throw new IllegalArgumentException("limits are positive");
    }
  }
}
