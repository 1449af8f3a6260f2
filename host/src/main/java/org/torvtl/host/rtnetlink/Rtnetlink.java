/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.rtnetlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.netlink.NetlinkClient;
import org.torvtl.host.netlink.NetlinkMessages;
import org.torvtl.host.netlink.NetlinkRequest;
import org.torvtl.host.netlink.NetlinkSocket;
import org.torvtl.host.system.Libc;
import org.torvtl.host.system.SystemCallException;
import org.torvtl.wire.Ipv4Network;

/**
 * Routes, policy rules and addresses of a network namespace: what {@code ip route}, {@code ip rule}
 * and {@code ip address} ask and set. rtnetlink(7), linux/rtnetlink.h, linux/fib_rules.h. To list
 * takes no privilege, to change CAP_NET_ADMIN. Used from one thread at a time.
 *
 * <p>Each change is for one route or rule, which the kernel refuses with {@code EEXIST} if it is
 * there.
 */
public final class Rtnetlink implements AutoCloseable {
  private static final int RTM_NEWADDR = 20, RTM_GETADDR = 22;
  private static final int RTM_NEWROUTE = 24, RTM_DELROUTE = 25, RTM_GETROUTE = 26;
  private static final int RTM_NEWRULE = 32, RTM_DELRULE = 33, RTM_GETRULE = 34;

  /** {@code struct rtmsg} and {@code struct fib_rule_hdr}; {@code struct ifaddrmsg}. */
  private static final int RTMSG_LENGTH = 12, IFADDRMSG_LENGTH = 8;

  /** In {@code struct rtmsg} and, the first three and the table, {@code struct fib_rule_hdr}. */
  private static final int FAMILY = 0, DST_LEN = 1, SRC_LEN = 2, TABLE = 4;

  private static final int PROTOCOL = 5, SCOPE = 6, TYPE = 7;
  private static final int RULE_ACTION = 7, IFA_PREFIXLEN = 1;
  private static final int RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5, RTA_PRIORITY = 6;
  private static final int RTA_TABLE = 15;
  private static final int FRA_DST = 1, FRA_SRC = 2, FRA_PRIORITY = 6, FRA_TABLE = 15;
  private static final int FRA_PROTOCOL = 21;
  private static final int IFA_ADDRESS = 1, IFA_LOCAL = 2;

  /** How near the destination is; a removal does not ask. */
  private static final int RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RT_SCOPE_NOWHERE = 255;

  private final NetlinkClient client;

  private Rtnetlink(NetlinkClient client) {
    this.client = client;
  }

  /** For the calling thread's network namespace, also when it is called from another later. */
  public static Rtnetlink open() throws SystemCallException {
    return new Rtnetlink(NetlinkClient.open(NetlinkSocket.ROUTE));
  }

  /** The routes of IPv4, of all tables. */
  public List<Route> routes() throws SystemCallException {
    return client.list(
        "cannot list routes",
        listing(RTM_GETROUTE, Libc.AF_INET, RTMSG_LENGTH),
        RTM_NEWROUTE,
        Rtnetlink::route);
  }

  /** The policy rules of IPv4. */
  public List<Rule> rules() throws SystemCallException {
    return client.list(
        "cannot list policy rules",
        listing(RTM_GETRULE, Libc.AF_INET, RTMSG_LENGTH),
        RTM_NEWRULE,
        Rtnetlink::rule);
  }

  /**
   * The priorities of the policy rules of IPv6 for any source, 32 bits without sign.
   *
   * @param protocol of the rules, 0 to 255
   */
  public List<Integer> ipv6Priorities(int protocol) throws SystemCallException {
    return client.list(
        "cannot list policy rules of IPv6",
        listing(RTM_GETRULE, Libc.AF_INET6, RTMSG_LENGTH),
        RTM_NEWRULE,
        message ->
            octet(message, SRC_LEN) == 0
                    && protocol(attribute(message, RTMSG_LENGTH, FRA_PROTOCOL)) == protocol
                ? Optional.of(number(attribute(message, RTMSG_LENGTH, FRA_PRIORITY)))
                : Optional.empty());
  }

  /** The addresses of IPv4, of all interfaces. */
  public List<Ipv4Network> addresses() throws SystemCallException {
    return client.list(
        "cannot list addresses",
        listing(RTM_GETADDR, Libc.AF_INET, IFADDRMSG_LENGTH),
        RTM_NEWADDR,
        Rtnetlink::address);
  }

  /** Adds a route. */
  public void add(Route route) throws SystemCallException {
    client.change(
        "cannot add the route " + route,
        request(
            RTM_NEWROUTE,
            NetlinkRequest.NLM_F_CREATE | NetlinkRequest.NLM_F_EXCL,
            route,
            route.type() == Route.UNICAST && route.gateway() == 0
                ? RT_SCOPE_LINK
                : RT_SCOPE_UNIVERSE));
  }

  /**
   * Removes a route; its metric counts unless it is 0.
   *
   * @return whether it was there
   */
  public boolean remove(Route route) throws SystemCallException {
    return remove(
        "cannot remove the route " + route, request(RTM_DELROUTE, 0, route, RT_SCOPE_NOWHERE));
  }

  /** Adds a rule. */
  public void add(Rule rule) throws SystemCallException {
    client.change(
        "cannot add the policy rule " + rule,
        request(RTM_NEWRULE, NetlinkRequest.NLM_F_CREATE | NetlinkRequest.NLM_F_EXCL, rule));
  }

  /**
   * Removes a rule.
   *
   * @return whether it was there
   */
  public boolean remove(Rule rule) throws SystemCallException {
    return remove("cannot remove the policy rule " + rule, request(RTM_DELRULE, 0, rule));
  }

