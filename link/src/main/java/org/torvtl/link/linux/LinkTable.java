/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The interfaces of this network namespace, and what stands on what. rtnetlink(7), RTM_GETLINK. */
public final class LinkTable {
  private static final int RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18;
  private static final int NLMSG_ERROR = 2, NLMSG_DONE = 3;
  private static final short NLM_F_REQUEST = 1, NLM_F_DUMP_INTR = 0x10, NLM_F_DUMP = 0x300;
  private static final int HEADER_LENGTH = NetlinkMessages.HEADER_LENGTH;
  private static final int FLAGS = 6;
  private static final int IFINFO_LENGTH = 16, IFINFO_INDEX = 4;
  private static final int IFNAME = 3, LINK = 5, MASTER = 10, LINKINFO = 18, LINK_NETNSID = 37;
  private static final int INFO_KIND = 1, INFO_SLAVE_KIND = 4, INFO_SLAVE_DATA = 5;
  private static final int BRPORT_ISOLATED = 33;
  private static final int DEADLINE_MILLIS = 5_000, TRIES = 32;

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
   */
  public record Entry(
      int index, String name, String kind, int master, int lower, boolean isIsolated) {}

  private LinkTable() {}

  /**
   * Reads all of them, as they were at one time. Takes no privilege.
   *
   * @throws SystemCallException also if they keep changing
   */
  public static List<Entry> read() throws SystemCallException {
    for (int i = 0; i < TRIES; i++) {
      var list = list();
      if (list.isPresent()) {
        return list.get();
      }
    }
    throw new SystemCallException("cannot list interfaces", Libc.EAGAIN, "they keep changing");
  }

  private static Optional<List<Entry>> list() throws SystemCallException {
    try (var socket = NetlinkSocket.open(NetlinkSocket.ROUTE, 0, 0);
        var wait = new NetlinkWait(List.of(socket))) {
      socket.send(request());
      var listing = new Listing();
      while (true) {
        var messages = socket.read();
        if (messages == null) {
          wait.await(DEADLINE_MILLIS);
        } else if (listing.add(messages)) {
          return listing.entries();
        }
      }
    }
  }

  private static byte[] request() {
    return ByteBuffer.allocate(HEADER_LENGTH + IFINFO_LENGTH)
        .order(ByteOrder.nativeOrder())
        .putInt(HEADER_LENGTH + IFINFO_LENGTH)
        .putShort((short) RTM_GETLINK)
        .putShort((short) (NLM_F_REQUEST | NLM_F_DUMP))
        .array();
  }

  /** What is told in answer to one request. */
  static final class Listing {
    private final List<Entry> entries = new ArrayList<>();
    private boolean isInconsistent;

    /** Adds what messages, in this machine's byte order, tell of; whether they are the last. */
    boolean add(ByteBuffer messages) throws SystemCallException {
      int left = messages.remaining();
      for (var message : NetlinkMessages.split(messages)) {
        isInconsistent |= (message.getShort(FLAGS) & NLM_F_DUMP_INTR) != 0;
        switch (NetlinkMessages.type(message)) {
          case NLMSG_DONE -> {
            return true;
          }
          case NLMSG_ERROR ->
              throw new SystemCallException(
                  "cannot list interfaces", -message.getInt(HEADER_LENGTH), "");
          case RTM_NEWLINK -> entries.add(entry(message));
          default -> {}
        }
        left -= NetlinkMessages.aligned(message.limit());
      }
      // What is not whole is the last.
      return left >= HEADER_LENGTH;
    }

    /** All of them; none if some have changed meanwhile, so that others may be missing. */
    Optional<List<Entry>> entries() {
      return isInconsistent ? Optional.empty() : Optional.of(entries);
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
        number(NetlinkMessages.attribute(message, attributes, MASTER)),
        isElsewhere ? 0 : number(NetlinkMessages.attribute(message, attributes, LINK)),
        info != null && isIsolated(info));
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

  private static int number(@Nullable ByteBuffer value) {
    return value == null ? 0 : value.getInt(0);
  }
}
