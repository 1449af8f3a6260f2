/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.ObjLongConsumer;
import org.torvtl.ip.Reassembler;
import org.torvtl.wire.Defect;

/**
 * What a stack has dropped, and why. Written by the lane's event loop; other threads may read a
 * moment late.
 */
public final class StackCounters implements Reassembler.Counters {
  /** What a malformed packet claimed to be. */
  public enum Protocol {
    ETHERNET,
    ARP,
    IPV4,
    ICMP,
    UDP,
    TCP
  }

  /** Why a well-formed packet was dropped. */
  public enum Drop {
    /** Sent by the gateway itself. */
    OWN_FRAME,
    /** An Ethernet destination that is not the gateway. */
    NOT_FOR_GATEWAY,
    /** An EtherType that is neither ARP nor IPv4. */
    ETHER_TYPE,
    /** IPv6, which the gateway does not carry. */
    IPV6,
    /** Broadcast or multicast. */
    GROUP_DESTINATION,
    /** An ARP packet that gives another MAC address for its sender than the frame's. */
    ARP_SENDER,
    /** A guest's claim to an address that another guest has or uses; its question is answered. */
    ARP_CLAIM,
    /** No source address yet. */
    NO_SOURCE,
    /** An ICMP message that asks nothing of the gateway. */
    ICMP_IGNORED,
    /** An ICMP error not sent, for there were too many. */
    ICMP_RATE,
    /** An ICMP message about a TCP segment that was too large, for an MTU that no network has. */
    ICMP_MTU,
    /** The same, about a segment of no connection of that guest. */
    ICMP_NO_CONNECTION,
    /** The same, about a segment that is not under way, or that is no news. RFC 5927. */
    ICMP_NOT_BELIEVED,
    /** A fragment that overlaps another; the whole packet is given up. */
    FRAGMENT_OVERLAP,
    /** A fragment of a packet given up because it was not whole in time, or to make room. */
    FRAGMENT_EXPIRED,
    /** A connection request beyond the number that may wait for an answer. */
    TCP_PENDING_FULL,
    /** A request that waited for an answer, evicted to make room. */
    TCP_PENDING_EVICTED,
    /** A request that waited for an answer, and that its guest no longer repeats. */
    TCP_GIVEN_UP,
    /** A request that was answered and the guest has not confirmed, evicted to make room. */
    TCP_HALF_OPEN,
    /** A connection in TIME-WAIT, forgotten to make room. */
    TCP_TIME_WAIT,
    /** An open connection, evicted to make room: reset. */
    TCP_EVICTED,
    /** A connection request of a guest that holds as much memory as it may. */
    TCP_MEMORY,
    /** A connection of a guest that has left its port of a bridge. */
    GUEST_LEFT,
    /** A connection whose guest has another MAC address now. */
    GUEST_MOVED,
    /** A TCP segment of no connection. */
    TCP_NO_CONNECTION,
    /** A question for an address of the host's own, which the host answers itself. */
    HOST_ADDRESS,
    /** A packet beyond its guest's share of the lane's time, while others use the link. */
    OVER_SHARE,
    /** A packet of no established connection in a queue that was read too slowly. */
    BACKLOG,
    /** A packet larger than the link carries. */
    TOO_LARGE,
    /** A connection that was ended since it, or its guest, held too much memory. */
    MEMORY_CUT,
    /** A packet that no memory could be allocated for. */
    MEMORY,
    /** A frame that came after the stack was closed. */
    CLOSED,
    /** A frame or timer whose handling failed: a defect of the gateway, and logged as one. */
    FAILED
  }

  private final long[][] malformed = new long[Protocol.values().length][Defect.values().length];
  private final long[] drops = new long[Drop.values().length];

  void malformed(Protocol protocol, Defect defect) {
    malformed[protocol.ordinal()][defect.ordinal()]++;
  }

  void drop(Drop reason) {
    drops[reason.ordinal()]++;
  }

  @Override
  public void fragmentsOverlap() {
    drop(Drop.FRAGMENT_OVERLAP);
  }

  @Override
  public void fragmentsExpired() {
    drop(Drop.FRAGMENT_EXPIRED);
  }

  public long malformedCount(Protocol protocol, Defect defect) {
    return malformed[protocol.ordinal()][defect.ordinal()];
  }

  public long dropCount(Drop reason) {
    return drops[reason.ordinal()];
  }

  /**
   * Gives every counter to {@code sink} with its name, such as {@code ipv4.bad_checksum}, always in
   * the same order.
   */
  public void forEach(ObjLongConsumer<String> sink) {
    for (var protocol : Protocol.values()) {
      for (var defect : Defect.values()) {
        sink.accept(name(protocol + "." + defect), malformedCount(protocol, defect));
      }
    }
    for (var reason : Drop.values()) {
      sink.accept(name("drop." + reason), dropCount(reason));
    }
  }

  private static String name(String constants) {
    return constants.toLowerCase(Locale.ROOT);
  }

  /** Every counter that is not zero, under its name. */
  public Map<String, Long> nonZero() {
    var counts = new LinkedHashMap<String, Long>();
    forEach((name, count) -> {
      if (count != 0) {
        counts.put(name, count);
      }
    });
    return counts;
  }
}
