/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;

/**
 * Waits until one of several netlink sockets has a message, or {@link #wake} is called. poll(2).
 */
public final class NetlinkWait implements AutoCloseable {
  private static final int POLLFD_LENGTH = 8, EVENTS = 4;
  private static final short POLLIN = 1;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment descriptors;
  private final MemorySegment wakes = arena.allocate(JAVA_LONG);
  private final MemorySegment one = arena.allocateFrom(JAVA_LONG, 1);
  private final MemorySegment vector = arena.allocate(2 * JAVA_LONG.byteSize(), Long.BYTES);
  private final int count;
  private final int wakeFd;

  public NetlinkWait(List<NetlinkSocket> sockets) throws SystemCallException {
    wakeFd = Libc.eventfd(0, Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK);
    if (wakeFd < 0) {
      arena.close();
      throw new SystemCallException("cannot make an event descriptor", -wakeFd, "");
    }
    count = sockets.size() + 1;
    descriptors = arena.allocate((long) count * POLLFD_LENGTH, Long.BYTES);
    set(0, wakeFd);
    for (int i = 1; i < count; i++) {
      set(i, sockets.get(i - 1).fd());
    }
    vector.set(JAVA_LONG, 0, one.address());
    vector.set(JAVA_LONG, Long.BYTES, Long.BYTES);
  }

  private void set(int index, int fd) {
    descriptors.set(JAVA_INT, (long) index * POLLFD_LENGTH, fd);
    descriptors.set(JAVA_SHORT, (long) index * POLLFD_LENGTH + EVENTS, POLLIN);
  }

  /**
   * Waits. One call of {@link #wake}, or several, ends one wait, this or the next.
   *
   * @param timeoutMillis negative for ever
   */
  public void await(int timeoutMillis) throws SystemCallException {
    int result = Libc.poll(descriptors, count, timeoutMillis);
    if (result < 0 && result != -Libc.EINTR) {
      throw new SystemCallException("cannot wait for netlink", -result, "");
    }
    // The counter of wakes, back to zero.
    Libc.read(wakeFd, wakes.address(), Long.BYTES);
  }

  /** Ends a wait. Any thread may call it. */
  public void wake() {
    Libc.writev(wakeFd, vector.address(), 1);
  }

  @Override
  public void close() {
    Libc.close(wakeFd);
    arena.close();
  }
}
