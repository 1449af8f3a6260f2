/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.torvtl.link.guard.Segment.Port;
import org.torvtl.wire.MacAddress;

/**
 * Writes the guard's nftables statements. Base chains cannot be changed, so each version of the
 * table has chains of its own, which take the place of the last version's in one transaction; the
 * sets of MAC addresses stay. What is written here, {@code keeper.sh} must allow.
 *
 * @param table the name of the tables, one for each family
 * @param mark of the gateway's frames
 * @param heard the mark of guests' frames that have passed the rules of their port
 * @param mac the gateway's MAC address
 */
record GuardRules(String table, int mark, int heard, long mac) {
  /**
   * MAC addresses that a port may use while the gateway runs. The gateway knows more guests at a
   * time, so that one port's do not take all places.
   */
  static final int MACS_OF_A_PORT = 128;

  /** A bridge has no more ports than 1024. */
  private static final int MACS = MACS_OF_A_PORT * 1024;

  /**
   * Packets a second, and at once, that a port may send: far more than guests do with what is
   * carried or answered (ARP, DNS, ping), and few enough that no queue is full of it that others
   * wait in. Requests for connections: as many as a lane admits of all guests together, and more
   * than a browser sends at once. Short segments: the acknowledgments of 370 Mbit/s where each is
   * of two full segments; those that are dropped are made up for by the next.
   */
  private static final String OTHER_ETHERTYPES = packets(1_000, 500),
      OTHER_PROTOCOLS = packets(4_000, 1_000),
      DNS = packets(500, 500),
      REQUESTS = packets(1_000, 1_000),
      SHORT_SEGMENTS = packets(16_000, 4_000),
      MEDIUM_SEGMENTS = packets(32_000, 8_000);

  /**
   * What a guest's kernel, or its network card, hands over as one frame may be many packets behind
   * the port's rules: a kernel cuts up what the next device does not take whole, and that may be a
   * byte a packet. A device of the gateway's takes TCP whole. Of all else but ping there is little,
   * so it is bounded by its bytes.
   */
  private static final String LITTLE = "100 kbytes/second burst 128 kbytes";

  /** More than Tor carries, and less than makes the gateway's queue full of what it drops. */
  private static final String ALL_TCP = "300 mbytes/second burst 16 mbytes";

  /** Before all that filters for other reasons. */
  private static final int PRIORITY = -500;

  /** Addresses that a bridge does not forward. IEEE 802.1Q, table 8-1. */
  private static final String GROUPS = "ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00";

