/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.torvtl.stack.GuestConnection;

/**
 * The open connections of a device's guests where others are agreed on, as FTP does: see {@link
 * Dialogue#isControl}. For all lanes of a device, on any thread. Bounded by the connections.
 */
final class ControlConnections {
  /**
   * @param guest MAC address
   * @param guestAddress IPv4 address, as the next
   * @param address of the far end
   */
  private record Ends(long guest, int guestAddress, int address) implements Comparable<Ends> {
    static Ends of(GuestConnection connection) {
      return new Ends(
          connection.guest(), connection.tuple().guestAddress(), connection.tuple().address());
    }

    /** Any order. A guest can choose addresses that hash alike; a map compares their keys then. */
    @Override
    public int compareTo(Ends other) {
      int order = Long.compare(guest, other.guest);
      order = order != 0 ? order : Integer.compare(guestAddress, other.guestAddress);
      return order != 0 ? order : Integer.compare(address, other.address);
    }
  }

  private final ConcurrentMap<Ends, Integer> open = new ConcurrentHashMap<>();

  /** One was opened; it is to be removed once. */
  void add(GuestConnection connection) {
    open.merge(Ends.of(connection), 1, Integer::sum);
  }

  void remove(GuestConnection connection) {
    open.computeIfPresent(Ends.of(connection), (ends, count) -> count > 1 ? count - 1 : null);
  }

  /** Whether the guest of a connection has one with that far end. */
  boolean isAny(GuestConnection connection) {
    return open.containsKey(Ends.of(connection));
  }
}
