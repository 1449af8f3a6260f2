/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.torvtl.gateway.dns.DnsLimits;
import org.torvtl.link.linux.DescriptorLimit;
import org.torvtl.stack.StackConfig;

/**
 * Fits the tables of the gateway to the file descriptors it may have, so that the tables fill first
 * and share out what there is. A connection of a guest takes one, and so does a query for a name, of
 * which there are up to half as many, but not more than {@link DnsLimits#DEFAULT} has.
 */
final class Descriptors {
  /** For the control port of tor, a capture, an event loop, libraries that are loaded late. */
  private static final int RESERVED = 32;

  /** For each lane: connections to the proxy that wait for a stream, or watch it. */
  private static final int RESERVED_FOR_LANE = 20;

  private static final int LEAST_CONNECTIONS = 8;

  private static final int LOOKUPS = DnsLimits.DEFAULT.inFlight();

  private Descriptors() {}

  /** The configuration, with no more connections than the limit allows; says so if it must. */
  static StackConfig fit(StackConfig config, int lanes, PrintWriter out) throws IOException {
    var limit = DescriptorLimit.current();
    int fitting = connections(limit.left(), lanes);
    if (fitting >= config.maxConnections()) {
      return config;
    }
    out.printf(
        "this process may have %d files open, which is enough for %d connections of guests at a"
            + " time, not %d (raise ulimit -n, or LimitNOFILE= of the service, to %d)%n",
        limit.most(),
        fitting,
        config.maxConnections(),
        limit.open() + needed(config.maxConnections(), lanes));
    out.flush();
    return config.withMaxConnections(fitting);
  }

  private static long needed(int connections, int lanes) {
    return connections
        + Math.min(LOOKUPS, connections / 2)
        + RESERVED
        + (long) lanes * RESERVED_FOR_LANE;
  }

  private static int connections(long descriptors, int lanes) {
    long left = descriptors - RESERVED - (long) lanes * RESERVED_FOR_LANE;
    long fitting = Math.max(left * 2 / 3, left - LOOKUPS);
    return (int) Math.clamp(fitting, LEAST_CONNECTIONS * lanes, Integer.MAX_VALUE);
  }
}
