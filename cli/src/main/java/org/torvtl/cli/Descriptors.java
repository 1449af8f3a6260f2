/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.torvtl.gateway.GuestDevice;
import org.torvtl.gateway.dns.DnsLimits;
import org.torvtl.host.system.DescriptorLimit;

/**
 * Fits the tables of the gateway to the file descriptors it may have, so that the tables fill first
 * and share out what there is. A connection of a guest takes one, and so does a query for a name,
 * of which a lane takes up to half as many as connections, but not more than {@link
 * DnsLimits#DEFAULT} has.
 */
final class Descriptors {
  /** For the control port of tor, a capture, libraries that are loaded late. */
  private static final int RESERVED = 32;

  /** For each lane: its event loop, and connections to the proxy that are ready, or watch it. */
  private static final int RESERVED_FOR_LANE = 24;

  /** Fewer than this for each lane serve nobody, so it is tried with as many. */
  private static final int LEAST_CONNECTIONS = 8;

  private Descriptors() {}

  /**
   * Lowers the limits of devices to what may be open at a time, and says so if it must.
   *
   * @param devices all of the gateway, whose links are open
   * @throws IOException if {@code /proc} does not tell the limit
   */
  static void fit(List<GuestDevice> devices, PrintWriter out) throws IOException {
    fit(devices, DescriptorLimit.current(), out);
  }

  static void fit(List<GuestDevice> devices, DescriptorLimit limit, PrintWriter out) {
    int lanes = devices.stream().mapToInt(device -> device.links().size()).sum();
    int wanted = devices.getFirst().config().maxConnections();
    int fitting = connections(limit.left(), lanes);
    if (fitting >= wanted) {
      return;
    }
    out.printf("%s (%s)%n", shortage(limit, lanes, wanted), advice(limit, lanes, wanted)).flush();
    devices.replaceAll(device -> device.withConfig(device.config().withMaxConnections(fitting)));
  }

  /** That the limit allows fewer connections than wanted. */
  static String shortage(DescriptorLimit limit, int lanes, int wanted) {
    return "this process may have %d files open, which is enough for %d connections of guests at a time, not %d"
        .formatted(limit.most(), connections(limit.left(), lanes), wanted);
  }

  /** What to do about a {@link #shortage}. */
  static String advice(DescriptorLimit limit, int lanes, int wanted) {
    return "raise ulimit -Hn, or LimitNOFILE= of the service, to %d"
        .formatted(limit.open() + needed(wanted, lanes));
  }

  /** Descriptors that so many connections take, with the lookups that go with them. */
  static long needed(int connections, int lanes) {
    return connections + lookups(connections, lanes) + reserved(lanes);
  }

  /** The most connections that do with so many descriptors. */
  static int connections(long descriptors, int lanes) {
    long left = descriptors - reserved(lanes);
    long most = (long) lanes * DnsLimits.DEFAULT.inFlight();
    long fitting = Math.max(left * 2 / 3, left - most);
    return Math.clamp(fitting, LEAST_CONNECTIONS * lanes, Integer.MAX_VALUE);
  }

  private static long lookups(int connections, int lanes) {
    return Math.min((long) lanes * DnsLimits.DEFAULT.inFlight(), connections / 2);
  }

  private static long reserved(int lanes) {
    return RESERVED + (long) lanes * RESERVED_FOR_LANE;
  }
}
