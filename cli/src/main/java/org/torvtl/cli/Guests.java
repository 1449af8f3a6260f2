/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.gateway.IsolationPolicy;
import org.torvtl.gateway.PerDeviceIsolation;
import org.torvtl.gateway.PerGuestIsolation;
import org.torvtl.link.Link;
import org.torvtl.link.guard.Attachment;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.GuardedLink;
import org.torvtl.link.guard.LinkGuard;
import org.torvtl.link.linux.Device;
import org.torvtl.link.linux.DeviceLink;
import org.torvtl.link.linux.HostOnly;
import org.torvtl.link.linux.LinkTable;
import org.torvtl.link.linux.NetworkInterface;
import org.torvtl.link.linux.NetworkNamespace;
import org.torvtl.link.linux.PacketSocket;
import org.torvtl.link.linux.Privileges;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.link.linux.UpperDevices;
import org.torvtl.stack.StackConfig;
import org.torvtl.wire.Ipv4Network;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Where guests are: the options that say so, and the link to them. */
final class Guests {
  private static final Logger log = LoggerFactory.getLogger(Guests.class);

  /**
   * What may wait in a device that is made here. A TAP drops what its queue has no room for, and
   * without offloads the windows of a few connections are as many frames.
   */
  private static final int QUEUE_FRAMES = 8192;

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

