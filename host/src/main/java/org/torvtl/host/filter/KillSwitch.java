/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.system.Command;
import org.torvtl.host.user.User;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;

/**
 * The packet filter table that refuses what would pass a tunnel by: packets of this host to what
 * routes lead into the tunnel, on any other interface. A socket bound to an interface ignores
 * policy rules; it does not get around this.
 *
 * <p>Refused programs fail at once: with a reset, or with the error of the send. Nothing is asked
 * by ARP or neighbour discovery before.
 *
 * <p>The output hook knows the interface that a packet was first routed to. NAT and chains of the
 * type {@code route} (a mark with a policy rule) reroute it there, which no chain of that hook gets
 * to see. So a second chain drops at the postrouting hook what this host sends, by the interface
 * that it really leaves by. A program's TCP then fails by its timeout. Forwarded and bridged
 * packets are not this host's and pass.
 *
 * <p>A packet with a source route goes to its first hop, which sends it on to where it is meant to
 * go: loose and strict source routes of IPv4 (RFC 791, section 3.1), routing headers of IPv6 (RFC
 * 8200, section 4.4). No rule sees the last address, so all such packets are refused, into the
 * tunnel and from the exempt user too: nobody needs them, and most networks drop them (RFC 7126,
 * section 4.3, RFC 5095).
 *
 * <p>Exempt are the loopback interface, the user whose connections make the tunnel, and what keeps
 * a link up and cannot leave it: IGMP, neighbour discovery, and DHCP to its broadcast and multicast
 * address. The last is UDP with contents of the sender's own, from ports that any program has where
 * {@code net.ipv4.ip_unprivileged_port_start} is low. So it passes only from sockets of root and of
 * the users that DHCP clients run as. A client with a packet socket is not seen here at all.
 *
 * <p>It outlives the process that made it.
 *
 * @param table of the family {@code inet}; all of it is this
 * @param comment whose it is, for the user
 * @param tunnel which packets leave through the tunnel, as an expression of nft(8)
 * @param from the source address of the packets that are led into the tunnel, network byte order;
 *     empty for any
 * @param exempt the user whose packets pass; empty for none
 * @param more other chains of the table; empty for none
 */
