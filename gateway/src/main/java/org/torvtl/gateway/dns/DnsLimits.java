/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway.dns;

import java.time.Duration;

/**
 * What guests can take.
 *
 * @param inFlight queries that wait for an answer from the way out, in all
 * @param inFlightPerOwner the same for one owner
 * @param timeout after which a lookup is given up
 */
public record DnsLimits(int inFlight, int inFlightPerOwner, Duration timeout) {
  /**
   * 512 in all, 128 for each owner; 30 s, which is more than stub resolvers wait and a quarter of
   * Tor's SocksTimeout.
   */
  public static final DnsLimits DEFAULT = new DnsLimits(512, 128, Duration.ofSeconds(30));

  /** This, with no more than {@code most} queries in flight. */
  public DnsLimits withAtMost(int most) {
    return new DnsLimits(
        Math.min(inFlight, most), Math.min(inFlightPerOwner, Math.max(1, most / 2)), timeout);
  }

  public DnsLimits {
    if (inFlight < 1 || inFlightPerOwner < 1 || !timeout.isPositive()) {
      throw new IllegalArgumentException("limits are positive");
    }
  }
}
