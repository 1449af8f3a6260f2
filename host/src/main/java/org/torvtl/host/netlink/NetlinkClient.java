/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * Asks the kernel for listings and changes, one at a time, and takes its answers. netlink(7). An
 * error is a {@link SystemCallException} with the kernel's error number and, where it gives one,
 * its reason (NETLINK_EXT_ACK). Used from one thread at a time.
 */
public final class NetlinkClient implements AutoCloseable {
  private static final int DEADLINE_MILLIS = 5_000, TRIES = 32;

  /** Reads an answer. */
  public interface Reader<T> {
    /**
     * @param message with its header, in this machine's byte order; valid during the call
     */
    T read(ByteBuffer message) throws SystemCallException;
  }

  private final NetlinkSocket socket;
  private final NetlinkWait wait;
  private int sequence;

  private NetlinkClient(NetlinkSocket socket) throws SystemCallException {
    this.socket = socket;
    wait = new NetlinkWait(List.of(socket));
  }

  /**
   * @param protocol such as {@link NetlinkSocket#ROUTE}; in the calling thread's network namespace
   */
  public static NetlinkClient open(int protocol) throws SystemCallException {
    var socket = NetlinkSocket.open(protocol, 0, 0);
    try {
      socket.explainErrors();
      return new NetlinkClient(socket);
    } catch (SystemCallException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Lists what there is at one time.
   *
   * @param what for an error, as {@code cannot list interfaces}
   * @param request with {@link NetlinkRequest#NLM_F_DUMP}
   * @param type of the messages that tell of it, such as {@code RTM_NEWLINK}
   * @param reader gets each of them with its header, valid during the call
   * @throws SystemCallException also if it keeps changing
   */
  public <T> List<T> list(
      String what, NetlinkRequest request, int type, Function<ByteBuffer, Optional<T>> reader)
      throws SystemCallException {
    for (int i = 0; i < TRIES; i++) {
      socket.send(request.bytes(++sequence));
      var dump = new NetlinkDump<T>(what, type, sequence, reader);
      long begun = System.nanoTime();
      while (!dump.add(next(what, begun))) {}
      var entries = dump.entries();
      if (entries.isPresent()) {
        return entries.get();
      }
    }
    throw new SystemCallException(what, Libc.EAGAIN, "they keep changing");
  }

  /**
   * Asks for one thing. It never waits: the kernel has answered when it has taken the request.
   *
   * @param what for an error, as {@code cannot ask for a socket}
   * @return empty if there is none ({@code ENOENT})
   */
  public <T> Optional<T> ask(String what, NetlinkRequest request, Reader<T> reader)
      throws SystemCallException {
    socket.send(request.bytes(++sequence));
    while (true) {
      var messages = socket.read();
      if (messages == null) {
        throw new SystemCallException(what, Libc.EAGAIN, "");
      }
      for (var message : NetlinkMessages.split(messages)) {
        if (NetlinkMessages.sequence(message) != sequence) {
          continue;
        }
        if (NetlinkMessages.type(message) != NetlinkMessages.NLMSG_ERROR) {
          return Optional.of(reader.read(message));
        }
        if (NetlinkMessages.errno(message) == Libc.ENOENT) {
          return Optional.empty();
        }
        NetlinkMessages.throwIfError(message, what);
      }
    }
  }

  /**
   * Has a change made.
   *
   * @param what for an error, as {@code cannot add the route to 192.0.2.0/24}
   * @param request with {@link NetlinkRequest#NLM_F_ACK}
   */
  public void change(String what, NetlinkRequest request) throws SystemCallException {
    socket.send(request.bytes(++sequence));
    long begun = System.nanoTime();
    while (true) {
      for (var message : NetlinkMessages.split(next(what, begun))) {
        if (NetlinkMessages.sequence(message) == sequence
            && NetlinkMessages.type(message) == NetlinkMessages.NLMSG_ERROR) {
          NetlinkMessages.throwIfError(message, what);
          return;
        }
      }
    }
  }

  /** The next messages, valid until the next call. */
  private ByteBuffer next(String what, long begunNanos) throws SystemCallException {
    while (true) {
      var messages = socket.read();
      if (messages != null) {
        return messages;
      }
      if (System.nanoTime() - begunNanos > TimeUnit.MILLISECONDS.toNanos(DEADLINE_MILLIS)) {
        throw new SystemCallException(what, Libc.ETIMEDOUT, "");
      }
      wait.await(DEADLINE_MILLIS);
    }
  }

  @Override
  public void close() {
    wait.close();
    socket.close();
  }
}