public record KillSwitch(
    String table,
    String comment,
    String tunnel,
    OptionalInt from,
    CoveredDestinations covered,
    OptionalInt exempt,
    String more) {
  /**
   * Users that DHCP clients run as: systemd-networkd; dhcpcd by its own name and Debian's.
   * NetworkManager, dhclient, udhcpc and connman are root.
   */
  private static final List<String> DHCP_CLIENTS = List.of("systemd-network", "dhcpcd", "_dhcpcd");

  /**
   * For the routes of a source address: before source NAT (NF_IP_PRI_NAT_SRC, 100), which replaces
   * that address. Destinations are final there but for rewriting without connection tracking.
   */
  private static final int FIRST = Integer.MIN_VALUE;

  private static final int LAST = Integer.MAX_VALUE;

  /** The two ends of a TCP connection of this host's. */
  private static final String IPV4_ENDS = "ip saddr . tcp sport . ip daddr . tcp dport",
      IPV6_ENDS = IPV4_ENDS.replace("ip ", "ip6 ");

  /**
   * The exempt user's connections, which go on when its program has closed them: the kernel sends
   * what is left, and answers the other end, by a socket that has no user any more.
   */
  private static final String CLOSED =
      """
      set ipv4_connections {
        type ipv4_addr . inet_service . ipv4_addr . inet_service
        flags dynamic, timeout
        timeout 10m
        size 65536
      }
      set ipv6_connections {
        type ipv6_addr . inet_service . ipv6_addr . inet_service
        flags dynamic, timeout
        timeout 10m
        size 65536
      }
      chain closed {
        meta skuid >= 0 return
        %s @ipv4_connections accept
        %s @ipv6_connections accept
      }
      """
          .formatted(IPV4_ENDS, IPV6_ENDS);

  private static final String PREFIX = "torvtl_tun_";
  private static final Pattern AROUND_TUN =
      Pattern.compile("(?m)^table inet " + PREFIX + "(\\d{1,9})$");

  /** For {@code run --tun}: named by the interface's number, which no later interface gets. */
  public static KillSwitch around(
      NetworkInterface tun, CoveredDestinations covered, OptionalInt exempt) throws IOException {
    int index = tun.index();
    return new KillSwitch(
        PREFIX + index,
        "made by torvtl run --route; removed when it ends, or by the next one",
        "oif " + index,
        OptionalInt.empty(),
        covered,
        exempt,
        "");
  }

  /**
   * Puts it in force, in place of what its table held before, without a moment in between.
   *
   * @throws IOException if there is no nftables or the kernel refuses
   */
  public void put() throws IOException, InterruptedException {
    Command.runWithInput(text(), List.of("nft", "-f", "-"));
  }

  /** As {@link #put()}, marked for a {@link TableWatch}. */
  public void put(String marker) throws IOException, InterruptedException {
    Command.runWithInput(text(marker), List.of("nft", "-f", "-"));
  }

  /** Removes it, if it is there. */
  public void remove() throws IOException, InterruptedException {
    remove(table);
  }

  private static void remove(String table) throws IOException, InterruptedException {
    Command.runWithInput(removal(table), List.of("nft", "-f", "-"));
  }

  /** What nft takes to remove a table, whether it is there or not. */
  public static String removal(String table) {
    return "add table inet %1$s\ndelete table inet %1$s\n".formatted(table);
  }

  /** Whether a table of that name is there. */
  public boolean isThere() throws IOException, InterruptedException {
    return Command.run("nft", "list", "tables").lines().anyMatch(("table inet " + table)::equals);
  }

  /** Removes those around TUN devices that nothing serves any more. */
  public static void sweep() throws IOException, InterruptedException {
    for (var found : AROUND_TUN.matcher(Command.run("nft", "list", "tables")).results().toList()) {
      if (!isServed(found)) {
        remove(PREFIX + found.group(1));
      }
    }
  }

  private static boolean isServed(MatchResult table) throws IOException {
    var tun = NetworkInterface.ofIndex(Integer.parseInt(table.group(1)));
    return tun.isPresent() && isServed(tun.get());
  }

  /** Whether a program holds a TUN, as far as can be told: not while it is down. */
  public static boolean isServed(NetworkInterface tun) throws IOException {
    return tun.exists() && tun.isTun() && (!tun.isUp() || tun.hasCarrier());
  }

  /** As nft takes it in one transaction, marked for a {@link TableWatch}. */
  public String text(String marker) throws IOException {
    return text() + TableWatch.marking(table, marker);
  }

  /**
   * All kinds of statements that one may need, for {@code nft --check}, which tells whether the
   * kernel has what they take and changes nothing.
   */
  public static String sample() throws IOException {
    var table = PREFIX + "sample";
    var networks = CoveredDestinations.of(List.of(Ipv4Network.parse("192.0.2.0/24")));
    return new KillSwitch(
            table, "sample", "oif 1", OptionalInt.empty(), networks, OptionalInt.of(1), "")
        .text();
  }

  /**
   * The whole table, as nft takes it in one transaction.
   *
   * <p>Of a socket's packets the kernel knows the user. What it sends by itself (resets, ICMP) has
   * no interface it came by, and no Ethernet header yet; what a bridge shows to the packet filter
   * (br_netfilter) has one. What is led back out from the loopback interface is a program's too.
   */
  private String text() throws IOException {
    // nftables 1.0.6 wants a line of its own for each closing brace.
    return removal(table)
        + """
        table inet %s {
          comment "%s"
          %11$s
          chain around {
            type filter hook output priority %3$d; policy accept;
            %9$s
            oif "lo" accept
            %4$s accept
            %5$s
          }
          chain refused {
            meta l4proto tcp counter reject with tcp reset
            counter reject with icmpx admin-prohibited
          }
          chain rerouted {
            type filter hook postrouting priority %6$d; policy accept;
            oif "lo" accept
            %4$s accept
            meta skuid >= 0 goto leaving
            iif 0 @ll,0,8 >= 0 accept
            iif { 0, 1 } goto leaving
          }
          chain leaving {
            %10$s
            %7$s
          }
          %8$s
        }
        """
            .formatted(
                table,
                comment,
                LAST,
                tunnel,
                lines(rules("goto refused")),
                from.isPresent() ? FIRST : LAST,
                lines(rules("counter drop")),
                more,
                lines(sourceRoutes("goto refused")),
                lines(sourceRoutes("counter drop")),
                exempt.isPresent() ? CLOSED : "");
  }

  private static String lines(List<String> rules) {
    return String.join("\n    ", rules);
  }

  /** Of those that this host has, with root. */
  private static List<String> dhcpClients() throws IOException {
    var users = new TreeSet<>(List.of(0L));
    for (var name : DHCP_CLIENTS) {
      User.named(name).ifPresent(user -> users.add(Integer.toUnsignedLong(user.uid())));
    }
    return users.stream().map(Object::toString).toList();
  }

  /** From every sender, to every first hop. */
  private List<String> sourceRoutes(String refuse) {
    return List.of(
        fromHere() + "ip option lsrr exists " + refuse,
        fromHere() + "ip option ssrr exists " + refuse,
        "exthdr rt exists " + refuse);
  }

  private String fromHere() {
    return from.isPresent() ? "ip saddr " + Ipv4Address.toString(from.getAsInt()) + " " : "";
  }

  /**
   * What passes, and what does not.
   *
   * @param refuse what becomes of the latter, as a statement of nft(8)
   */
  private List<String> rules(String refuse) throws IOException {
    var rules = new ArrayList<String>();
    exempt.ifPresent(user -> {
      rules.add("meta skuid %s update @ipv4_connections { %s }".formatted(user, IPV4_ENDS));
      rules.add("meta skuid %s update @ipv6_connections { %s }".formatted(user, IPV6_ENDS));
      rules.add("meta skuid %s accept".formatted(user));
      rules.add("jump closed");
    });
    rules.add("ip protocol igmp ip daddr 224.0.0.0/4 accept");
    var dhcp = "meta skuid %s accept".formatted(anyOf(dhcpClients()));
    rules.add("ip daddr 255.255.255.255 udp sport 68 udp dport 67 " + dhcp);
    rules.add("ip6 daddr ff02::1:2 udp sport 546 udp dport 547 " + dhcp);
    rules.add(
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert,"
            + " mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }"
            + " accept");
    rules.add(
        "%sip daddr %s %s"
            .formatted(
                fromHere(),
                anyOf(covered.networks().stream().map(Ipv4Network::toString).toList()),
                refuse));
    rules.addAll(ipv6Rules(refuse));
    return rules;
  }

  /** For whatever source address: none of IPv6 stands for one of IPv4. */
  private List<String> ipv6Rules(String refuse) {
    if (covered.coverIpv6()) {
      return List.of("meta nfproto ipv6 " + refuse);
    }
    var rules = new ArrayList<String>();
    var patterns = covered.ipv6();
    rules.add(
        "ip6 daddr %s %s"
            .formatted(
                anyOf(
                    patterns.stream()
                        .filter(Ipv6Pattern::isPrefix)
                        .map(Ipv6Pattern::prefix)
                        .toList()),
                refuse));
    patterns.stream()
        .filter(pattern -> !pattern.isPrefix())
        .map(
            pattern -> "ip6 daddr & %s == %s %s".formatted(pattern.mask(), pattern.value(), refuse))
        .forEach(rules::add);
    return rules;
  }

  private static String anyOf(List<String> values) {
    return values.size() == 1
        ? values.getFirst()
        : values.stream().collect(Collectors.joining(", ", "{ ", " }"));
  }
}
