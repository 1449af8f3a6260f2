/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.OptionalInt;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * Asks the kernel whose a TCP socket of this network namespace is. sock_diag(7), for one socket at
 * a time: what that costs does not grow with the number of sockets, and it takes no privilege. Used
 * from one thread at a time; a question never waits.
 */
public final class InetDiag implements AutoCloseable {
  private static final int NETLINK_SOCK_DIAG = 4, SOCK_DIAG_BY_FAMILY = 20;
  private static final int NLMSG_ERROR = 2, NLM_F_REQUEST = 1;
  private static final int IPPROTO_TCP = 6, ALL_STATES = -1, NO_COOKIE = -1;

  /** {@code struct nlmsghdr}. */
  private static final int LENGTH = 0, TYPE = 4, FLAGS = 6, SEQUENCE = 8, HEADER_LENGTH = 16;

  /** {@code struct inet_diag_req_v2}; the socket's addresses are a {@code inet_diag_sockid}. */
  private static final int PROTOCOL = 1, STATES = 4, REQUEST_ID = 8, REQUEST_LENGTH = 56;

  private static final int SOURCE_PORT = 0, TARGET_PORT = 2, SOURCE = 4, TARGET = 20, COOKIE = 40;

  /** {@code struct inet_diag_msg}. */
  private static final int UID = 64, INODE = 68, ANSWER_LENGTH = 72;

  private static final int BUFFER_LENGTH = 4096;
  private static final ValueLayout.OfShort PORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;
  private static final int MAPPED_PREFIX = 12;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment request = arena.allocate(HEADER_LENGTH + REQUEST_LENGTH, 8);
  private final MemorySegment answer = arena.allocate(BUFFER_LENGTH, 8);
  private final int fd;
  private int sequence;

  private InetDiag(int fd) {
    this.fd = fd;
  }

  /**
   * Opens a channel to the kernel.
   *
   * @throws IOException if this kernel answers no such questions, or there are too many open files
   */
  public static InetDiag open() throws IOException {
    int fd =
        Libc.socket(
            Libc.AF_NETLINK,
            Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK,
            NETLINK_SOCK_DIAG);
    if (fd < 0) {
      throw new SystemCallException("cannot ask the kernel about sockets", -fd, "");
    }
    return new InetDiag(fd);
  }

  /**
   * The user who made the socket that takes connections from {@code client} to {@code server}.
   *
   * @return a user id, 32 bits without sign; empty if none listens there
   */
  public OptionalInt listener(InetSocketAddress server, InetSocketAddress client)
      throws IOException {
    // A listener is what matches when the client's port is none.
    return owner(server, new InetSocketAddress(client.getAddress(), 0), false);
  }

  /**
   * The user whose process has accepted the connection from {@code client} to {@code server}.
   *
   * @return a user id, 32 bits without sign; empty if none has, or it is closed by now
   */
  public OptionalInt acceptor(InetSocketAddress server, InetSocketAddress client)
      throws IOException {
    return owner(server, client, true);
  }

  private OptionalInt owner(InetSocketAddress local, InetSocketAddress remote, boolean accepted)
      throws IOException {
    ask(local, remote);
    long length = Libc.read(fd, answer.address(), answer.byteSize());
    if (length < 0) {
      throw new SystemCallException("cannot ask the kernel about sockets", (int) -length, "");
    }
    if (length < HEADER_LENGTH + JAVA_INT.byteSize()
        || answer.get(JAVA_INT, SEQUENCE) != sequence) {
      throw new IOException("cannot ask the kernel about sockets: its answer makes no sense");
    }
    if (Short.toUnsignedInt(answer.get(SHORT, TYPE)) == NLMSG_ERROR) {
      int error = -answer.get(JAVA_INT, HEADER_LENGTH);
      if (error == Libc.ENOENT) {
        return OptionalInt.empty();
      }
      throw new SystemCallException("cannot ask the kernel about a socket", error, "");
    }
    if (length < HEADER_LENGTH + ANSWER_LENGTH) {
      throw new IOException("cannot ask the kernel about sockets: its answer is short");
    }
    // One that no process has, and so no file, has no user of its own either.
    return accepted && answer.get(JAVA_INT, HEADER_LENGTH + INODE) == 0
        ? OptionalInt.empty()
        : OptionalInt.of(answer.get(JAVA_INT, HEADER_LENGTH + UID));
  }

  private void ask(InetSocketAddress local, InetSocketAddress remote) throws IOException {
    byte[] source = bytes(local), target = bytes(remote);
    request.fill((byte) 0);
    request.set(JAVA_INT, LENGTH, (int) request.byteSize());
    request.set(SHORT, TYPE, (short) SOCK_DIAG_BY_FAMILY);
    request.set(SHORT, FLAGS, (short) NLM_F_REQUEST);
    request.set(JAVA_INT, SEQUENCE, ++sequence);
    var body = request.asSlice(HEADER_LENGTH);
    body.set(
        ValueLayout.JAVA_BYTE,
        0,
        (byte) (source.length == Integer.BYTES ? Libc.AF_INET : Libc.AF_INET6));
    body.set(ValueLayout.JAVA_BYTE, PROTOCOL, (byte) IPPROTO_TCP);
    body.set(JAVA_INT, STATES, ALL_STATES);
    var id = body.asSlice(REQUEST_ID);
    id.set(PORT, SOURCE_PORT, (short) local.getPort());
    id.set(PORT, TARGET_PORT, (short) remote.getPort());
    MemorySegment.copy(source, 0, id, ValueLayout.JAVA_BYTE, SOURCE, source.length);
    MemorySegment.copy(target, 0, id, ValueLayout.JAVA_BYTE, TARGET, target.length);
    id.set(JAVA_INT, COOKIE, NO_COOKIE);
    id.set(JAVA_INT, COOKIE + Integer.BYTES, NO_COOKIE);
    long sent = Libc.sendto(fd, request.address(), request.byteSize(), 0, 0, 0);
    if (sent < 0) {
      throw new SystemCallException("cannot ask the kernel about sockets", (int) -sent, "");
    }
  }

  /** An IPv4 address is one also where a socket of IPv6 shows it mapped. RFC 4291, 2.5.5.2. */
  private static byte[] bytes(InetSocketAddress address) {
    byte[] bytes = address.getAddress().getAddress();
    boolean mapped =
        bytes.length > MAPPED_PREFIX
            && Arrays.equals(
                bytes,
                0,
                MAPPED_PREFIX,
                new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1},
                0,
                MAPPED_PREFIX);
    return mapped ? Arrays.copyOfRange(bytes, MAPPED_PREFIX, bytes.length) : bytes;
  }

  @Override
  public void close() {
    Libc.close(fd);
    arena.close();
  }
}
