/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.NetworkNamespace;
import org.torvtl.host.net.UpperDevices;
import org.torvtl.link.Link;
import org.torvtl.wire.Ipv4Network;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Where guests are: the options that say so, and the link to them. */
final class Guests {
  private static final int MAX_LANES = 16, MAX_LANES_OF_ALL = 32;

  @Option(
      names = {"-d", "--device"},
      paramLabel = "DEV",
      description =
          "Device guests are behind: a TAP (made, and gone at the end, if not there), or any"
              + " host-only interface, such as vmnet1 or virbr1. Repeat it for more devices:"
              + " guests on different ones share nothing.")
  private List<String> devices = List.of();

  @Option(
      names = {"-r", "--receive"},
      paramLabel = "DEV",
      description = "Xen's way: receive on this device, such as tap1, a port of the bridge ...")
  private @Nullable String receive;

  @Option(
      names = {"-t", "--transmit"},
      paramLabel = "DEV",
      description = "... and send into this one, such as the bridge xenbr1.")
  private @Nullable String transmit;

  @Option(
      names = "--tun",
      paramLabel = "DEV",
      description = "TUN device instead: one guest, IP packets without Ethernet.")
  private @Nullable String tun;

  @Option(
      names = "--netns",
      paramLabel = "NAME|PID|PATH",
      description =
          "Open the TAP or TUN in this network namespace: the guest's own, a container's, ... One"
              + " that is made there stays when torvtl ends, with its addresses and routes, and is"
              + " used again; it goes with the namespace.")
  private @Nullable String netns;

  @Option(
      names = "--route",
      split = ",",
      paramLabel = "DEST",
      description =
          "With --tun: lead this host's own traffic to these destinations (1.2.3.0/24 or the like)"
              + " into it. Whatever would go there by another interface is refused, and so is IPv6"
              + " that stands for it; all of IPv6 from half of IPv4 on, such as for 'default'. Names"
              + " are still looked up as before.")
  private List<String> routes = List.of();

  @Option(
      names = "--no-offload",
      description =
          "With a TAP or TUN: exchange packets with the kernel one by one and complete, not TCP in"
              + " pieces of up to 64 KiB. Much slower; for measuring, and for finding faults.")
  private boolean noOffload;

  @Option(
      names = "--lanes",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "With a TAP or TUN: serve guests with N threads, each with a queue of the device and the"
              + " TCP between some pairs of addresses for itself. 1 to 16, 32 for all devices;"
              + " default: ${DEFAULT-VALUE}")
  private int lanes;

  @Option(
      names = "--force",
      description = "Use the device even if what guests send may leave the host another way.")
  private boolean force;

  @Option(
      names = "--allow-host",
      description =
          "Leave this host on the guests' link: guests reach its addresses and services there, and"
              + " its kernel may answer what they forge over its real network.")
  private boolean allowHost;

  // Filled in by picocli.
  private Guests() {}

  /** What the options say, device by device. */
  List<GuestPlace> places(CommandSpec spec) {
    if (devices.isEmpty() && tun == null && receive == null && transmit == null) {
      throw Arguments.wrong(
          spec, "where are the guests? say -d DEV, or -r DEV -t DEV, or --tun DEV");
    }
    if ((receive == null) != (transmit == null)) {
      throw Arguments.wrong(
          spec,
          receive == null
              ? "-t says where to send; -r DEV must say where to receive"
              : "-r says where to receive; -t DEV must say where to send");
    }
    if (!devices.isEmpty() && receive != null) {
      throw Arguments.wrong(
          spec, "-d is one device for both ways, -r and -t are two: use either, not both");
    }
    if (tun != null && (!devices.isEmpty() || receive != null)) {
      throw Arguments.wrong(spec, "--tun is a device by itself: leave out -d, -r and -t");
    }
    if (tun == null && !routes.isEmpty()) {
      throw Arguments.wrong(spec, "--route leads into a TUN: say --tun DEV");
    }
    if (netns != null && (receive != null || !routes.isEmpty())) {
      throw Arguments.wrong(
          spec, "--netns is for one device both ways, without --route: -d DEV, or --tun DEV");
    }
    if (lanes < 1 || lanes > MAX_LANES) {
      throw Arguments.wrong(spec, "--lanes is from 1 to %d, not %d".formatted(MAX_LANES, lanes));
    }
    if (lanes > 1 && receive != null) {
      throw Arguments.wrong(spec, "--lanes is for one device both ways: -d DEV, or --tun DEV");
    }
    if (tun != null) {
      var networkInterface = Arguments.networkInterface(spec, "--tun", tun);
      return List.of(place(networkInterface, networkInterface, Link.Medium.IP, destinations(spec)));
    }
    return receive == null || transmit == null
        ? ofDevices(spec)
        : List.of(pair(spec, receive, transmit));
  }

