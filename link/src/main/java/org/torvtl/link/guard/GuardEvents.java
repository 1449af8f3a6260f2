/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.torvtl.link.linux.NetlinkSocket;
import org.torvtl.link.linux.SystemCallException;

/**
 * Follows what the kernel tells of nftables, to know whether the guard's tables are as the guard
 * put them there. linux/netfilter/nf_tables.h.
 *
 * <p>The messages of a transaction end with one that tells the new generation. A transaction of the
 * guard's own adds a chain of a name that no transaction had before; from its end on, every message
 * about a table of that name is about a change by another program. That may well add a chain of the
 * same name, when it loads a ruleset that it has saved.
 */
final class GuardEvents {
  private static final int SUBSYSTEM = 10, NEWCHAIN = 3, NEWGEN = 15;
  private static final int HEADER_LENGTH = 16, NFGENMSG_LENGTH = 4;
  private static final int ATTRIBUTE_HEADER = 4, TYPE_MASK = 0x3FFF;

  /** In every message about something in a table, the first attribute is the table's name. */
  private static final int TABLE = 1;

  private static final int CHAIN_NAME = 3;

  private final String table;
  private String marker = "";
  private boolean isOwn;
  private boolean isTouched = true;

  GuardEvents(String table) {
    this.table = table;
  }

  /**
   * A transaction of the guard's own begins.
   *
   * @param marker a chain that it adds; not empty, and of a name that it had never before
   */
  void expect(String marker) {
    this.marker = marker;
    isTouched = true;
  }

  /** Takes the messages that a socket of nftables' group has at hand. */
  void hear(NetlinkSocket filter) {
    try {
      for (var messages = filter.read(); messages != null; messages = filter.read()) {
        messages(messages);
      }
    } catch (SystemCallException e) {
      lost();
    }
  }

  /** Messages were lost: nothing is known. */
  void lost() {
    isOwn = false;
    isTouched = true;
  }

  /** Whether the tables may be other than what the guard's last transaction made of them. */
  boolean isTouched() {
    return isTouched;
  }

  /** Takes messages, in this machine's byte order. */
  void messages(ByteBuffer messages) {
    for (int at = messages.position(); at + HEADER_LENGTH <= messages.limit(); ) {
      int length = messages.getInt(at);
      if (length < HEADER_LENGTH || length > messages.limit() - at) {
        return;
      }
      int type = messages.getShort(at + 4) & 0xFFFF;
      if (type >>> 8 == SUBSYSTEM) {
        message(type & 0xFF, messages.slice(at, length).order(messages.order()));
      }
      at += length + 3 & ~3;
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
    for (int at = HEADER_LENGTH + NFGENMSG_LENGTH; at + ATTRIBUTE_HEADER <= message.limit(); ) {
      int length = message.getShort(at) & 0xFFFF;
      if (length < ATTRIBUTE_HEADER || length > message.limit() - at) {
        return "";
      }
      if ((message.getShort(at + 2) & TYPE_MASK) == type) {
        var bytes = new byte[length - ATTRIBUTE_HEADER];
        message.get(at + ATTRIBUTE_HEADER, bytes);
        return new String(bytes, StandardCharsets.UTF_8).replaceFirst("\0.*", "");
      }
      at += length + 3 & ~3;
    }
    return "";
  }
}
