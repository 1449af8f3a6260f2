/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import io.netty.buffer.ByteBuf;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.torvtl.ip.FourTuple;

/**
 * What guests get an answer from over UDP, by port. A service has its port at every address; a
 * datagram to any other port is refused.
 */
public final class UdpServices {
  /** Takes the datagrams to a port. */
  @FunctionalInterface
  public interface UdpService {
    /**
     * A guest has sent a datagram.
     *
     * @param payload borrowed for the time of the call
     */
    void datagram(FourTuple flow, ByteBuf payload);
  }

  private final Map<Integer, UdpService> byPort = new HashMap<>();

  /**
   * Adds a service.
   *
   * @throws IllegalStateException if the port has one
   */
  public void add(int port, UdpService service) {
    if (byPort.putIfAbsent(port, service) != null) {
      throw new IllegalStateException("UDP port " + port + " has a service");
    }
  }

  /** The service at a port, null if there is none. */
  @Nullable UdpService at(int port) {
    return byPort.get(port);
  }
}
