/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import java.nio.ByteBuffer;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Packet;

/**
 * Which user made the UDP socket that a packet is of, in this network namespace. The kernel is
 * asked for that one socket, by {@link SockDiag}.
 */
public final class UdpSocketUsers implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(UdpSocketUsers.class);

  private final SockDiag kernel;

  private UdpSocketUsers(SockDiag kernel) {
    this.kernel = kernel;
  }

  /**
   * Opens what is asked.
   *
   * @throws SystemCallException if the kernel has nothing of the kind
   */
  public static UdpSocketUsers open() throws SystemCallException {
    return new UdpSocketUsers(SockDiag.open());
  }

  /**
   * The user whose socket sends packets with these addresses and ports; empty if there is none now,
   * or it cannot be told.
   *
   * @param address the socket's own, network byte order
   * @param port the socket's own
   * @param remoteAddress network byte order
   */
  public OptionalInt of(int address, int port, int remoteAddress, int remotePort) {
    try {
      // The kernel takes the remote end for the source here, as of a packet that arrives.
      var found =
          kernel.find(
              Ipv4Packet.PROTOCOL_UDP, bytes(remoteAddress), remotePort, bytes(address), port);
      return found.isPresent() ? OptionalInt.of(found.get().uid()) : OptionalInt.empty();
    } catch (SystemCallException e) {
      log.debug("the user of a packet cannot be told", e);
      return OptionalInt.empty();
    }
  }

  private static byte[] bytes(int address) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(address).array();
  }

  @Override
  public void close() {
    kernel.close();
  }
}
