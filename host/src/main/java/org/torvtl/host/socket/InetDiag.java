/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.socket;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * Asks the kernel whose a TCP socket of this network namespace is, by {@link SockDiag}. Used from
 * one thread at a time; a question never waits.
 */
public final class InetDiag implements AutoCloseable {
  private static final int IPPROTO_TCP = 6;
  private static final int MAPPED_PREFIX = 12;

  private final SockDiag kernel;

  private InetDiag(SockDiag kernel) {
    this.kernel = kernel;
  }

  /**
   * Opens a channel to the kernel.
   *
   * @throws IOException if this kernel answers no such questions, or there are too many open files
   */
  public static InetDiag open() throws IOException {
    return new InetDiag(SockDiag.open());
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
    var found =
        kernel.find(IPPROTO_TCP, bytes(local), local.getPort(), bytes(remote), remote.getPort());
    // One that no process has, and so no file, has no user of its own either.
    return found.isEmpty() || accepted && found.get().inode() == 0
        ? OptionalInt.empty()
        : OptionalInt.of(found.get().uid());
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
    kernel.close();
  }
}
