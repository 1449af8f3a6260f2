/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.net;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.system.SystemCallException;

/**
 * Whether an interface is host-only: nothing a guest sends into it reaches another network by the
 * hands of this host. What is looked at: the host's default route, the hardware behind it (its own,
 * or that of its bridge ports and lower devices), whether the other end of a veth is this host's as
 * well, and whether the host forwards what arrives there.
 *
 * <p>A guest that sends to the gateway's MAC address is safe in any case, since no frame to that
 * address is the host's to route. But a guest may also send to the host's.
 */
public final class HostOnly {
  private static final String BRIDGE = "bridge", VETH = "veth";

  /** What links to the interfaces that an interface stands on begin with. */
  private static final String LOWER = "lower_";

  /** {@code IFF_UP} of linux/if.h. */
  private static final int UP = 1;

  private static final int ROUTE_UP = 1, ROUTE_REJECT = 0x200;

  /** Drivers whose Ethernet frames travel over another network, inside other packets. */
  private static final Set<String> TUNNELS =
      Set.of(
          "vxlan",
          "geneve",
          "gretap",
          "ip6gretap",
          "erspan",
          "ip6erspan",
          "amt",
          "batman-adv",
          "openvswitch",
          "l2tp_eth");

  /**
   * Why it is not.
   *
   * @param reason a clause that begins with the interface's name
   * @param fix what to do about it
   */
  public record Objection(String reason, String fix) {}

  /** What tells the driver of an interface, as {@link NetworkInterface#driver}. */
  interface Drivers {
    String of(String name) throws IOException;
  }

  /** What tells the other end of a veth, if that is in this network namespace. */
  interface Peers {
    Optional<String> of(String name) throws IOException;
  }

  private final Path devices;
  private final Path settings;
  private final Path ipv4Routes;
  private final Path ipv6Routes;
  private final Drivers drivers;
  private final Peers peers;

  /**
   * @param root below which the kernel's files are, {@code /sys} and {@code /proc}
   */
  HostOnly(Path root, Drivers drivers, Peers peers) {
    devices = root.resolve("sys/class/net");
    settings = root.resolve("proc/sys/net");
    ipv4Routes = root.resolve("proc/net/route");
    ipv6Routes = root.resolve("proc/net/ipv6_route");
    this.drivers = drivers;
    this.peers = peers;
  }

  private static HostOnly ofThisHost() {
    return new HostOnly(
        Path.of("/"), name -> new NetworkInterface(name).driver(), new PeersOfThisHost());
  }

  /** By one listing of the interfaces, made when the first is asked for. */
  private static final class PeersOfThisHost implements Peers {
    private @Nullable List<LinkTable.Entry> interfaces;

    @Override
    public Optional<String> of(String name) throws SystemCallException {
      var listed = interfaces == null ? LinkTable.read() : interfaces;
      interfaces = listed;
      return listed.stream()
          .filter(entry -> entry.name().equals(name) && entry.kind().equals(VETH))
          .flatMap(entry -> listed.stream().filter(other -> other.index() == entry.lower()))
          .map(LinkTable.Entry::name)
          .findFirst();
    }
  }

  /**
   * All that speaks against an interface, or the bridge it is a port of; nothing if it is right.
   *
   * @param isHostThere whether the host stays on the link, so that it may forward what arrives
   */
  public static List<Objection> objections(NetworkInterface networkInterface, boolean isHostThere)
      throws IOException {
    return ofThisHost().look(networkInterface.name(), networkInterface.index(), isHostThere);
  }

  /**
   * Whether it is one of the host's own networks: it carries the default route, or another network
   * is behind it or below it.
   */
  public static boolean leadsOut(NetworkInterface networkInterface) throws IOException {
    return ofThisHost().leadsOut(networkInterface.name(), networkInterface.index());
  }

  /** Whether the host itself has a place on the link: it is not a TAP by itself. */
  public static boolean isSharedWithHost(NetworkInterface networkInterface) throws IOException {
    return !networkInterface.isTap() || ofThisHost().master(networkInterface.name()).isPresent();
  }

  /**
   * Whether the host answers at this interface for addresses that it has at others, so that a guest
   * can ask which those are.
   */
  public static boolean tellsOtherAddresses(NetworkInterface networkInterface) throws IOException {
    var configurations = ofThisHost().settings.resolve("ipv4/conf");
    return isZero(configurations.resolve(networkInterface.name()).resolve("arp_ignore"))
        && isZero(configurations.resolve("all").resolve("arp_ignore"));
  }

