/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.netlink.NetlinkClient;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkRequest;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.system.SystemCallException;

/** The interfaces of this network namespace, and what stands on what. rtnetlink(7), RTM_GETLINK. */
public final class LinkTable {
  private static final int RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18;
  private static final int HEADER_LENGTH = NetlinkMessages.HEADER_LENGTH;
  private static final int IFINFO_LENGTH = 16, IFINFO_INDEX = 4;
  private static final int IFNAME = 3, LINK = 5, MASTER = 10, LINKINFO = 18, LINK_NETNSID = 37;
  private static final int INFO_KIND = 1, INFO_DATA = 2, INFO_SLAVE_KIND = 4, INFO_SLAVE_DATA = 5;
  private static final int BRPORT_ISOLATED = 33;
  private static final int TUN_OWNER = 1, TUN_GROUP = 2;
  private static final int TUN_NUM_QUEUES = 8, TUN_NUM_DISABLED_QUEUES = 9;

  /**
   * One interface.
   *
   * @param kind of a virtual interface, such as {@code bridge}, {@code veth}, {@code macvlan}; else
   *     empty
   * @param master the index of the interface this one is a port or slave of; 0 if of none
   * @param lower the index of the interface it stands on, in this namespace; for a veth, its other
   *     end; 0 for none
   * @param isIsolated whether it is a bridge port that hears nothing of the bridge's other ports
   *     that are so
   * @param tun of a TUN or TAP
   */
  public record Entry(
      int index,
      String name,
      String kind,
      int master,
      int lower,
      boolean isIsolated,
      @Nullable Tun tun) {}

  /**
   * Who may attach to a TUN or TAP, and who is.
   *
   * @param owner the user that may; {@link #NOBODY} if that is not limited by user
   * @param group the group that may; {@link #NOBODY} if that is not limited by group
   * @param queues how many are attached, if it is one for several queues; else 0
   */
  public record Tun(int owner, int group, int queues) {
    /** No user and no group. */
    public static final int NOBODY = -1;

    /** Whether any user of this host may attach to it. */
    public boolean isOpenToAll() {
      return owner == NOBODY && group == NOBODY;
    }
  }

  private LinkTable() {}

  /**
   * What is told of one TUN or TAP; none if there is no such interface, or it is of another kind.
   */
  public static Optional<Tun> tun(String name) throws SystemCallException {
    return read().stream()
        .filter(entry -> entry.name().equals(name))
        .map(Entry::tun)
        .filter(Objects::nonNull)
        .findFirst();
  }

  /**
   * Reads all of them, as they were at one time. Takes no privilege.
   *
   * @throws SystemCallException also if they keep changing
   */
  public static List<Entry> read() throws SystemCallException {
    try (var client = NetlinkClient.open(NetlinkSocket.ROUTE)) {
      var request =
          new NetlinkRequest(RTM_GETLINK, NetlinkRequest.NLM_F_DUMP, new byte[IFINFO_LENGTH]);
      return client.list(
          "cannot list interfaces", request, RTM_NEWLINK, message -> Optional.of(entry(message)));
    }
  }

  /** The indexes of interfaces that messages, in this machine's byte order, tell the end of. */
  public static List<Integer> deleted(ByteBuffer messages) {
    return NetlinkMessages.split(messages).stream()
        .filter(message ->
            NetlinkMessages.type(message) == RTM_DELLINK
                && message.limit() >= HEADER_LENGTH + IFINFO_LENGTH
                // Of a bridge's family it is the end of a port, not of the interface.
                && message.get(HEADER_LENGTH) == 0)
        .map(message -> message.getInt(HEADER_LENGTH + IFINFO_INDEX))
        .toList();
  }

  private static Entry entry(ByteBuffer message) {
    int attributes = HEADER_LENGTH + IFINFO_LENGTH;
    var name = NetlinkMessages.attribute(message, attributes, IFNAME);
    var info = NetlinkMessages.attribute(message, attributes, LINKINFO);
    var kind = info == null ? null : NetlinkMessages.attribute(info, 0, INFO_KIND);
    boolean isElsewhere = NetlinkMessages.attribute(message, attributes, LINK_NETNSID) != null;
    return new Entry(
        message.getInt(HEADER_LENGTH + IFINFO_INDEX),
        NetlinkMessages.text(name),
        NetlinkMessages.text(kind),
        number(NetlinkMessages.attribute(message, attributes, MASTER), 0),
        isElsewhere ? 0 : number(NetlinkMessages.attribute(message, attributes, LINK), 0),
        info != null && isIsolated(info),
        info != null && NetlinkMessages.text(kind).equals("tun") ? tun(info) : null);
  }

  /** Attributes of linux/if_link.h, IFLA_TUN. Without an owner there is none. */
  private static @Nullable Tun tun(ByteBuffer info) {
    var data = NetlinkMessages.attribute(info, 0, INFO_DATA);
    if (data == null) {
      return null;
    }
    return new Tun(
        number(NetlinkMessages.attribute(data, 0, TUN_OWNER), Tun.NOBODY),
        number(NetlinkMessages.attribute(data, 0, TUN_GROUP), Tun.NOBODY),
        number(NetlinkMessages.attribute(data, 0, TUN_NUM_QUEUES), 0)
            + number(NetlinkMessages.attribute(data, 0, TUN_NUM_DISABLED_QUEUES), 0));
  }

  private static boolean isIsolated(ByteBuffer info) {
    var kind = NetlinkMessages.attribute(info, 0, INFO_SLAVE_KIND);
    var port = NetlinkMessages.attribute(info, 0, INFO_SLAVE_DATA);
    if (port == null || !NetlinkMessages.text(kind).equals("bridge")) {
      return false;
    }
    var isolated = NetlinkMessages.attribute(port, 0, BRPORT_ISOLATED);
    return isolated != null && isolated.get(0) != 0;
  }

  private static int number(@Nullable ByteBuffer value, int otherwise) {
    return value == null ? otherwise : value.getInt(0);
  }
}
