/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.netlink;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.torvtl.host.system.SystemCallException;

/** A thread that waits for messages of netlink sockets, which it owns, until it is told to end. */
public final class NetlinkWatcher implements AutoCloseable {
  private static final long END_SECONDS = 10;

  private final List<NetlinkSocket> sockets;
  private final NetlinkWait wait;
  private final Thread thread;
  private volatile boolean isClosing;

  /**
   * A thread that does not run yet.
   *
   * @param sockets the caller's still, if this fails
   * @param watch what it does; to end once {@link #isClosing}
   */
  public NetlinkWatcher(String name, List<NetlinkSocket> sockets, Runnable watch)
      throws SystemCallException {
    this.sockets = sockets;
    wait = new NetlinkWait(sockets);
    thread = new Thread(watch, name);
    thread.setDaemon(true);
  }

  public void start() {
    thread.start();
  }

  /** Whether it is to end. */
  public boolean isClosing() {
    return isClosing;
  }

  /**
   * Waits for a message.
   *
   * @param timeoutMillis negative for ever
   */
  public void await(int timeoutMillis) throws SystemCallException {
    wait.await(timeoutMillis);
  }

  /** Waits, whatever messages there are. */
  public void pause(int millis) {
    LockSupport.parkNanos(this, TimeUnit.MILLISECONDS.toNanos(millis));
  }

  /** Ends the thread and waits for that. More calls do nothing. */
  @Override
  public void close() {
    synchronized (this) {
      if (isClosing) {
        return;
      }
      isClosing = true;
    }
    wait.wake();
    LockSupport.unpark(thread);
    try {
      thread.join(TimeUnit.SECONDS.toMillis(END_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!thread.isAlive()) {
      wait.close();
      sockets.forEach(NetlinkSocket::close);
    }
  }
}