  /**
   * What the options say, with nothing opened yet.
   *
   * @param in where frames come from
   * @param out where they are sent; mostly the same
   * @param offload whether to use the offloads of a TAP or TUN
   * @param lanes how many queues of it to use
   * @param allowHost whether the host stays on the link
   * @param namespace where the device is; {@code null} for this host's network
   */
  record Place(
      NetworkInterface in,
      NetworkInterface out,
      Link.Medium medium,
      List<Ipv4Network> destinations,
      boolean offload,
      int lanes,
      boolean force,
      boolean allowHost,
      @Nullable NetworkNamespace namespace) {
    String name() {
      return in.name();
    }

    /**
     * One key where the device is the guest, and a key for each MAC address where there may be
     * several guests. To be asked when it is open.
     */
    IsolationPolicy isolation(SecureRandom random) throws IOException {
      if (medium == Link.Medium.IP || namespace != null) {
        return new PerDeviceIsolation(name(), random, () -> false);
      }
      var upper =
          in == out && in.isTap()
              ? UpperDevices.of(in, System::nanoTime)
              : Optional.<UpperDevices>empty();
      var policy =
          upper.isEmpty() || upper.get().any()
              ? new PerGuestIsolation(name(), random)
              : new PerDeviceIsolation(name(), random, upper.get()::any);
      // With --allow-host that is said at the start.
      return allowHost
          ? policy
          : new UndividedSegment(
              policy,
              out.name(),
              () -> UndividedSegment.isUndivided(out),
              Thread::startVirtualThread);
    }

    /** Whether the host itself takes part in the link while the gateway serves. */
    boolean isSharedWithHost() throws IOException {
      return allowHost
          && namespace == null
          && medium == Link.Medium.ETHERNET
          && (in != out || HostOnly.isSharedWithHost(in));
    }

    /**
     * Opens the links, one for each lane. The host is off the link before the first frame is taken,
     * and before a device that is made here is up.
     *
     * @param teardown closes the links, and the guard after them
     */
    List<Link> open(Teardown teardown) throws IOException, UserException {
      if (namespace != null) {
        return openIn(namespace, teardown);
      }
      checkElsewhere();
      if (medium == Link.Medium.ETHERNET) {
        for (var each : in == out ? List.of(in) : List.of(in, out)) {
          if (each.exists()) {
            check(each);
          } else if (each == out && in != out) {
            throw new UserException(
                "cannot send into %s: there is no such interface (ip link lists those there are)"
                    .formatted(each.name()));
          }
        }
      }
      var own = isOwn() ? tunOrTap() : List.<TunDevice>of();
      try {
        var guard = guard(own, teardown);
        int mark = guard == null ? 0 : guard.mark();
        int markOfGuests = guard == null ? 0 : guard.markOfGuests(in.index());
        up(in);
        var links =
            in != out
                ? List.of(
                    linkToAnother(
                        own.isEmpty() ? packetSocket(mark, markOfGuests) : own.getFirst(), mark))
                : links(own.isEmpty() ? List.of(packetSocket(mark, markOfGuests)) : own);
        var guarded = guard == null ? links : GuardedLink.all(links, guard);
        guarded.forEach(teardown::add);
        return guarded;
      } catch (IOException | UserException e) {
        own.forEach(TunDevice::close);
        throw e;
      }
    }

    /** The host has no part in the link then, so there is none to keep off it. */
    private List<Link> openIn(NetworkNamespace there, Teardown teardown)
        throws IOException, UserException {
      if (there.call(() -> in.exists() && !isOfOurKind())) {
        throw new UserException(
            "cannot use %s in the network namespace %s: it is no %s (choose another name, or leave out --netns)"
                .formatted(name(), there.name(), medium == Link.Medium.IP ? "TUN" : "TAP"));
      }
      var links =
          there.call(() -> {
            boolean found = in.exists();
            var own = tunOrTap();
            try {
              if (!found) {
                own.getFirst().setPersistent(true);
              }
              up(in);
              return links(own);
            } catch (IOException e) {
              own.forEach(TunDevice::close);
              throw e;
            }
          });
      links.forEach(teardown::add);
      return links;
    }

    private boolean isOfOurKind() throws IOException {
      return medium == Link.Medium.IP ? in.isTun() : in.isTap();
    }

    /**
     * Refuses to make a second device where one that stays was moved to a guest, which would wait
     * there for ever.
     */
    private void checkElsewhere() throws IOException, UserException {
      if (in.exists() || !Privileges.has(Privileges.Capability.SYS_ADMIN)) {
        return;
      }
      for (var there : NetworkNamespace.named()) {
        if (isIdleIn(there)) {
          throw new UserException(
              "there is no %s here, but a guest has one in the network namespace %s (serve it there: --netns %2$s; or choose another name)"
                  .formatted(name(), there.name()));
        }
      }
    }

    /** One that no program is attached to. */
    private boolean isIdleIn(NetworkNamespace there) {
      try {
        return there.call(() -> in.exists() && isOfOurKind() && !in.hasCarrier());
      } catch (IOException e) {
        // It has ended meanwhile, or is not to be entered: then nothing of it can be served.
        log.debug("not looked at for {}", name(), e);
        return false;
      }
    }

    /** Whether the device is, or will be, a TAP or TUN of torvtl's own. */
    private boolean isOwn() throws IOException {
      return medium == Link.Medium.IP || !in.exists() || in.isTap();
    }

    private @Nullable LinkGuard guard(List<TunDevice> own, Teardown teardown) throws IOException {
      if (allowHost) {
        log.warn(
            "this host stays on the link of {} (--allow-host): guests reach its addresses and"
                + " services there, and its kernel may answer what they forge over its real network;"
                + " guests on this segment can read and impersonate each other ({})",
            out.name(),
            UndividedSegment.REMEDY);
        return null;
      }
      boolean isAlone =
          medium == Link.Medium.IP
              || (in == out && !own.isEmpty() && !HostOnly.isSharedWithHost(in));
      if (isAlone && !Privileges.has(Privileges.Capability.NET_ADMIN)) {
        log.warn(
            "this host is not kept off {}, that takes CAP_NET_ADMIN: move the device into the"
                + " guest's namespace",
            in.name());
        return null;
      }
      var attachments = attachments(own);
      var guard =
          LinkGuard.put(
              attachments,
              StackConfig.DEFAULT_MAC,
              new LinkObjections(attachments, allowHost, force || medium == Link.Medium.IP));
      teardown.addFailingClosed(guard::hasTakenOver, guard, guard::leave);
      Stream.of(in, out).distinct().forEach(HostListeners::warn);
      return guard;
    }

    private List<Attachment> attachments(List<TunDevice> own) throws IOException {
      if (in == out) {
        var role = own.isEmpty() ? Role.SOCKET : medium == Link.Medium.IP ? Role.TUN : Role.TAP;
        return List.of(attachment(role, in));
      }
      return List.of(
          attachment(own.isEmpty() ? Role.SOCKET : Role.RECEIVING_TAP, in),
          attachment(Role.SOCKET, out));
    }

    private static Attachment attachment(Role role, NetworkInterface device) throws IOException {
      return new Attachment(role, device.index(), device.name());
    }

    private List<TunDevice> tunOrTap() throws IOException {
      boolean found = in.exists();
      var devices =
          lanes == 1
              ? List.of(TunDevice.open(in, medium, offload))
              : TunDevice.openQueues(in, medium, offload, lanes);
      try {
        if (!found) {
          in.setQueueLength(QUEUE_FRAMES);
        }
        return devices;
      } catch (IOException e) {
        devices.forEach(TunDevice::close);
        throw e;
      }
    }

    private PacketSocket packetSocket(int mark, int markOfGuests)
        throws IOException, UserException {
      if (lanes > 1) {
        throw new UserException(
            "cannot use %s with --lanes %d: only a TAP or TUN has a queue for each lane (leave out --lanes)"
                .formatted(in.name(), lanes));
      }
      return PacketSocket.open(in, StackConfig.DEFAULT_MAC, mark, markOfGuests);
    }

    private static List<Link> links(List<? extends Device> devices) throws IOException {
      var links = new ArrayList<Link>();
      for (var device : devices) {
        links.add(new DeviceLink(device));
      }
      return links;
    }

    private Link linkToAnother(Device receiving, int mark) throws IOException {
      try {
        return new DeviceLink(receiving, PacketSocket.openForSending(up(out), mark));
      } catch (IOException e) {
        receiving.close();
        throw e;
      }
    }

    private static NetworkInterface up(NetworkInterface networkInterface) throws IOException {
      if (!networkInterface.isUp()) {
        networkInterface.up();
      }
      return networkInterface;
    }

    private void check(NetworkInterface each) throws IOException, UserException {
      if (!each.isEthernet()) {
        throw new UserException(
            "cannot use %s: it does not carry Ethernet frames (choose a TAP, a bridge, or a host-only interface)"
                .formatted(each.name()));
      }
      var objections = HostOnly.objections(each, allowHost);
      if (!force && !objections.isEmpty()) {
        throw new UserException(
            "cannot use %s: %s, --force to use it all the same)"
                .formatted(
                    each.name(),
                    objections.stream()
                        .map(objection -> objection.reason() + " (" + objection.fix())
                        .collect(Collectors.joining("); "))));
      }
    }
  }

  /** What the options say, device by device. */
  List<Place> places(CommandSpec spec) {
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

  private Place pair(CommandSpec spec, String receive, String transmit) {
    var in = Arguments.networkInterface(spec, "-r", receive);
    var out = Arguments.networkInterface(spec, "-t", transmit);
    if (out.name().equals(in.name())) {
      throw Arguments.wrong(spec, "-r and -t name the same device: say -d " + in.name());
    }
    return place(in, out, Link.Medium.ETHERNET, List.of());
  }

  private List<Place> ofDevices(CommandSpec spec) {
    var places = new ArrayList<Place>();
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
  static void checkSeparate(List<Place> places) throws IOException, UserException {
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
  private static void checkMacvlans(List<Place> places) throws IOException, UserException {
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

  private Place place(
      NetworkInterface in,
      NetworkInterface out,
      Link.Medium medium,
      List<Ipv4Network> destinations) {
    return new Place(
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
