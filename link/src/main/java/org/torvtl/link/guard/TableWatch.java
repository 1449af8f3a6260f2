/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.linux.NetlinkSocket;
import org.torvtl.link.linux.NetlinkWait;
import org.torvtl.link.linux.SystemCallException;

/**
 * Watches a table of nftables that always has the same contents, and has it put back when another
 * program changes or removes it. In between the table is not in force: some milliseconds.
 */
public final class TableWatch implements AutoCloseable {
  /** When the table cannot be put back, that is tried again after so long. */
  private static final int RETRY_MILLIS = 1_000;

  private static final Logger log = LoggerFactory.getLogger(TableWatch.class);

  /** Puts the whole table there, in one transaction. */
  public interface Restorer {
    void restore() throws IOException;
  }

  private final String purpose;
  private final String marker;
  private final Restorer restorer;
  private final NetlinkSocket filter;
  private final NetlinkWait wait;
  private final GuardEvents events;
  private final Thread watcher;
  private volatile boolean closing;
  private boolean isFailing;

  private TableWatch(
      String table, String marker, String purpose, Restorer restorer, NetlinkSocket filter)
      throws SystemCallException {
    this.purpose = purpose;
    this.marker = marker;
    this.restorer = restorer;
    this.filter = filter;
    this.wait = new NetlinkWait(List.of(filter));
    this.events = new GuardEvents(table);
    this.watcher = new Thread(this::watch, "watch of " + table);
    watcher.setDaemon(true);
  }

  /**
   * Begins to listen, which takes CAP_NET_ADMIN. The caller puts the table there for the first time
   * after this and before {@link #start}.
   *
   * @param marker a chain of the table, which every {@link Restorer#restore} adds anew
   * @param purpose what the table does, for messages, as "the packet filter that ..."
   */
  public static TableWatch open(String table, String marker, String purpose, Restorer restorer)
      throws SystemCallException {
    var filter = NetlinkSocket.open(NetlinkSocket.NETFILTER, 0, NetlinkSocket.GROUP_NFTABLES);
    try {
      var watch = new TableWatch(table, marker, purpose, restorer, filter);
      watch.events.expect(marker);
      return watch;
    } catch (SystemCallException e) {
      filter.close();
      throw e;
    }
  }

  /** Watches from here on, in a thread of its own. */
  public void start() {
    watcher.start();
  }

  private void watch() {
    int timeout = 0;
    while (!closing) {
      try {
        wait.await(timeout);
        timeout = look() ? -1 : RETRY_MILLIS;
      } catch (SystemCallException e) {
        failed(e);
        timeout = RETRY_MILLIS;
      }
    }
  }

  /** Whether the table is as it should be. */
  private boolean look() {
    events.hear(filter);
    if (closing || !events.isTouched()) {
      return true;
    }
    events.expect(marker);
    long begun = System.nanoTime();
    try {
      restorer.restore();
    } catch (IOException e) {
      failed(e);
      return false;
    }
    isFailing = false;
    log.warn(
        "{} was changed by another program (nft flush ruleset?) and is back, after {} ms",
        purpose,
        TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun));
    events.hear(filter);
    return !events.isTouched();
  }

  private void failed(IOException e) {
    if (!isFailing) {
      isFailing = true;
      log.error(
          "{} was changed by another program and cannot be put back: {}", purpose, e.getMessage());
    }
  }

  /** Ends the watch, so that the table can be removed. More calls do nothing. */
  @Override
  public void close() {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    wait.wake();
    try {
      watcher.join(TimeUnit.SECONDS.toMillis(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!watcher.isAlive()) {
      wait.close();
      filter.close();
    }
  }
}
