/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.link.linux.NetlinkMessages;
import org.torvtl.link.linux.NetlinkSocket;
import org.torvtl.link.linux.NetlinkWait;
import org.torvtl.link.linux.SystemCallException;

/**
 * Watches the policy rules and the routing table that lead into a TUN, and has put back what
 * another program removes: systemd-networkd removes rules and routes that it does not know, unless
 * told otherwise. Until they are back, the {@link KillSwitch} refuses what they led there.
 *
 * <p>The kernel tells of each rule and route that is removed (RTM_DELRULE, RTM_DELROUTE of
 * rtnetlink(7)). What they should be is known to who puts them back.
 */
final class RouteWatch implements AutoCloseable {
  /** Between looks, whatever other programs do meanwhile. */
  private static final int PAUSE_MILLIS = 1_000;

  /** So many restorations are told one by one, then each that is a power of two. */
  private static final int TOLD = 4;

  private static final int DELETED_ROUTE = 25, DELETED_RULE = 33;

  /** After {@code struct rtmsg}, and {@code struct fib_rule_hdr}, which is as long. */
  private static final int ATTRIBUTES = NetlinkMessages.HEADER_LENGTH + 12;

  /** {@code RTA_TABLE} and {@code FRA_PROTOCOL}. */
  private static final int TABLE = 15, PROTOCOL = 21;

  private static final Logger log = LoggerFactory.getLogger(RouteWatch.class);

  /** Puts back what is missing. */
  interface Restorer {
    /** Whether something was. */
    boolean restore() throws IOException;
  }

  private final String device;
  private final int table;
  private final int protocol;
  private final Restorer restorer;
  private final List<NetlinkSocket> sockets;
  private final NetlinkWait wait;

  /** For pauses that no message ends. */
  private final NetlinkWait pause;

  private final Thread watcher;
  private volatile boolean closing;
  private boolean isTold;
  private int failures;
  private int restored;

  private RouteWatch(
      String device,
      int table,
      int protocol,
      Restorer restorer,
      List<NetlinkSocket> sockets,
      NetlinkWait wait,
      NetlinkWait pause) {
    this.device = device;
    this.table = table;
    this.protocol = protocol;
    this.restorer = restorer;
    this.sockets = sockets;
    this.wait = wait;
    this.pause = pause;
    this.watcher = new Thread(this::watch, "watch of routes into " + device);
    watcher.setDaemon(true);
  }

  /**
   * Begins to listen.
   *
   * @param device that they lead into, for messages
   * @param table the number of the routing table
   * @param protocol of the rules, as linux/rtnetlink.h numbers routing programs
   */
  static RouteWatch open(String device, int table, int protocol, Restorer restorer)
      throws SystemCallException {
    var sockets = new ArrayList<NetlinkSocket>();
    NetlinkWait wait = null;
    try {
      for (int group :
          List.of(
              NetlinkSocket.GROUP_ROUTE, NetlinkSocket.GROUP_RULE, NetlinkSocket.GROUP_IPV6_RULE)) {
        sockets.add(NetlinkSocket.open(NetlinkSocket.ROUTE, 0, group));
      }
      wait = new NetlinkWait(sockets);
      var pause = new NetlinkWait(List.of());
      return new RouteWatch(device, table, protocol, restorer, sockets, wait, pause);
    } catch (SystemCallException | RuntimeException e) {
      if (wait != null) {
        wait.close();
      }
      sockets.forEach(NetlinkSocket::close);
      throw e;
    }
  }

  /** Watches from here on, in a thread of its own. */
  void start() {
    watcher.start();
  }

  private void watch() {
    while (!closing) {
      try {
        if (failures == 0) {
          wait.await(-1);
        }
        if (!closing && (isAnyRemoved() || failures > 0)) {
          look();
          pause.await(PAUSE_MILLIS);
        }
      } catch (SystemCallException | RuntimeException e) {
        log.error("the routes into {} are not watched any more", device, e);
        return;
      }
    }
  }

  private boolean isAnyRemoved() {
    boolean isAny = false;
    for (var socket : sockets) {
      try {
        for (var messages = socket.read(); messages != null; messages = socket.read()) {
          isAny |= tellsOfRemoval(messages);
        }
      } catch (SystemCallException e) {
        log.debug("messages about routes were lost", e);
        isAny = true;
      }
    }
    return isAny;
  }

  private boolean tellsOfRemoval(ByteBuffer messages) {
    return NetlinkMessages.split(messages).stream()
        .anyMatch(message ->
            switch (NetlinkMessages.type(message)) {
              case DELETED_ROUTE -> {
                var value = NetlinkMessages.attribute(message, ATTRIBUTES, TABLE);
                yield value != null && value.getInt(0) == table;
              }
              case DELETED_RULE -> {
                var value = NetlinkMessages.attribute(message, ATTRIBUTES, PROTOCOL);
                yield value != null && Byte.toUnsignedInt(value.get(0)) == protocol;
              }
              default -> false;
            });
  }

  private void look() {
    long begun = System.nanoTime();
    try {
      boolean wasMissing = restorer.restore();
      failures = 0;
      isTold = false;
      if (wasMissing) {
        restored++;
        if (restored <= TOLD || Integer.bitCount(restored) == 1) {
          log.warn(
              "rules or routes that lead into {} were removed by another program (systemd-networkd does so unless networkd.conf has ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no) and are back, after {} ms{}",
              device,
              TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun),
              restored < TOLD ? "" : " (time " + restored + "; from here on only some are told)");
        }
      }
    } catch (IOException e) {
      failures++;
      // One failure may be that the TUN is just going.
      if (failures > 1 && !isTold) {
        isTold = true;
        log.error(
            "rules or routes that lead into {} were removed by another program and cannot be put back, which is tried each second; what they led there is refused: {}",
            device,
            e.getMessage());
      }
    }
  }

  /** Ends the watch, so that they can be removed. More calls do nothing. */
  @Override
  public void close() {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    wait.wake();
    pause.wake();
    try {
      watcher.join(TimeUnit.SECONDS.toMillis(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!watcher.isAlive()) {
      wait.close();
      pause.close();
      sockets.forEach(NetlinkSocket::close);
    }
  }
}
