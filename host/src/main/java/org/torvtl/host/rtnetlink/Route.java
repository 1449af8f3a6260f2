/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.rtnetlink;

import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/**
 * A route of IPv4. rtnetlink(7), {@code struct rtmsg}.
 *
 * @param to the destinations, {@code RTA_DST}
 * @param type what becomes of packets, such as {@link #UNICAST}
 * @param device the index of the interface that they leave by, {@code RTA_OIF}; 0 for none
 * @param gateway the next hop, network byte order, {@code RTA_GATEWAY}; 0 for none
 * @param table the number of the routing table, 32 bits without sign, {@code RTA_TABLE}
 * @param metric of two routes to the same destinations the smaller one counts, 32 bits without
 *     sign, {@code RTA_PRIORITY}
 * @param protocol the routing program that it is of, 0 to 255, {@code rtm_protocol}
 */
public record Route(
    Ipv4Network to, int type, int device, int gateway, int table, int metric, int protocol) {
  /** {@code RTN_UNICAST} and {@code RTN_UNREACHABLE} of linux/rtnetlink.h. */
  public static final int UNICAST = 1, UNREACHABLE = 7;

  /** Behind every other route to the same destinations. */
  public static final int LAST_METRIC = -1;

  /** A route into a device, with the first metric. */
  public static Route into(int device, Ipv4Network to, int table, int protocol) {
    return new Route(to, UNICAST, device, 0, table, 0, protocol);
  }

  /** A route that refuses what no other route to the same destinations takes. */
  public static Route refusing(Ipv4Network to, int table, int protocol) {
    return new Route(to, UNREACHABLE, 0, 0, table, LAST_METRIC, protocol);
  }

  /** Whether packets are refused. */
  public boolean refuses() {
    return type == UNREACHABLE;
  }

  /** Such as {@code unicast 18.0.0.0/8 via 192.0.2.1 dev if7 table 9 proto 117 metric 0}. */
  @Override
  public String toString() {
    return text("if" + device);
  }

  /**
   * As {@link #toString}.
   *
   * @param deviceName what the interface is called
   */
  public String text(String deviceName) {
    return "%s %s%s%s table %s proto %d metric %s"
        .formatted(
            switch (type) {
              case UNICAST -> "unicast";
              case 2 -> "local";
              case 3 -> "broadcast";
              case 6 -> "blackhole";
              case UNREACHABLE -> "unreachable";
              case 8 -> "prohibit";
              case 9 -> "throw";
              default -> "type " + type;
            },
            to,
            gateway == 0 ? "" : " via " + Ipv4Address.toString(gateway),
            device == 0 ? "" : " dev " + deviceName,
            Integer.toUnsignedString(table),
            protocol,
            Integer.toUnsignedString(metric));
  }
}
