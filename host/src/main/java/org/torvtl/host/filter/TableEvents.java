/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import java.nio.ByteBuffer;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.system.SystemCallException;

/**
 * Follows what the kernel tells of nftables, to know whether a table is as its owner put it there.
 * linux/netfilter/nf_tables.h.
 *
 * <p>The messages of a transaction end with one that tells the new generation. A transaction of the
 * owner's own adds a chain of a name that no transaction had before; from its end on, every message
 * about a table of that name is about a change by another program. That may well add a chain of the
 * same name, when it loads a ruleset that it has saved.
 */
public final class TableEvents {
  private static final int SUBSYSTEM = 10, NEWCHAIN = 3, NEWGEN = 15;
  private static final int NFGENMSG_LENGTH = 4;

  /** In every message about something in a table, the first attribute is the table's name. */
  private static final int TABLE = 1;

  private static final int CHAIN_NAME = 3;

  private final String table;
  private String marker = "";
  private boolean isOwn;
  private boolean isTouched = true;

  /**
   * @param table of nftables, of whatever family
   */
  public TableEvents(String table) {
    this.table = table;
  }

  /**
   * A transaction of the owner's own begins.
   *
   * @param marker a chain that it adds; not empty, and of a name that it had never before
   */
  public void expect(String marker) {
    this.marker = marker;
    isTouched = true;
  }

  /** Takes the messages that a socket of nftables' group has at hand. */
  public void hear(NetlinkSocket filter) {
    try {
      for (var messages = filter.read(); messages != null; messages = filter.read()) {
        messages(messages);
      }
    } catch (SystemCallException e) {
      lost();
    }
  }

  /** Messages were lost: nothing is known. */
  public void lost() {
    isOwn = false;
    isTouched = true;
  }

  /** Whether the table may be other than what the owner's last transaction made of it. */
  public boolean isTouched() {
    return isTouched;
  }

  /** Takes messages, in this machine's byte order. */
  void messages(ByteBuffer messages) {
    for (var message : NetlinkMessages.split(messages)) {
      int type = NetlinkMessages.type(message);
      if (type >>> 8 == SUBSYSTEM) {
        message(type & 0xFF, message);
      }
    }
  }

  private void message(int type, ByteBuffer message) {
    if (type == NEWGEN) {
      if (isOwn) {
        isOwn = false;
        marker = "";
        isTouched = false;
      }
    } else if (attribute(message, TABLE).equals(table)) {
      isTouched = true;
      if (type == NEWCHAIN && !marker.isEmpty() && attribute(message, CHAIN_NAME).equals(marker)) {
        isOwn = true;
      }
    }
  }

  /** The text of an attribute; empty if there is none of that type. */
  private static String attribute(ByteBuffer message, int type) {
    return NetlinkMessages.text(
        NetlinkMessages.attribute(message, NetlinkMessages.HEADER_LENGTH + NFGENMSG_LENGTH, type));
  }
}
