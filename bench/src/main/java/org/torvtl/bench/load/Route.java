/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;
import org.torvtl.bench.socket.Sockets;
import org.torvtl.bench.world.Service;

/**
 * How to come to a service.
 *
 * @param address a {@code struct sockaddr_in}: the service's, or that of a SOCKS proxy
 * @param request what to ask the proxy for, RFC 1928, section 4; null if the way is plain TCP
 */
record Route(MemorySegment address, @Nullable MemorySegment request) {
  /**
   * The way to a service.
   *
   * @param proxy a SOCKS proxy to go through
   */
  static Route to(Inet4Address destination, Service service, @Nullable InetSocketAddress proxy) {
    var end = new InetSocketAddress(destination, service.port());
    return proxy == null
        ? new Route(Sockets.address(end), null)
        : new Route(Sockets.address(proxy), connectRequest(end));
  }

  private static MemorySegment connectRequest(InetSocketAddress to) {
    var request = Arena.global().allocate(10);
    byte[] head = {5, 1, 0, 1};
    MemorySegment.copy(head, 0, request, ValueLayout.JAVA_BYTE, 0, head.length);
    MemorySegment.copy(to.getAddress().getAddress(), 0, request, ValueLayout.JAVA_BYTE, 4, 4);
    request.set(ValueLayout.JAVA_BYTE, 8, (byte) (to.getPort() >> 8));
    request.set(ValueLayout.JAVA_BYTE, 9, (byte) to.getPort());
    return request;
  }
}
