/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.onion;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.torvtl.wire.Defect;

/** What a proxy or a router has passed on and dropped, and why. */
public final class OnionCounters {
  /** Why something was dropped. */
  public enum Drop {
    /** A datagram that is no message of this version. */
    MESSAGE_MALFORMED,
    /** A message of a link that there is not. */
    MESSAGE_UNKNOWN_LINK,
    /** A message whose tag is not right. */
    MESSAGE_FORGED,
    /** A message that came before. */
    MESSAGE_REPLAYED,
    /** A message that does not fit what went before it. */
    MESSAGE_UNEXPECTED,
    /** An IPv6 packet, which is not carried. */
    IPV6,
    /** A packet whose source is not the proxy's. */
    SPOOFED,
    /** A packet to the host whose destination is not the host's, or whose source is. */
    NOT_FOR_HOST,
    /** Broadcast or multicast. */
    GROUP_DESTINATION,
    /** "This network" 0/8, or the router's own address in the world. */
    LOCAL_DESTINATION,
    /** A packet larger than the circuit carries. */
    TOO_LARGE,
    /** A packet with IP options: source routes, and what records the way. */
    OPTIONS,
    /** A part of a packet. */
    FRAGMENT,
    /** No router is up. */
    NO_ROUTER,
    /** No time to live is left. */
    TTL,
    /** An IP protocol that is not carried; TCP among them. */
    PROTOCOL,
    /** An ICMP message to the world that is no echo request, or to a router that asks nothing. */
    ICMP_IGNORED,
    /** A packet to the world, at a router that has no way there. */
    NO_WAY_OUT,
    /** A packet to the world that the interface did not take. */
    NOT_SENT,
    /** A datagram to a router, which has no UDP port. */
    PORT,
    /** A flow, for lack of a port or an identifier. */
    NO_PORT,
    /** A packet from the world that no flow waits for. */
    UNKNOWN_FLOW
  }

  private final long[] malformed = new long[Defect.values().length];
  private final long[] drops = new long[Drop.values().length];

  /** Packets and their bytes taken from the host: by the proxy's device, or off the circuit. */
  public long outPackets, outBytes;

  /** Packets and their bytes given back to the host. */
  public long inPackets, inBytes;

  /** Flows that a router ended early, to make room for one of a user who had fewer. */
  public long evictedFlows;

  /** Messages that the kernel dropped, since the socket had no room for them. */
  public long messageOverflow;

  void malformed(Defect defect) {
    malformed[defect.ordinal()]++;
  }

  void drop(Drop reason) {
    drops[reason.ordinal()]++;
  }

  public long malformedCount(Defect defect) {
    return malformed[defect.ordinal()];
  }

  public long dropCount(Drop reason) {
    return drops[reason.ordinal()];
  }

  /** Every counter that is not zero, under its name, such as {@code drop.spoofed}. */
  public Map<String, Long> nonZero() {
    var counts = new LinkedHashMap<String, Long>();
    put(counts, "out.packets", outPackets);
    put(counts, "out.bytes", outBytes);
    put(counts, "in.packets", inPackets);
    put(counts, "in.bytes", inBytes);
    put(counts, "evicted.flows", evictedFlows);
    put(counts, "drop.message_overflow", messageOverflow);
    for (var defect : Defect.values()) {
      put(counts, "malformed." + defect, malformedCount(defect));
    }
    for (var reason : Drop.values()) {
      put(counts, "drop." + reason, dropCount(reason));
    }
    return counts;
  }

  private static void put(Map<String, Long> counts, String name, long count) {
    if (count != 0) {
      counts.put(name.toLowerCase(Locale.ROOT), count);
    }
  }
}
