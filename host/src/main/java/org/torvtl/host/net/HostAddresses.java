/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.net.Inet4Address;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * This host's own IPv4 addresses, on whatever interface, since Linux answers ARP for all of them on
 * each. They are looked up again when a while has passed. Used from one thread.
 */
public final class HostAddresses implements IntPredicate {
  private static final long LIFETIME_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final LongSupplier clock;
  private Set<Integer> addresses;
  private long readNanos;

  /**
   * @param clock nanoseconds as of {@link System#nanoTime}
   */
  public HostAddresses(LongSupplier clock) throws SocketException {
    this.clock = clock;
    this.addresses = read();
    this.readNanos = clock.getAsLong();
  }

  /** Whether an address, in network byte order, is this host's. */
  @Override
  public boolean test(int address) {
    long now = clock.getAsLong();
    if (now - readNanos > LIFETIME_NANOS) {
      readNanos = now;
      try {
        addresses = read();
      } catch (SocketException e) {
        // Those known up to now are the best answer there is; the next try is in a while.
      }
    }
    return addresses.contains(address);
  }

  private static Set<Integer> read() throws SocketException {
    return java.net.NetworkInterface.networkInterfaces()
        .flatMap(java.net.NetworkInterface::inetAddresses)
        .filter(Inet4Address.class::isInstance)
        .map(address -> ByteBuffer.wrap(address.getAddress()).getInt())
        .collect(Collectors.toSet());
  }
}
