/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import io.netty.buffer.ByteBuf;
import java.util.Set;

/** What a proxy acts through. */
public interface ProxyHandler {
  /** Sends a message as one datagram; takes the buffer over. */
  void send(Endpoint router, ByteBuf message);

  /** Gives a packet to the tunnel device; the buffer is borrowed for the time of the call. */
  void deliver(ByteBuf packet);

  /** The host's addresses as they are now, the tunnel's among them; the last ones if unknown. */
  Set<Integer> hostAddresses();

  /** Something happened to a router. */
  void event(ProxyEvent event);

  /** A line for the proxy's log. */
  void log(String line);
}