  /** IEEE 802.3: the first bit on the wire tells groups. */
  private static final String UNICAST = "ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00";

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.@+=,~-]+");
  private static final List<String> FAMILIES = List.of("netdev", "inet", "arp");

  /**
   * One version of the table.
   *
   * @param statements for {@code nft}, one a line, to be one transaction
   * @param chains of the netdev family that it puts there
   * @param ports of guests, by index, that have a set of MAC addresses
   */
  record Version(List<String> statements, List<String> chains, List<Integer> ports) {
    static final Version NONE = new Version(List.of(), List.of(), List.of());
  }

  /**
   * The chain that tells which version is in force.
   *
   * @param version any number; no two versions have one, in no run
   */
  static String marker(long version) {
    return "guest_%016x".formatted(version);
  }

  /**
   * Puts a table there, in place of any of that name.
   *
   * @param owned the MAC addresses that ports have, by index
   */
  Version fresh(Segment segment, long version, Map<Integer, Set<Long>> owned) {
    var body = new Body(version);
    FAMILIES.forEach(body::deleteTable);
    return body.write(segment, owned);
  }

  /**
   * Puts a version in the place of the last one, which is there as it was written.
   *
   * @param owned the MAC addresses that ports have, by index; of ports that are gone, they are free
   */
  Version update(Version last, Segment segment, long version, Map<Integer, Set<Long>> owned) {
    var body = new Body(version);
    for (var chain : last.chains) {
      for (var word : List.of("flush", "delete")) {
        body.statements.add("%s chain netdev %s %s".formatted(word, table, chain));
      }
    }
    body.deleteTable("inet");
    body.deleteTable("arp");
    for (int port : last.ports) {
      if (segment.guests().stream().noneMatch(guest -> guest.index() == port)) {
        body.release(port, owned.getOrDefault(port, Set.of()));
      }
    }
    return body.write(segment, Map.of());
  }

  private static String packets(int aSecond, int atOnce) {
    return "%d/second burst %d packets".formatted(aSecond, atOnce);
  }

  /** A mark, as nft takes it. */
  static String text(int mark) {
    return "0x%08x".formatted(mark);
  }

  /** Whether nft can be given the name of an interface. */
  static boolean isNameable(String name) {
    return NAME.matcher(name).matches();
  }

  /**
   * Makes sure that nft can be given the names of all interfaces.
   *
   * @throws IOException if not
   */
  static void check(Segment segment) throws IOException {
    for (var port : segment.all()) {
      if (!isNameable(port.name())) {
        throw new IOException(
            "interface %s has a name that nftables cannot be given (rename it)"
                .formatted(port.name()));
      }
    }
  }

  /** All kinds of statements, about the loopback interface. */
  static Version sample() {
    var loopback = List.of(new Port(1, "lo"));
    var segment =
        new Segment(loopback, loopback, loopback, loopback, loopback, loopback, loopback, loopback);
    return new GuardRules(tableFor("lo"), 1, 2, 1).fresh(segment, 1, Map.of(1, Set.of(1L)));
  }

  /** A name for the tables of a device. */
  static String tableFor(String device) {
    return device
        .chars()
        .mapToObj(c ->
            c < 0x80 && Character.isLetterOrDigit(c) ? Character.toString(c) : "_%02x".formatted(c))
        .collect(Collectors.joining("", "torvtl_guard_", ""));
  }

  /** The statements of one version, as they are written. */
  private final class Body {
    final List<String> statements = new ArrayList<>();
    private final List<String> chains = new ArrayList<>();
    private final long number;
    private final String unmarked = "meta mark != %s drop".formatted(text(mark));

    Body(long number) {
      this.number = number;
    }

    void deleteTable(String family) {
      statements.add("add table %s %s".formatted(family, table));
      statements.add("delete table %s %s".formatted(family, table));
    }

    /** A port is gone: others may have its MAC addresses. */
    void release(int port, Set<Long> macs) {
      if (!macs.isEmpty()) {
        statements.add("delete element netdev %s owned %s".formatted(table, elements(macs)));
      }
      statements.add("delete set netdev %s %s".formatted(table, macsOf(port)));
    }

    private static String macsOf(int port) {
      return "macs_" + port;
    }

    private static String elements(Set<Long> macs) {
      return macs.stream().map(MacAddress::toString).collect(Collectors.joining(", ", "{ ", " }"));
    }

    Version write(Segment segment, Map<Integer, Set<Long>> owned) {
      statements.add("add table netdev " + table);
      guestChain();
      for (var port : segment.silent()) {
        rule(base(port, "ingress"), "drop");
        rule(base(port, "egress"), unmarked);
      }
      segment.lower().forEach(port -> rule(base(port, "egress"), unmarked));
      segment.deaf().forEach(port -> rule(base(port, "ingress"), "drop"));
      segment.sending().forEach(port -> rule(base(port, "ingress"), "meta mark set " + text(mark)));
      for (var port : segment.hearing()) {
        rule(base(port, "egress"), "meta mark != %s drop".formatted(text(heard)));
      }
      for (var port : segment.guests()) {
        guest(port, owned.getOrDefault(port.index(), Set.of()));
      }
      upperLayers(segment);
      return new Version(statements, chains, segment.guests().stream().map(Port::index).toList());
    }

    private void guestChain() {
      statements.add(
          "add set netdev %s owned { type ether_addr; size %d; flags dynamic; }"
              .formatted(table, MACS));
      String chain = marker(number);
      chains.addFirst(chain);
      statements.add("add chain netdev %s %s".formatted(table, chain));
      rule(chain, "meta mark set " + text(heard));
      rule(chain, GROUPS + " drop");
      rule(chain, "ether saddr %s drop".formatted(MacAddress.toString(mac)));
      rule(chain, "%s ether daddr != %s drop".formatted(UNICAST, MacAddress.toString(mac)));
      rule(chain, "ether type { 8021q, 8021ad } vlan id != 0 drop");
    }

    /**
     * A MAC address is the port's that used it first, and no frame for another's goes there,
     * wherever the bridge thinks it is.
     */
    private void guest(Port port, Set<Long> macs) {
      String set = macsOf(port.index());
      statements.add(
          "add set netdev %s %s { type ether_addr; size %d; flags dynamic; }"
              .formatted(table, set, MACS_OF_A_PORT));
      if (!macs.isEmpty()) {
        String elements = elements(macs);
        for (var each : List.of(set, "owned")) {
          statements.add("add element netdev %s %s %s".formatted(table, each, elements));
        }
      }
      String ingress = base(port, "ingress");
      rule(ingress, "jump " + marker(number));
      limit(ingress, "ether type != ip", OTHER_ETHERTYPES);
      limit(ingress, "ether type != { ip, arp }", LITTLE);
      limit(ingress, "ip protocol != tcp", OTHER_PROTOCOLS);
      limit(ingress, "ip protocol != { icmp, tcp, udp }", LITTLE);
      limit(ingress, "ip protocol udp ip frag-off & 0x3fff != 0", LITTLE);
      limit(ingress, "udp dport != 53", LITTLE);
      limit(ingress, "udp dport 53", DNS);
      limit(ingress, "tcp flags & (syn | ack) == syn", REQUESTS);
      limit(ingress, "ip protocol tcp ip length < 128", SHORT_SEGMENTS);
      limit(ingress, "ip protocol tcp ip length < 1000", MEDIUM_SEGMENTS);
      limit(ingress, "ip protocol tcp", ALL_TCP);
      rule(ingress, "ether saddr @%s accept".formatted(set));
      rule(ingress, "ether saddr @owned drop");
      rule(ingress, "add @%s { ether saddr } add @owned { ether saddr } accept".formatted(set));
      rule(ingress, "drop");
      String egress = base(port, "egress");
      rule(egress, unmarked);
      rule(egress, UNICAST + " ether daddr != @%s drop".formatted(set));
    }

    private void limit(String chain, String packets, String rate) {
      rule(chain, "%s limit rate over %s drop".formatted(packets, rate));
    }

    /** What is above the devices. */
    private void upperLayers(Segment segment) {
      // What passes from port to port of a bridge comes here as well while br_netfilter is on.
      var over = new ArrayList<>(segment.tunnels());
      over.addAll(segment.bridges());
      if (!over.isEmpty()) {
        statements.add(
            "add rule %s iifname { %s } drop"
                .formatted(chain("inet", "over", "forward"), names(over)));
      }
      if (!segment.silent().isEmpty() || !segment.sending().isEmpty()) {
        String heard = chain("inet", "heard", "prerouting");
        if (!segment.bridges().isEmpty()) {
          statements.add(
              "add rule %s iifname { %s } notrack".formatted(heard, names(segment.bridges())));
        }
        // Of a port the host hears at the bridge only; without this also from when it has left the
        // bridge until that is noticed.
        var unheard = new ArrayList<>(segment.lower());
        unheard.addAll(segment.guests());
        unheard(heard, unheard);
        unheard(chain("arp", "heard", "input"), unheard);
      }
    }

    /**
     * No IP host is at the addresses that a bridge keeps for itself, not on a new port either. And
     * what has passed the rules of a guest's port is not this host's, whatever bridge that port has
     * been put into.
     */
    private void unheard(String chain, List<Port> ports) {
      statements.add("add rule %s %s drop".formatted(chain, GROUPS));
      statements.add("add rule %s meta mark == %s drop".formatted(chain, text(heard)));
      if (!ports.isEmpty()) {
        statements.add("add rule %s iifname { %s } drop".formatted(chain, names(ports)));
      }
    }

    private String chain(String family, String name, String hook) {
      String chain = "%s %s %s".formatted(family, table, name);
      statements.add("add table %s %s".formatted(family, table));
      statements.add(
          "add chain %s { type filter hook %s priority %d; }".formatted(chain, hook, PRIORITY));
      return chain;
    }

    private static String names(List<Port> ports) {
      return ports.stream()
          .map(port -> "\"" + port.name() + "\"")
          .collect(Collectors.joining(", "));
    }

    private String base(Port port, String hook) {
      String chain = "%s_%d_%016x".formatted(hook, port.index(), number);
      chains.add(0, chain);
      statements.add(
          "add chain netdev %s %s { type filter hook %s device \"%s\" priority %d; }"
              .formatted(table, chain, hook, port.name(), PRIORITY));
      return chain;
    }

    private void rule(String chain, String rule) {
      statements.add("add rule netdev %s %s %s".formatted(table, chain, rule));
    }
  }
}
