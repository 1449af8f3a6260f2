/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.rtnetlink;

import org.torvtl.wire.Ipv4Network;

/**
 * A policy rule of IPv4. {@code struct fib_rule_hdr} of linux/fib_rules.h.
 *
 * @param priority the smaller one is looked at first, 32 bits without sign, {@code FRA_PRIORITY}
 * @param from source addresses that it is for, {@code FRA_SRC}; {@link #ALL} for any
 * @param to destinations that it is for, {@code FRA_DST}; {@link #ALL} for any
 * @param action what it does, such as {@link #LOOKUP}
 * @param table the number of the routing table, 32 bits without sign, {@code FRA_TABLE}
 * @param protocol the routing program that it is of, 0 to 255, {@code FRA_PROTOCOL}
 */
public record Rule(
    int priority, Ipv4Network from, Ipv4Network to, int action, int table, int protocol) {
  /** Every address. */
  public static final Ipv4Network ALL = new Ipv4Network(0, 0);

  /** {@code FR_ACT_TO_TBL}: takes the route that the table has, if it has one. */
  public static final int LOOKUP = 1;

  /** Such as {@code 8: from 192.0.2.1/32 to 18.0.0.0/8 lookup 9 proto 117}. */
  @Override
  public String toString() {
    return "%s: from %s to %s %s proto %d"
        .formatted(
            Integer.toUnsignedString(priority),
            from,
            to,
            action == LOOKUP ? "lookup " + Integer.toUnsignedString(table) : "action " + action,
            protocol);
  }
}
