/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import java.util.function.LongUnaryOperator;
import org.torvtl.tcp.KeepAlive;
import org.torvtl.tcp.TcpConfig;
import org.torvtl.wire.Ipv4Address;

/**
 * How a stack behaves.
 *
 * @param mac the gateway's MAC address on the link
 * @param address the gateway's own IPv4 address, the one that answers ping; network byte order
 * @param maxConnections TCP connections open at a time; for one beyond, another is evicted
 * @param maxPending TCP connection requests waiting for an answer at a time, part of those; for one
 *     beyond, another is evicted or the request dropped
 * @param bufferBytes what may be held for all guests, by what it pins in memory; {@link
 *     MemoryAccount} keeps it and shares it out among guests. For windows it is shared out so that
 *     the first connections of an owner get {@link #MAX_SHARE} for each direction, and the more it
 *     has the less each new one, down to {@link #MIN_SHARE}
 * @param tcp how the TCP engine behaves; segment size and capacities are set for each connection
 * @param hostAddresses IPv4 addresses that the host answers ARP for on this link itself, in network
 *     byte order; none where the host has no part in the link
 * @param owners who a guest belongs to, by its MAC address. What is shared out among guests is
 *     shared out by owner, so the MAC addresses that one guest makes up count as one. Asked for
 *     each frame, on the lane's thread
 */
public record StackConfig(
    long mac,
    int address,
    int maxConnections,
    int maxPending,
    int bufferBytes,
    TcpConfig tcp,
    IntPredicate hostAddresses,
    LongUnaryOperator owners) {
  /** Bytes a connection may buffer in each direction. */
  public static final int MAX_SHARE = 1 << 20, MIN_SHARE = 16 << 10;

  /** A locally administered address; the same in every run, so that guests' caches stay right. */
  public static final long DEFAULT_MAC = 0x02_54_6F_72_56_4CL;

  public static final int DEFAULT_ADDRESS = Ipv4Address.parse("10.0.0.1");
  public static final int DEFAULT_MAX_CONNECTIONS = 16_384;
  public static final int DEFAULT_MAX_PENDING = 1024;

  /** Of the requests that wait for an answer, what each of several stacks may have at least. */
  static final int MIN_PENDING = 256;

  public static final int DEFAULT_BUFFER_BYTES = 384 << 20;

  /**
   * A guest that says nothing for 5 minutes is asked whether it is still there, and has vanished if
   * it does not answer for 2 more. Far sooner than a host on the Internet would ask: the question
   * crosses a cable only, and a connection left behind holds a stream of Tor's open.
   */
  static final KeepAlive KEEP_ALIVE =
      new KeepAlive(TimeUnit.MINUTES.toNanos(5), TimeUnit.SECONDS.toNanos(15), 8);

  /** The defaults, with the given address of the gateway. */
  public static StackConfig of(int address) {
    return new StackConfig(
        DEFAULT_MAC,
        address,
        DEFAULT_MAX_CONNECTIONS,
        DEFAULT_MAX_PENDING,
        DEFAULT_BUFFER_BYTES,
        TcpConfig.defaults().withKeepAlive(KEEP_ALIVE),
        none -> false,
        LongUnaryOperator.identity());
  }

  /** This, on a link where the host has addresses of its own. */
  public StackConfig withHostAddresses(IntPredicate hostAddresses) {
    return new StackConfig(
        mac, address, maxConnections, maxPending, bufferBytes, tcp, hostAddresses, owners);
  }

  /** This, with another answer to whom a guest belongs. */
  public StackConfig withOwners(LongUnaryOperator owners) {
    return new StackConfig(
        mac, address, maxConnections, maxPending, bufferBytes, tcp, hostAddresses, owners);
  }

  /** This, with fewer connections: {@code most}, or as many as before if that is less. */
  public StackConfig withMaxConnections(int most) {
    return new StackConfig(
        mac,
        address,
        Math.min(maxConnections, most),
        Math.min(maxPending, most),
        bufferBytes,
        tcp,
        hostAddresses,
        owners);
  }

  /**
   * This, for one of so many stacks that together may have as much, and no more; but each may have
   * {@link #MIN_PENDING} requests waiting, since those of a guest may all be with one.
   */
  public StackConfig dividedBy(int stacks) {
    int connections = Math.max(1, maxConnections / stacks);
    int pending = Math.max(maxPending / stacks, Math.min(maxPending, MIN_PENDING));
    return new StackConfig(
        mac,
        address,
        connections,
        Math.clamp(pending, 1, connections),
        bufferBytes / stacks,
        tcp,
        hostAddresses,
        owners);
  }

  /** Of the connection requests that may wait for an answer, how many may be of one owner. */
  int maxPendingOfOneOwner() {
    return Math.max(1, maxPending / 2);
  }

  /**
   * Bytes a new connection may buffer in each direction.
   *
   * @param connections how many its owner has besides; those of others must not show in its window
   */
  int share(int connections) {
    // A sixteenth: shares of so much, one less than the other, add up to about a third of all for
    // each direction before they reach the least share. What comes beyond, the account bounds.
    return Math.clamp(bufferBytes / 16 / (connections + 1), MIN_SHARE, MAX_SHARE);
  }
}