  /**
   * As {@link #objections}.
   *
   * @param index the kernel's number of the interface
   */
  List<Objection> look(String name, int index, boolean isHostThere) throws IOException {
    if (!isShown(name, index)) {
      return List.of(
          new Objection(
              "what is behind %s cannot be seen: /sys shows another network namespace"
                  .formatted(name),
              "mount -t sysfs sysfs /sys, as ip netns exec does"));
    }
    var master = master(name);
    if (drivers.of(name).equals(NetworkInterface.TAP_DRIVER) && master.isEmpty()) {
      // Behind it is only the program that holds its other end, torvtl.
      return defaultRoute(name).stream().toList();
    }
    String subject = master.orElse(name);
    var objections = new ArrayList<Objection>();
    defaultRoute(subject).ifPresent(objections::add);
    if (isHostThere) {
      forwarding(subject).ifPresent(objections::add);
    }
    bridgeFilter(subject).ifPresent(objections::add);
    var below = below(subject);
    for (var lower : below) {
      try {
        hardware(subject, lower).ifPresent(objections::add);
        bridgeBelow(subject, lower).ifPresent(objections::add);
        var peer = driver(lower).equals(VETH) ? peers.of(lower) : Optional.<String>empty();
        if (peer.isPresent() && !below.contains(peer.get())) {
          objections.addAll(otherEnd(subject, lower, peer.get(), isHostThere));
        }
      } catch (IOException e) {
        throwUnlessGone(e, lower, subject);
      }
    }
    return objections;
  }

  /** As {@link #leadsOut(NetworkInterface)}; false where that cannot be seen. */
  boolean leadsOut(String name, int index) throws IOException {
    if (!isShown(name, index)) {
      return false;
    }
    if (defaultRoute(name).isPresent()) {
      return true;
    }
    for (var lower : below(name)) {
      try {
        if (hardware(name, lower).isPresent()) {
          return true;
        }
      } catch (IOException e) {
        throwUnlessGone(e, lower, name);
      }
    }
    return false;
  }

  /** Whether {@code /sys} has the interface, and not another of that name elsewhere. */
  private boolean isShown(String name, int index) throws IOException {
    return read(devices.resolve(name).resolve("ifindex")).equals(Optional.of("" + index));
  }

  /**
   * What speaks against a veth of which the host has both ends, so that it is on the link there, or
   * another segment of it is. While the other end is down, it is not.
   */
  private List<Objection> otherEnd(String name, String veth, String peer, boolean isHostThere)
      throws IOException {
    String what =
        veth.equals(name)
            ? "%s has its other end, %s, on this host too".formatted(name, peer)
            : "%s leads to %s, which has its other end, %s, on this host too"
                .formatted(name, veth, peer);
    var master = master(peer);
    if (master.isPresent()) {
      return List.of(
          new Objection(
              "%s, as a part of %s".formatted(what, master.get()),
              "use %s itself: torvtl run -d %1$s; or move %s to the guest: ip link set %2$s netns GUEST"
                  .formatted(master.get(), peer)));
    }
    if (isHostThere) {
      return Stream.of(defaultRoute(peer), forwarding(peer)).flatMap(Optional::stream).toList();
    }
    return isUp(peer)
        ? List.of(
            new Objection(
                what + ", which is on the guests' link there",
                "move that end to the guest: ip link set %s netns GUEST".formatted(peer)))
        : List.of();
  }

  private Optional<String> master(String name) throws IOException {
    var master = devices.resolve(name).resolve("master");
    return Files.isSymbolicLink(master)
        ? Optional.of(Files.readSymbolicLink(master).getFileName().toString())
        : Optional.empty();
  }

  /** The interface, and all that it stands on: bridge ports, lower devices, those of these. */
  private Set<String> below(String name) throws IOException {
    var all = new LinkedHashSet<>(List.of(name));
    var toDo = new ArrayList<>(List.of(name));
    while (!toDo.isEmpty()) {
      var lower = toDo.removeLast();
      var entries = devices.resolve(lower).toFile().list();
      if (entries == null) {
        throwUnlessGone(new IOException("cannot look at " + lower), lower, name);
        continue;
      }
      Stream.of(entries)
          .filter(entry -> entry.startsWith(LOWER))
          .map(entry -> entry.substring(LOWER.length()))
          .filter(all::add)
          .forEach(toDo::add);
    }
    return all;
  }

  /** A guest's port may go while it is looked at, and then nothing is to be said of it. */
  private void throwUnlessGone(IOException failure, String lower, String name) throws IOException {
    if (lower.equals(name) || Files.exists(devices.resolve(lower))) {
      throw failure;
    }
  }

  /** By its ports, which have stacks of their own, the host is on the link all the same. */
  private Optional<Objection> bridgeBelow(String name, String lower) throws IOException {
    return !lower.equals(name) && driver(lower).equals(BRIDGE)
        ? Optional.of(
            new Objection(
                "%s stands on a bridge, %s, by whose ports this host is on the guests' link"
                    .formatted(name, lower),
                "use the bridge itself, torvtl run -d %s, or a TAP".formatted(lower)))
        : Optional.empty();
  }

  private Optional<Objection> hardware(String name, String lower) throws IOException {
    var device = devices.resolve(lower);
    String whose = lower.equals(name) ? name + " has" : name + " leads to " + lower + ", which has";
    if (Files.exists(device.resolve("device"))) {
      return Optional.of(
          new Objection(
              whose + " a physical network behind it",
              "use an interface without one: torvtl tap create tap1"));
    }
    String driver = driver(lower);
    if (TUNNELS.contains(driver)) {
      return Optional.of(
          new Objection(
              "%s another network behind it (%s)".formatted(whose, driver),
              "use an interface without one: torvtl tap create tap1"));
    }
    // A veth's other end in another namespace is a guest; any other interface that stands on one
    // there could stand on a physical one.
    if (!driver.equals(VETH) && !standsAlone(device)) {
      return Optional.of(
          new Objection(
              whose + " a lower device in another network namespace, which cannot be looked at",
              "run torvtl in that namespace, or use another interface"));
    }
    return Optional.empty();
  }