  /** Without the table, the device or the route itself the kernel has another word for it each. */
  private boolean remove(String what, NetlinkRequest request) throws SystemCallException {
    try {
      client.change(what, request);
      return true;
    } catch (SystemCallException e) {
      return switch (e.errno()) {
        case Libc.ESRCH, Libc.ENOENT, Libc.ENODEV -> false;
        default -> throw e;
      };
    }
  }

  private static NetlinkRequest listing(int type, int family, int structureLength) {
    var structure = new byte[structureLength];
    structure[FAMILY] = (byte) family;
    return new NetlinkRequest(type, NetlinkRequest.NLM_F_DUMP, structure);
  }

  private static NetlinkRequest request(int type, int flags, Route route, int scope) {
    var structure = new byte[RTMSG_LENGTH];
    structure[FAMILY] = Libc.AF_INET;
    structure[DST_LEN] = (byte) route.to().prefixLength();
    structure[PROTOCOL] = (byte) route.protocol();
    structure[SCOPE] = (byte) scope;
    structure[TYPE] = (byte) route.type();
    var request =
        new NetlinkRequest(type, flags | NetlinkRequest.NLM_F_ACK, structure)
            .number(RTA_TABLE, route.table());
    if (route.to().prefixLength() > 0) {
      request.address(RTA_DST, route.to().first());
    }
    if (route.device() != 0) {
      request.number(RTA_OIF, route.device());
    }
    if (route.gateway() != 0) {
      request.address(RTA_GATEWAY, route.gateway());
    }
    if (route.metric() != 0) {
      request.number(RTA_PRIORITY, route.metric());
    }
    return request;
  }

  private static NetlinkRequest request(int type, int flags, Rule rule) {
    var structure = new byte[RTMSG_LENGTH];
    structure[FAMILY] = Libc.AF_INET;
    structure[DST_LEN] = (byte) rule.to().prefixLength();
    structure[SRC_LEN] = (byte) rule.from().prefixLength();
    structure[RULE_ACTION] = (byte) rule.action();
    var request =
        new NetlinkRequest(type, flags | NetlinkRequest.NLM_F_ACK, structure)
            .number(FRA_PRIORITY, rule.priority())
            .number(FRA_TABLE, rule.table())
            .attribute(FRA_PROTOCOL, (byte) rule.protocol());
    if (rule.to().prefixLength() > 0) {
      request.address(FRA_DST, rule.to().first());
    }
    if (rule.from().prefixLength() > 0) {
      request.address(FRA_SRC, rule.from().first());
    }
    return request;
  }

  /** None for what is no route of IPv4. */
  static Optional<Route> route(ByteBuffer message) {
    if (octet(message, FAMILY) != Libc.AF_INET) {
      return Optional.empty();
    }
    var gateway = attribute(message, RTMSG_LENGTH, RTA_GATEWAY);
    return Optional.of(
        new Route(
            network(attribute(message, RTMSG_LENGTH, RTA_DST), octet(message, DST_LEN)),
            octet(message, TYPE),
            number(attribute(message, RTMSG_LENGTH, RTA_OIF)),
            gateway == null ? 0 : networkInt(gateway),
            table(message, RTA_TABLE),
            number(attribute(message, RTMSG_LENGTH, RTA_PRIORITY)),
            octet(message, PROTOCOL)));
  }

  /** None for what is no rule of IPv4. */
  static Optional<Rule> rule(ByteBuffer message) {
    if (octet(message, FAMILY) != Libc.AF_INET) {
      return Optional.empty();
    }
    return Optional.of(
        new Rule(
            number(attribute(message, RTMSG_LENGTH, FRA_PRIORITY)),
            network(attribute(message, RTMSG_LENGTH, FRA_SRC), octet(message, SRC_LEN)),
            network(attribute(message, RTMSG_LENGTH, FRA_DST), octet(message, DST_LEN)),
            octet(message, RULE_ACTION),
            table(message, FRA_TABLE),
            protocol(attribute(message, RTMSG_LENGTH, FRA_PROTOCOL))));
  }

  /** The interface's own address: of one to a peer, {@code IFA_ADDRESS} is the peer's. */
  private static Optional<Ipv4Network> address(ByteBuffer message) {
    var own = attribute(message, IFADDRMSG_LENGTH, IFA_LOCAL);
    var value = own == null ? attribute(message, IFADDRMSG_LENGTH, IFA_ADDRESS) : own;
    return value == null
        ? Optional.empty()
        : Optional.of(network(value, octet(message, IFA_PREFIXLEN)));
  }

  private static int octet(ByteBuffer message, int offset) {
    return Byte.toUnsignedInt(message.get(NetlinkMessages.HEADER_LENGTH + offset));
  }

  private static @Nullable ByteBuffer attribute(ByteBuffer message, int structureLength, int type) {
    return NetlinkMessages.attribute(
        message, NetlinkMessages.HEADER_LENGTH + structureLength, type);
  }

  /** A table with a number up to 255 may stand in the structure alone. */
  private static int table(ByteBuffer message, int attribute) {
    var table = attribute(message, RTMSG_LENGTH, attribute);
    return table == null ? octet(message, TABLE) : number(table);
  }

  private static int number(@Nullable ByteBuffer value) {
    return value == null ? 0 : value.getInt(0);
  }

  private static int protocol(@Nullable ByteBuffer value) {
    return value == null ? 0 : Byte.toUnsignedInt(value.get(0));
  }

  private static Ipv4Network network(@Nullable ByteBuffer address, int prefixLength) {
    return new Ipv4Network(address == null ? 0 : networkInt(address), prefixLength);
  }

  private static int networkInt(ByteBuffer value) {
    return value.duplicate().order(ByteOrder.BIG_ENDIAN).getInt(0);
  }

  @Override
  public void close() {
    client.close();
  }
}
