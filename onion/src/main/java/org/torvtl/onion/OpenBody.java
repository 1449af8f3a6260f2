/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/**
 * What OPEN says of a circuit. docs/onion-protocol.md, section 3.2.
 *
 * @param mtu bytes of the largest packet on it
 * @param tunnel the network whose every address the router is, but for the host's
 * @param routerAddress in which of them the router speaks as a hop on the way
 * @param sources the host's addresses
 */
record OpenBody(int mtu, Ipv4Network tunnel, int routerAddress, Set<Integer> sources) {
  private static final int MTU = 0, PREFIX_LENGTH = 2, SOURCE_COUNT = 3, TUNNEL = 4;
  private static final int ROUTER_ADDRESS = 8, SOURCES = 12;

  /** Bytes of the body. */
  int length() {
    return SOURCES + sources.size() * Ipv4Address.LENGTH;
  }

  /** Writes the body at an index of the buffer. */
  void write(ByteBuf buf, int at) {
    buf.setShort(at + MTU, mtu);
    buf.setByte(at + PREFIX_LENGTH, tunnel.prefixLength());
    buf.setByte(at + SOURCE_COUNT, sources.size());
    buf.setInt(at + TUNNEL, tunnel.first());
    buf.setInt(at + ROUTER_ADDRESS, routerAddress);
    int next = at + SOURCES;
    for (int source : sources) {
      buf.setInt(next, source);
      next += Ipv4Address.LENGTH;
    }
  }

  /** Reads a body; {@code null} if it is none. What stands behind it is for later versions. */
  static @Nullable OpenBody read(ByteBuf buf, int at, int length) {
    if (length < SOURCES
        || buf.getUnsignedByte(at + PREFIX_LENGTH) > Integer.SIZE
        || buf.getUnsignedShort(at + MTU) < ProxyConfig.MIN_MTU) {
      return null;
    }
    int count = buf.getUnsignedByte(at + SOURCE_COUNT);
    if (length < SOURCES + count * Ipv4Address.LENGTH) {
      return null;
    }
    var sources = new HashSet<Integer>();
    for (int i = 0; i < count; i++) {
      sources.add(buf.getInt(at + SOURCES + i * Ipv4Address.LENGTH));
    }
    return new OpenBody(
        buf.getUnsignedShort(at + MTU),
        new Ipv4Network(buf.getInt(at + TUNNEL), buf.getUnsignedByte(at + PREFIX_LENGTH)),
        buf.getInt(at + ROUTER_ADDRESS),
        Set.copyOf(sources));
  }
}
