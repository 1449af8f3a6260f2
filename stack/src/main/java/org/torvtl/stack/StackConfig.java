/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import org.torvtl.tcp.TcpConfig;
import org.torvtl.wire.Ipv4Address;

/**
 * How a stack behaves.
 *
 * @param mac the gateway's MAC address on the link
 * @param address the gateway's own IPv4 address, the one that answers ping; network byte order
 * @param maxConnections TCP connections open at a time; requests beyond are dropped
 * @param maxPending TCP connection requests waiting for an answer at a time, part of those
 * @param tcp how the TCP engine behaves
 */
public record StackConfig(
    long mac, int address, int maxConnections, int maxPending, TcpConfig tcp) {
  /** A locally administered address; the same in every run, so that guests' caches stay right. */
  public static final long DEFAULT_MAC = 0x02_54_6F_72_56_4CL;

  public static final int DEFAULT_ADDRESS = Ipv4Address.parse("10.0.0.1");
  public static final int DEFAULT_MAX_CONNECTIONS = 16_384;
  public static final int DEFAULT_MAX_PENDING = 1024;

  /** The defaults, with the given address of the gateway. */
  public static StackConfig of(int address) {
    return new StackConfig(
        DEFAULT_MAC, address, DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PENDING, TcpConfig.defaults());
  }
}
