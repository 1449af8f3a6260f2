/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.route;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.filter.KillSwitch;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.netlink.NetlinkWatcher;
import org.torvtl.host.system.SystemCallException;

/**
 * Watches the policy rules, the routing table and the TUN that it leads into, and has put back what
 * another program removes: systemd-networkd removes rules and routes that it does not know, unless
 * told otherwise. Until they are back, the {@link KillSwitch} refuses what they led there.
 *
 * <p>The kernel tells of each rule and route that is removed or replaced (RTM_DELRULE,
 * RTM_DELROUTE, RTM_NEWROUTE of rtnetlink(7)), but not of the IPv4 routes that go when the TUN is
 * set down or loses its last address: there RTM_NEWLINK and RTM_DELADDR tell. What no message tells
 * is found by a look each half minute. What they should be is known to who puts them back.
 *
 * <p>The watch does not end before {@link #close}: if messages cannot be heard, it looks by time.
 */
final class RouteWatch implements AutoCloseable {
  /** Between looks, whatever other programs do meanwhile. */
  private static final int PAUSE_MILLIS = 1_000;

  /** After this time without a message it looks all the same. */
  private static final int LOOK_MILLIS = 30_000;

  /** So many restorations are told one by one, then each that is a power of two. */
  private static final int TOLD = 4;

  private static final List<Integer> GROUPS =
      List.of(
          NetlinkSocket.GROUP_ROUTE,
          NetlinkSocket.GROUP_RULE,
          NetlinkSocket.GROUP_IPV6_RULE,
          NetlinkSocket.GROUP_LINK,
          NetlinkSocket.GROUP_IPV4_ADDRESS);

  private static final int LINK = 16, DELETED_LINK = 17, DELETED_ADDRESS = 21;
  private static final int ROUTE = 24, DELETED_ROUTE = 25, DELETED_RULE = 33;

  /** In {@code struct ifinfomsg} and, the first, in {@code struct ifaddrmsg}. */
  private static final int INDEX = NetlinkMessages.HEADER_LENGTH + 4, FLAGS = INDEX + 4;

  private static final int IFF_UP = 1;

  /** After {@code struct rtmsg}, and {@code struct fib_rule_hdr}, which is as long. */
  private static final int ATTRIBUTES = NetlinkMessages.HEADER_LENGTH + 12;

  /** {@code RTA_TABLE} and {@code FRA_PROTOCOL}. */
  private static final int TABLE = 15, PROTOCOL = 21;

  private static final String REMOVED =
      "rules or routes that lead into %s were removed by another program (systemd-networkd does so unless networkd.conf has ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no)";
  private static final String DOWN =
      "%s was set down or lost its address by another program, and the routes into it with that; they";

  private static final Logger log = LoggerFactory.getLogger(RouteWatch.class);

  /** Puts back what is missing. */
  interface Restorer {
    /** Whether something was. */
    boolean restore() throws IOException;
  }

  private final String device;
  private final int index;
  private final int table;
  private final int protocol;
  private final Restorer restorer;
  private final List<NetlinkSocket> sockets;
  private final NetlinkWatcher watcher;

  /** Whether the TUN has been set down or has lost an address since all was right. */
  private boolean isDeviceChanged;

  private long lookedNanos;
  private boolean isFaultTold;
  private int failures;
  private int restored;

  /** How many times they could not be put back, however often that was tried. */
  private int failed;

  private RouteWatch(
      String device,
      int index,
      int table,
      int protocol,
      Restorer restorer,
      List<NetlinkSocket> sockets)
      throws SystemCallException {
    this.device = device;
    this.index = index;
    this.table = table;
    this.protocol = protocol;
    this.restorer = restorer;
    this.sockets = sockets;
    this.watcher = new NetlinkWatcher("watch of routes into " + device, sockets, this::watch);
  }

