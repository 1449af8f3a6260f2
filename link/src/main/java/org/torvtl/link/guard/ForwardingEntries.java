/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.system.SystemCallException;

/**
 * The gateway's MAC address in the forwarding table of a bridge, so that frames for it are not sent
 * out of every port, and none that bears it from another port leads them there. The bridge cannot
 * learn it: what a packet socket sends enters by no port. bridge(8), linux/neighbour.h.
 */
final class ForwardingEntries {
  private static final int DELNEIGH = 29, AF_BRIDGE = 7;
  private static final int NDMSG_LENGTH = 12, LLADDR = 2, MAC_LENGTH = 6;
  private static final int ATTRIBUTES = NetlinkMessages.HEADER_LENGTH + NDMSG_LENGTH;

  private ForwardingEntries() {}

  /**
   * An entry.
   *
   * @param index of the device which it is for, whatever name that gets
   * @param table where it stands: {@code self} for the device's own, {@code master} for that of the
   *     bridge it is a port of
   */
  record Entry(int index, String table) {
    private static final String SELF = "self", MASTER = "master";

    @Override
    public String toString() {
      return index + " " + table;
    }
  }

  /** Which there must be. */
  static List<Entry> of(Segment segment) {
    var entries = new ArrayList<Entry>();
    segment.hearing().forEach(port -> entries.add(new Entry(port.index(), Entry.MASTER)));
    if (entries.isEmpty()) {
      segment.bridges().forEach(bridge -> entries.add(new Entry(bridge.index(), Entry.SELF)));
    }
    return entries;
  }

  /** Takes the messages at hand of rtnetlink's group of neighbors; whether one may be gone. */
  static boolean hearDeletion(NetlinkSocket neighbors, long mac) {
    boolean heard = false;
    try {
      for (var messages = neighbors.read(); messages != null; messages = neighbors.read()) {
        heard |= tellDeletion(messages, mac);
      }
    } catch (SystemCallException e) {
      // Messages were lost: nothing is known.
      return true;
    }
    return heard;
  }

  /**
   * Whether messages, in this machine's byte order, tell that an address was deleted from a
   * bridge's forwarding table.
   */
  static boolean tellDeletion(ByteBuffer messages, long mac) {
    return NetlinkMessages.split(messages).stream()
        .anyMatch(message ->
            NetlinkMessages.type(message) == DELNEIGH
                && message.limit() >= ATTRIBUTES
                && message.get(NetlinkMessages.HEADER_LENGTH) == AF_BRIDGE
                && isOf(NetlinkMessages.attribute(message, ATTRIBUTES, LLADDR), mac));
  }

  private static boolean isOf(@Nullable ByteBuffer address, long mac) {
    if (address == null || address.limit() != MAC_LENGTH) {
      return false;
    }
    var bytes = address.duplicate().order(ByteOrder.BIG_ENDIAN);
    return (Integer.toUnsignedLong(bytes.getInt(0)) << Short.SIZE
            | Short.toUnsignedLong(bytes.getShort(4)))
        == mac;
  }
}