  private String driver(String name) throws IOException {
    return drivers.of(name).replaceFirst(" .*", "");
  }

  private static boolean standsAlone(Path device) throws IOException {
    String own = read(device.resolve("ifindex")).orElse("");
    String lower = read(device.resolve("iflink")).orElse("");
    if (own.equals(lower) || lower.equals("0")) {
      return true;
    }
    try (var entries = Files.list(device)) {
      return entries.anyMatch(entry -> entry.getFileName().toString().startsWith(LOWER));
    }
  }

  /** RFC 1519's halves of everything count as everything. */
  private Optional<Objection> defaultRoute(String name) throws IOException {
    boolean ipv4 =
        lines(ipv4Routes).stream()
            .map(line -> line.strip().split("\\s+"))
            .anyMatch(field ->
                field.length > 7
                    && field[0].equals(name)
                    && (Integer.parseInt(field[3], 16) & (ROUTE_UP | ROUTE_REJECT)) == ROUTE_UP
                    // In the order of the wire, printed as a number of this machine.
                    && (field[7].equals("00000000") || field[7].equals("00000080")));
    boolean ipv6 =
        lines(ipv6Routes).stream()
            .map(line -> line.strip().split("\\s+"))
            .anyMatch(field ->
                field.length > 9
                    && field[9].equals(name)
                    && (Long.parseLong(field[8], 16) & (ROUTE_UP | ROUTE_REJECT)) == ROUTE_UP
                    && Integer.parseInt(field[1], 16) <= 1);
    return ipv4 || ipv6
        ? Optional.of(
            new Objection(
                name + " carries this host's default route, so it is the host's way out",
                "choose the interface of the guests, not the one to the network"))
        : Optional.empty();
  }

  private Optional<Objection> forwarding(String name) throws IOException {
    String inSysctl = name.replace('.', '/');
    if (isOn(settings.resolve("ipv4/conf").resolve(name).resolve("forwarding"))) {
      return Optional.of(
          new Objection(
              "this host forwards what arrives at %s to other networks".formatted(name),
              "sysctl -w net.ipv4.conf.%s.forwarding=0".formatted(inSysctl)));
    }
    if (isOn(settings.resolve("ipv6/conf/all/forwarding"))
        && !isOn(settings.resolve("ipv6/conf").resolve(name).resolve("disable_ipv6"))) {
      return Optional.of(
          new Objection(
              "this host forwards IPv6 that arrives at %s to other networks".formatted(name),
              "sysctl -w net.ipv6.conf.%s.disable_ipv6=1, or net.ipv6.conf.all.forwarding=0"
                  .formatted(inSysctl)));
    }
    return Optional.empty();
  }

  /**
   * Whether the host's packet filter is shown the frames that a bridge passes on. It may answer
   * them, by the host's own routes. docs.kernel.org/networking/bridge.html, "Netfilter".
   */
  private Optional<Objection> bridgeFilter(String name) throws IOException {
    var bridge = devices.resolve(name).resolve("bridge");
    if (!Files.exists(bridge)) {
      return Optional.empty();
    }
    for (var family : List.of("ip", "ip6")) {
      String setting = "bridge-nf-call-%stables".formatted(family);
      if (isOn(settings.resolve("bridge").resolve(setting))) {
        return Optional.of(
            new Objection(
                "%s shows what guests send to this host's firewall (net.bridge.%s), which may answer it over the host's network"
                    .formatted(name, setting),
                "sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0; where containers need it on, give each guest a TAP that is no bridge port: run -d tap0 -d tap1"));
      }
      if (isOn(bridge.resolve("nf_call_%stables".formatted(family)))) {
        return Optional.of(
            new Objection(
                "%s shows what guests send to this host's firewall (nf_call_%stables), which may answer it over the host's network"
                    .formatted(name, family),
                "ip link set %s type bridge nf_call_iptables 0 nf_call_ip6tables 0"
                    .formatted(name)));
      }
    }
    return Optional.empty();
  }

  private boolean isUp(String name) throws IOException {
    return read(devices.resolve(name).resolve("flags"))
        .map(flags -> (Integer.decode(flags) & UP) != 0)
        .orElse(false);
  }

  private static boolean isOn(Path setting) throws IOException {
    return read(setting).map(value -> !value.equals("0")).orElse(false);
  }

  private static boolean isZero(Path setting) throws IOException {
    return read(setting).map(value -> value.equals("0")).orElse(false);
  }

  private static Optional<String> read(Path file) throws IOException {
    try {
      return Optional.of(Files.readString(file).strip());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private static List<String> lines(Path file) throws IOException {
    try {
      return Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }
}