  /**
   * Begins to listen.
   *
   * @param device that they lead into
   * @param table the number of the routing table
   * @param protocol of the rules, as linux/rtnetlink.h numbers routing programs
   */
  static RouteWatch open(NetworkInterface device, int table, int protocol, Restorer restorer)
      throws SystemCallException {
    var sockets = new ArrayList<NetlinkSocket>();
    try {
      for (int group : GROUPS) {
        sockets.add(NetlinkSocket.open(NetlinkSocket.ROUTE, 0, group));
      }
      return new RouteWatch(device.name(), device.index(), table, protocol, restorer, sockets);
    } catch (SystemCallException | RuntimeException e) {
      sockets.forEach(NetlinkSocket::close);
      throw e;
    }
  }

  /** Looks once, and watches from here on, in a thread of its own. */
  void start() {
    watcher.start();
  }

  private void watch() {
    boolean isDue = true;
    while (!watcher.isClosing()) {
      if (isDue) {
        look();
        watcher.pause(PAUSE_MILLIS);
      }
      isDue = watcher.isClosing() || awaitReason();
    }
  }

  /** Whether there is a reason to look; returns at once if the last look has failed. */
  private boolean awaitReason() {
    try {
      watcher.await(failures > 0 ? 0 : LOOK_MILLIS);
      return isAnyRemoved()
          || failures > 0
          || System.nanoTime() - lookedNanos >= TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
    } catch (SystemCallException | RuntimeException | Error e) {
      fault(e);
      return true;
    }
  }

  private void fault(Throwable e) {
    if (!isFaultTold) {
      isFaultTold = true;
      log.error(
          "the watch of the routes into {} has failed; it goes on by a look each second",
          device,
          e);
    }
  }

  private boolean isAnyRemoved() {
    boolean isAny = false;
    for (var socket : sockets) {
      try {
        for (var messages = socket.read(); messages != null; messages = socket.read()) {
          for (var message : NetlinkMessages.split(messages)) {
            isAny |= tellsOfRemoval(message);
          }
        }
      } catch (SystemCallException e) {
        log.debug("messages about routes were lost", e);
        isAny = true;
      }
    }
    return isAny;
  }

  private boolean tellsOfRemoval(ByteBuffer message) {
    return switch (NetlinkMessages.type(message)) {
      case ROUTE, DELETED_ROUTE -> {
        var value = NetlinkMessages.attribute(message, ATTRIBUTES, TABLE);
        yield value != null && value.getInt(0) == table;
      }
      case DELETED_RULE -> {
        var value = NetlinkMessages.attribute(message, ATTRIBUTES, PROTOCOL);
        yield value != null && Byte.toUnsignedInt(value.get(0)) == protocol;
      }
      case LINK -> tellsOfDevice(message, (message.getInt(FLAGS) & IFF_UP) == 0);
      case DELETED_LINK, DELETED_ADDRESS -> tellsOfDevice(message, true);
      default -> false;
    };
  }

  private boolean tellsOfDevice(ByteBuffer message, boolean isLoss) {
    boolean isChanged = isLoss && message.getInt(INDEX) == index;
    isDeviceChanged |= isChanged;
    return isChanged;
  }

  private void look() {
    lookedNanos = System.nanoTime();
    try {
      boolean wasMissing = restorer.restore();
      if (wasMissing) {
        restored++;
        if (restored <= TOLD || Integer.bitCount(restored) == 1) {
          log.warn(
              "{} and are back, after {} ms{}",
              cause(),
              TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - lookedNanos),
              restored < TOLD ? "" : " (time " + restored + "; from here on only some are told)");
        }
      }
      failures = 0;
      isDeviceChanged = false;
    } catch (IOException e) {
      failures++;
      // One failure may be that the TUN is just going.
      if (failures == 2 && (++failed <= TOLD || Integer.bitCount(failed) == 1)) {
        log.error(
            "{} and cannot be put back, which is tried each second; what they led there is refused: {}",
            cause(),
            e.getMessage());
      }
    } catch (RuntimeException | Error e) {
      failures++;
      fault(e);
    }
  }

  private String cause() {
    return (isDeviceChanged ? DOWN : REMOVED).formatted(device);
  }

  /** Ends the watch, so that they can be removed. More calls do nothing. */
  @Override
  public void close() {
    watcher.close();
  }
}
