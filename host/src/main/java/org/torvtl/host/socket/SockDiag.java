/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.torvtl.host.netlink.NetlinkClient;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkRequest;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * Asks the kernel for one socket of this network namespace, by its addresses. sock_diag(7),
 * linux/inet_diag.h. A question takes two system calls whatever the number of sockets, takes no
 * privilege, and never waits. Used from one thread at a time.
 */
final class SockDiag implements AutoCloseable {
  private static final int SOCK_DIAG_BY_FAMILY = 20, ALL_STATES = -1, NO_COOKIE = -1;

  /** {@code struct inet_diag_req_v2}; the socket's addresses are a {@code inet_diag_sockid}. */
  private static final int FAMILY = 0, PROTOCOL = 1, STATES = 4, REQUEST_LENGTH = 56;

  private static final int SOURCE_PORT = 8, TARGET_PORT = 10, SOURCE = 12, TARGET = 28, COOKIE = 48;

  /** {@code struct inet_diag_msg}, behind the header. */
  private static final int UID = NetlinkMessages.HEADER_LENGTH + 64, INODE = UID + 4;

  private static final String CANNOT = "cannot ask the kernel about a socket";

  private final NetlinkClient client;

  /**
   * A socket.
   *
   * @param uid of the user who has it, 32 bits without sign
   * @param inode 0 if no process has it
   */
  record Found(int uid, int inode) {}

  private SockDiag(NetlinkClient client) {
    this.client = client;
  }

  /**
   * @throws SystemCallException if this kernel answers no such questions, or there are too many
   *     open files
   */
  static SockDiag open() throws SystemCallException {
    return new SockDiag(NetlinkClient.open(NetlinkSocket.SOCK_DIAG));
  }

  /**
   * The socket with these ends; for TCP the source is the socket's own, for UDP the other one, as
   * of a packet that arrives.
   *
   * @param protocol of IP, such as 6
   * @param source 4 or 16 bytes
   * @param target as many
   */
  Optional<Found> find(int protocol, byte[] source, int sourcePort, byte[] target, int targetPort)
      throws SystemCallException {
    var structure = ByteBuffer.allocate(REQUEST_LENGTH);
    structure
        .put(FAMILY, (byte) (source.length == Integer.BYTES ? Libc.AF_INET : Libc.AF_INET6))
        .put(PROTOCOL, (byte) protocol)
        .putInt(STATES, ALL_STATES)
        .putShort(SOURCE_PORT, (short) sourcePort)
        .putShort(TARGET_PORT, (short) targetPort)
        .put(SOURCE, source)
        .put(TARGET, target)
        .putInt(COOKIE, NO_COOKIE)
        .putInt(COOKIE + Integer.BYTES, NO_COOKIE);
    var request = new NetlinkRequest(SOCK_DIAG_BY_FAMILY, 0, structure.array());
    return client.ask(CANNOT, request, SockDiag::read);
  }

  private static Found read(ByteBuffer answer) throws SystemCallException {
    if (answer.limit() < INODE + Integer.BYTES) {
      throw new SystemCallException(CANNOT, Libc.EINVAL, "its answer is short");
    }
    return new Found(answer.getInt(UID), answer.getInt(INODE));
  }

  @Override
  public void close() {
    client.close();
  }
}
