/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.OptionalInt;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Packet;

/**
 * Which user made the UDP socket that a packet is of, in this network namespace. The kernel is
 * asked for that one socket, which takes two system calls and no privilege. sock_diag(7).
 */
public final class UdpSocketUsers implements AutoCloseable {
  private static final int AF_NETLINK = 16, NETLINK_SOCK_DIAG = 4;
  private static final short SOCK_DIAG_BY_FAMILY = 20, NLM_F_REQUEST = 1;

  /** {@code struct nlmsghdr}: length, type, flags, sequence number, port. */
  private static final int TYPE = 4, FLAGS = 6, SEQUENCE = 8, HEADER_LENGTH = 16;

  /** {@code struct inet_diag_req_v2}, behind the header: family, protocol, states, socket. */
  private static final int FAMILY = HEADER_LENGTH, PROTOCOL = FAMILY + 1, STATES = FAMILY + 4;

  private static final int SOURCE_PORT = FAMILY + 8, DESTINATION_PORT = FAMILY + 10;
  private static final int SOURCE = FAMILY + 12, DESTINATION = FAMILY + 28;
  private static final int COOKIE = FAMILY + 48, REQUEST_LENGTH = FAMILY + 56;
  private static final int ALL = -1;

  /** In {@code struct inet_diag_msg}, behind the header. */
  private static final int UID = HEADER_LENGTH + 64;

  private static final int ANSWER_LENGTH = 512;

  private static final ValueLayout.OfInt NETWORK_INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort NETWORK_SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final int fd;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment request = arena.allocate(REQUEST_LENGTH, Integer.BYTES);
  private final MemorySegment answer = arena.allocate(ANSWER_LENGTH, Integer.BYTES);
  private int sequence;

  private UdpSocketUsers(int fd) {
    this.fd = fd;
    request.set(JAVA_INT, 0, REQUEST_LENGTH);
    request.set(JAVA_SHORT, TYPE, SOCK_DIAG_BY_FAMILY);
    request.set(JAVA_SHORT, FLAGS, NLM_F_REQUEST);
    request.set(JAVA_BYTE, FAMILY, (byte) Libc.AF_INET);
    request.set(JAVA_BYTE, PROTOCOL, (byte) Ipv4Packet.PROTOCOL_UDP);
    request.set(JAVA_INT, STATES, ALL);
    request.set(JAVA_INT, COOKIE, ALL);
    request.set(JAVA_INT, COOKIE + Integer.BYTES, ALL);
  }

  /**
   * Opens what is asked.
   *
   * @throws SystemCallException if the kernel has nothing of the kind
   */
  public static UdpSocketUsers open() throws SystemCallException {
    int fd =
        Libc.socket(
            AF_NETLINK,
            Libc.SOCK_DGRAM | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC,
            NETLINK_SOCK_DIAG);
    if (fd < 0) {
      throw new SystemCallException("cannot ask for the users of sockets", -fd, "");
    }
    return new UdpSocketUsers(fd);
  }

  /**
   * The user whose socket sends packets with these addresses and ports; empty if there is none now.
   *
   * @param address the socket's own, network byte order
   * @param port the socket's own
   * @param remoteAddress network byte order
   */
  public OptionalInt of(int address, int port, int remoteAddress, int remotePort) {
    sequence++;
    request.set(JAVA_INT, SEQUENCE, sequence);
    // The kernel takes the remote end for the source here, as of a packet that arrives.
    request.set(NETWORK_SHORT, SOURCE_PORT, (short) remotePort);
    request.set(NETWORK_INT, SOURCE, remoteAddress);
    request.set(NETWORK_SHORT, DESTINATION_PORT, (short) port);
    request.set(NETWORK_INT, DESTINATION, address);
    if (Libc.sendto(fd, request.address(), REQUEST_LENGTH, 0, 0, 0) < 0) {
      return OptionalInt.empty();
    }
    // The answer is there when the request was sent; one of an earlier request may be before it.
    while (true) {
      long length = Libc.read(fd, answer.address(), ANSWER_LENGTH);
      if (length < HEADER_LENGTH) {
        return OptionalInt.empty();
      }
      if (answer.get(JAVA_INT, SEQUENCE) == sequence) {
        return answer.get(JAVA_SHORT, TYPE) == SOCK_DIAG_BY_FAMILY && length >= UID + Integer.BYTES
            ? OptionalInt.of(answer.get(JAVA_INT, UID))
            : OptionalInt.empty();
      }
    }
  }

  @Override
  public void close() {
    Libc.close(fd);
    arena.close();
  }
}
