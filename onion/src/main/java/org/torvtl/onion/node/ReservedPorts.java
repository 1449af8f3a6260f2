/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion.node;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.util.HashMap;
import java.util.Map;
import org.torvtl.wire.Ipv4Address;

/**
 * UDP ports of one address that the kernel keeps for us: each is bound to a socket that nobody
 * reads. What arrives there is read from a raw socket; without the bound one the kernel would
 * answer that the port is closed, or give it to another program.
 */
final class ReservedPorts implements AutoCloseable {
  private final InetAddress address;
  private final Map<Integer, DatagramChannel> sockets = new HashMap<>();

  /**
   * @param address network byte order
   */
  ReservedPorts(int address) throws IOException {
    this.address = InetAddress.getByAddress(Ipv4Address.toBytes(address));
  }

  /** Reserves a port that the system chooses. */
  int reserve() throws IOException {
    var socket = DatagramChannel.open(StandardProtocolFamily.INET);
    try {
      // The kernel's minimum: the second datagram finds no room.
      socket.setOption(StandardSocketOptions.SO_RCVBUF, 1);
      socket.bind(new InetSocketAddress(address, 0));
      int port = ((InetSocketAddress) socket.getLocalAddress()).getPort();
      sockets.put(port, socket);
      return port;
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Gives a port back. */
  void release(int port) throws IOException {
    var socket = sockets.remove(port);
    if (socket != null) {
      socket.close();
    }
  }

  @Override
  public void close() throws IOException {
    for (int port : sockets.keySet().toArray(Integer[]::new)) {
      release(port);
    }
  }
}
