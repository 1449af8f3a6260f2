/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.host.filter.TableEvents;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.netlink.NetlinkWait;
import org.torvtl.host.system.SystemCallException;

/**
 * What netlink tells a guard: of nftables, of interfaces, and of forwarding tables. Used by one
 * thread, but for {@link #wake}.
 */
final class GuardNews implements AutoCloseable {
  /** The netlink port that only one guard of a device can have; far beyond process numbers. */
  private static final int PORT = 0x5456_0000;

  private static final Logger log = LoggerFactory.getLogger(GuardNews.class);

  private final List<NetlinkSocket> claims;
  private final NetlinkSocket filter;
  private final NetlinkSocket interfaces;
  private final NetlinkSocket neighbors;
  private final NetlinkWait wait;
  private final TableEvents events;
  private final long mac;
  private final Set<Integer> deleted = new HashSet<>();
  private boolean isOfInterfaces;
  private boolean isEntryLost;

  private GuardNews(List<NetlinkSocket> claims, List<NetlinkSocket> sockets, String table, long mac)
      throws SystemCallException {
    this.claims = claims;
    filter = sockets.get(0);
    interfaces = sockets.get(1);
    neighbors = sockets.get(2);
    wait = new NetlinkWait(sockets);
    events = new TableEvents(table);
    this.mac = mac;
  }

  /**
   * Begins to listen, which takes CAP_NET_ADMIN.
   *
   * @param devices of the gateway; the last is the one that the table is named by
   * @param table of nftables, of whatever family
   * @param mac the gateway's MAC address
   * @throws IOException if another guard has one of the devices, or the bridge of one, or what one
   *     stands on
   */
  static GuardNews open(List<Attachment> devices, String table, long mac) throws IOException {
    var claims = new ArrayList<NetlinkSocket>();
    var sockets = new ArrayList<NetlinkSocket>();
    try {
      var device = devices.getLast();
      sockets.add(claim(device.index(), device.name(), NetlinkSocket.GROUP_NFTABLES));
      for (var port : shared(devices)) {
        if (port.index() != device.index()) {
          claims.add(claim(port.index(), port.name(), 0));
        }
      }
      for (int group : List.of(NetlinkSocket.GROUP_LINK, NetlinkSocket.GROUP_NEIGH)) {
        sockets.add(NetlinkSocket.open(NetlinkSocket.ROUTE, 0, group));
      }
      return new GuardNews(claims, sockets, table, mac);
    } catch (IOException e) {
      sockets.forEach(NetlinkSocket::close);
      claims.forEach(NetlinkSocket::close);
      throw e;
    }
  }

  /** What two gateways cannot both have. */
  private static Set<Segment.Port> shared(List<Attachment> devices) throws IOException {
    var segment = Segment.of(LinkTable.read(), devices);
    var ports = new TreeSet<>(segment.bridges());
    ports.addAll(segment.lower());
    devices.forEach(device -> ports.add(new Segment.Port(device.index(), device.name())));
    return ports;
  }

  private static NetlinkSocket claim(int index, String name, int group) throws IOException {
    try {
      return NetlinkSocket.open(NetlinkSocket.NETFILTER, PORT + index, group);
    } catch (SystemCallException e) {
      if (NetlinkSocket.isPortTaken(e)) {
        throw new IOException("another torvtl serves %s already (end it first)".formatted(name), e);
      }
      throw e;
    }
  }

  /**
   * Waits for messages, and takes them.
   *
   * @param timeoutMillis negative for ever
   */
  void await(int timeoutMillis) throws SystemCallException {
    wait.await(timeoutMillis);
    hear();
  }

  /** Ends a wait. Any thread may call it. */
  void wake() {
    wait.wake();
  }

  /** Takes the messages at hand. */
  void hear() {
    events.hear(filter);
    isEntryLost |= ForwardingEntries.hearDeletion(neighbors, mac);
    try {
      for (var news = interfaces.read(); news != null; news = interfaces.read()) {
        isOfInterfaces = true;
        deleted.addAll(LinkTable.deleted(news));
      }
    } catch (SystemCallException e) {
      log.debug("interface messages were lost", e);
      isOfInterfaces = true;
    }
  }

  /** Whether anything was told that is not yet taken. Neighbors of the host alone are no news. */
  boolean isAny() {
    return events.isTouched() || isOfInterfaces || isEntryLost;
  }

  /** See {@link TableEvents#expect}. */
  void expect(String marker) {
    events.expect(marker);
  }

  /** See {@link TableEvents#isTouched}. */
  boolean isTouched() {
    return events.isTouched();
  }

  /** Takes what was told of interfaces: the indexes of those that have ended. */
  Set<Integer> takeDeleted() {
    var taken = Set.copyOf(deleted);
    deleted.clear();
    isOfInterfaces = false;
    return taken;
  }

  /** Whether the gateway's MAC address may be gone from a forwarding table. */
  boolean isEntryLost() {
    return isEntryLost;
  }

  /** The gateway's MAC address is where it belongs. */
  void entriesAreThere() {
    isEntryLost = false;
  }

  @Override
  public void close() {
    try (filter;
        interfaces;
        neighbors) {
      claims.forEach(NetlinkSocket::close);
      wait.close();
    }
  }
}
