/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.netlink.NetlinkWatcher;
import org.torvtl.host.system.SystemCallException;

/**
 * Watches a table of nftables that always has the same contents, and has it put back when another
 * program changes or removes it. In between the table is not in force: some milliseconds, or as
 * long as the restorer is at other work.
 *
 * <p>A transaction of its own is told from those of others by a marker: a chain with a name of 64
 * random bits, new each time, which the transaction adds and deletes again. So the marker is in
 * what the kernel tells of the transaction, and never in the table: no saved copy that another
 * program loads has it.
 *
 * <p>When the table cannot be put back, that is said once and tried again each second until it is.
 * The watch does not end before {@link #close}: after an unexpected failure nothing is known of the
 * table, so it is put there anew.
 */
public final class TableWatch implements AutoCloseable {
  /** Between attempts, whatever other programs do meanwhile. */
  private static final int RETRY_MILLIS = 1_000;

  /** What another program changes at once when it is back is put back at once, so many times. */
  private static final int TRIES_AT_ONCE = 8;

  /** So many changes are told one by one, then each that is a power of two. */
  private static final int TOLD = 16;

  private static final Logger log = LoggerFactory.getLogger(TableWatch.class);

  /** Puts the whole table there. */
  public interface Restorer {
    /**
     * In one transaction, with {@link TableWatch#marking} of the marker in it.
     *
     * @param marker the name of a chain
     */
    void restore(String marker) throws IOException;
  }

  private final String purpose;
  private final Restorer restorer;
  private final RandomGenerator random;
  private final NetlinkSocket filter;
  private final TableEvents events;
  private final NetlinkWatcher watcher;
  private boolean isFailing;
  private boolean isFaultTold;
  private int restored;

  private TableWatch(
      String table, String purpose, RandomGenerator random, Restorer restorer, NetlinkSocket filter)
      throws SystemCallException {
    this.purpose = purpose;
    this.restorer = restorer;
    this.random = random;
    this.filter = filter;
    this.events = new TableEvents(table);
    this.watcher = new NetlinkWatcher("watch of " + table, List.of(filter), this::watch);
  }

  /**
   * Begins to listen, which takes CAP_NET_ADMIN. The caller puts the table there for the first
   * time, with {@link #nextMarker}, after this and before {@link #start}.
   *
   * @param table of the family {@code inet}
   * @param purpose what the table does, for messages, as "the packet filter that ..."
   * @param random where markers come from; no other program may guess them
   */
  public static TableWatch open(
      String table, String purpose, RandomGenerator random, Restorer restorer)
      throws SystemCallException {
    var filter = NetlinkSocket.open(NetlinkSocket.NETFILTER, 0, NetlinkSocket.GROUP_NFTABLES);
    try {
      return new TableWatch(table, purpose, random, restorer, filter);
    } catch (SystemCallException | RuntimeException e) {
      filter.close();
      throw e;
    }
  }

  /** What a transaction has besides the table itself, as nft takes it. */
  public static String marking(String table, String marker) {
    return "add chain inet %1$s %2$s\ndelete chain inet %1$s %2$s\n".formatted(table, marker);
  }

  /** The marker of the next transaction, which is the caller's own. */
  public String nextMarker() {
    var marker = "mark_%016x".formatted(random.nextLong());
    events.expect(marker);
    return marker;
  }

  /** Watches from here on, in a thread of its own. */
  public void start() {
    watcher.start();
  }

  private void watch() {
    int timeout = 0;
    int changedAtOnce = 0;
    while (!watcher.isClosing()) {
      try {
        await(timeout);
        boolean isRight = look();
        changedAtOnce = isRight ? 0 : changedAtOnce + 1;
        timeout = isRight ? -1 : changedAtOnce <= TRIES_AT_ONCE ? 0 : RETRY_MILLIS;
      } catch (IOException e) {
        failed(e);
        timeout = RETRY_MILLIS;
      } catch (RuntimeException | Error e) {
        fault(e);
        timeout = RETRY_MILLIS;
      }
    }
  }

  /** No message ends the pause between attempts. */
  private void await(int timeoutMillis) throws SystemCallException {
    if (isFailing) {
      watcher.pause(timeoutMillis);
    } else {
      watcher.await(timeoutMillis);
    }
  }

  /** Whether the table is as it should be. */
  private boolean look() throws IOException {
    events.hear(filter);
    if (watcher.isClosing() || !events.isTouched()) {
      return true;
    }
    long begun = System.nanoTime();
    restorer.restore(nextMarker());
    isFailing = false;
    restored++;
    if (restored <= TOLD || Integer.bitCount(restored) == 1) {
      log.warn(
          "{} was changed by another program (nft flush ruleset?) and is back, after {} ms{}",
          purpose,
          TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun),
          restored < TOLD ? "" : " (change " + restored + "; from here on only some are told)");
    }
    events.hear(filter);
    return !events.isTouched();
  }

  private void fault(Throwable e) {
    isFailing = true;
    events.lost();
    if (!isFaultTold) {
      isFaultTold = true;
      log.error("the watch of {} has failed, and goes on", purpose, e);
    }
  }

  private void failed(IOException e) {
    events.lost();
    if (!isFailing) {
      isFailing = true;
      log.error(
          "{} was changed by another program and cannot be put back, which is tried each second: {}",
          purpose,
          e.getMessage());
    }
  }

  /** Ends the watch, so that the table can be removed. More calls do nothing. */
  @Override
  public void close() {
    watcher.close();
  }
}
