/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.link.linux.NetlinkSocket;
import org.torvtl.link.linux.SystemCallException;

/**
 * The gateway's MAC address in the forwarding table of a bridge, so that frames for it are not sent
 * out of every port, and none that bears it from another port leads them there. The bridge cannot
 * learn it: what a packet socket sends enters by no port. bridge(8), linux/neighbour.h.
 */
final class ForwardingEntries {
  private static final int DELNEIGH = 29, AF_BRIDGE = 7;
  private static final int LLADDR = 2, TYPE_MASK = 0x3FFF;
  private static final int HEADER_LENGTH = 16, NDMSG_LENGTH = 12, ATTRIBUTE_HEADER = 4;
  private static final int MAC_LENGTH = 6;

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
    if (!segment.bridges().isEmpty()) {
      segment.sending().forEach(port -> entries.add(new Entry(port.index(), Entry.MASTER)));
      segment.deaf().forEach(port -> entries.add(new Entry(port.index(), Entry.MASTER)));
    }
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
    for (int at = messages.position(); at + HEADER_LENGTH + NDMSG_LENGTH <= messages.limit(); ) {
      int length = messages.getInt(at);
      if (length < HEADER_LENGTH + NDMSG_LENGTH || length > messages.limit() - at) {
        return false;
      }
      if (messages.getShort(at + 4) == DELNEIGH
          && messages.get(at + HEADER_LENGTH) == AF_BRIDGE
          && isOf(messages.slice(at, length).order(messages.order()), mac)) {
        return true;
      }
      at += length + 3 & ~3;
    }
    return false;
  }

  private static boolean isOf(ByteBuffer message, long mac) {
    for (int at = HEADER_LENGTH + NDMSG_LENGTH; at + ATTRIBUTE_HEADER <= message.limit(); ) {
      int length = message.getShort(at) & 0xFFFF;
      if (length < ATTRIBUTE_HEADER || length > message.limit() - at) {
        return false;
      }
      if ((message.getShort(at + 2) & TYPE_MASK) == LLADDR
          && length == ATTRIBUTE_HEADER + MAC_LENGTH) {
        // Of six bytes the last two are the low ones.
        var bytes = message.slice(at + ATTRIBUTE_HEADER, MAC_LENGTH).order(ByteOrder.BIG_ENDIAN);
        return ((bytes.getInt(0) & 0xFFFF_FFFFL) << 16 | bytes.getShort(4) & 0xFFFF) == mac;
      }
      at += length + 3 & ~3;
    }
    return false;
  }
}