  private GuestPlace pair(CommandSpec spec, String receive, String transmit) {
    var in = Arguments.networkInterface(spec, "-r", receive);
    var out = Arguments.networkInterface(spec, "-t", transmit);
    if (out.name().equals(in.name())) {
      throw Arguments.wrong(spec, "-r and -t name the same device: say -d " + in.name());
    }
    return place(in, out, Link.Medium.ETHERNET, List.of());
  }

  private List<GuestPlace> ofDevices(CommandSpec spec) {
    var places = new ArrayList<GuestPlace>();
    for (var device : devices) {
      var networkInterface = Arguments.networkInterface(spec, "-d", device);
      if (places.stream().anyMatch(place -> place.name().equals(device))) {
        throw Arguments.wrong(spec, "-d %s is there twice".formatted(device));
      }
      places.add(place(networkInterface, networkInterface, Link.Medium.ETHERNET, List.of()));
    }
    if (places.size() * lanes > MAX_LANES_OF_ALL) {
      throw Arguments.wrong(
          spec,
          "%d devices with %d lanes each are %d threads, and %d may be"
              .formatted(places.size(), lanes, places.size() * lanes, MAX_LANES_OF_ALL));
    }
    return places;
  }

  /** Refuses two devices on one link: a guest there would be answered twice. */
  static void checkSeparate(List<GuestPlace> places) throws IOException, UserException {
    var uppers = new HashMap<String, String>();
    var here = places.stream().filter(place -> place.namespace() == null).toList();
    for (var place : here) {
      uppers.put(place.name(), place.name());
    }
    for (var place : here) {
      for (var upper : UpperDevices.names(place.in())) {
        var other = uppers.putIfAbsent(upper, place.name());
        if (other != null) {
          throw oneLink(other, place.name(), upper);
        }
      }
    }
    checkMacvlans(here);
  }

  /** What several stand on is one link. */
  private static void checkMacvlans(List<GuestPlace> places) throws IOException, UserException {
    var lowers = new HashMap<Integer, String>();
    var interfaces = LinkTable.read();
    for (var place : places) {
      for (var entry : interfaces) {
        if (entry.name().equals(place.in().name()) && entry.kind().startsWith("macv")) {
          var other = lowers.putIfAbsent(entry.lower(), place.name());
          if (other != null) {
            throw oneLink(other, place.name(), "by what they stand on");
          }
        }
      }
    }
  }

  private static UserException oneLink(String one, String other, String link) {
    return new UserException(
        "cannot use %s and %s as two devices: they are one link, %s (leave out -d %2$s)"
            .formatted(one, other, link));
  }

  private GuestPlace place(
      NetworkInterface in,
      NetworkInterface out,
      Link.Medium medium,
      List<Ipv4Network> destinations) {
    return new GuestPlace(
        in,
        out,
        medium,
        destinations,
        !noOffload,
        lanes,
        force,
        allowHost,
        netns == null ? null : NetworkNamespace.of(netns));
  }

  private List<Ipv4Network> destinations(CommandSpec spec) {
    return routes.stream()
        .map(text -> Arguments.destination(spec, "--route", text))
        .distinct()
        .toList();
  }
}
