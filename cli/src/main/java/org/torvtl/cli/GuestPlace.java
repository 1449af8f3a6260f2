/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.gateway.IsolationPolicy;
import org.torvtl.gateway.PerDeviceIsolation;
import org.torvtl.gateway.PerGuestIsolation;
import org.torvtl.host.net.HostOnly;
import org.torvtl.host.net.LinkTable;
import org.torvtl.host.net.NetworkInterface;
import org.torvtl.host.net.NetworkNamespace;
import org.torvtl.host.net.UpperDevices;
import org.torvtl.host.user.Privileges;
import org.torvtl.link.Link;
import org.torvtl.link.guard.Attachment;
import org.torvtl.link.guard.Attachment.Role;
import org.torvtl.link.guard.GuardedLink;
import org.torvtl.link.guard.LinkGuard;
import org.torvtl.link.linux.Device;
import org.torvtl.link.linux.DeviceLink;
import org.torvtl.link.linux.PacketSocket;
import org.torvtl.link.linux.TunDevice;
import org.torvtl.stack.StackConfig;
import org.torvtl.wire.Ipv4Network;

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
record GuestPlace(
    NetworkInterface in,
    NetworkInterface out,
    Link.Medium medium,
    List<Ipv4Network> destinations,
    boolean offload,
    int lanes,
    boolean force,
    boolean allowHost,
    @Nullable NetworkNamespace namespace) {
  private static final Logger log = LoggerFactory.getLogger(GuestPlace.class);

  /**
   * What may wait in a device that is made here. A TAP drops what its queue has no room for, and
   * without offloads the windows of a few connections are as many frames.
   */
  private static final int QUEUE_FRAMES = 8192;

  String name() {
    return in.name();
  }

  /** Whether the device is there already; else it is made. */
  boolean isThere() throws IOException {
    return namespace == null ? in.exists() : namespace.call(in::exists);
  }

  /** Has a line told when the guest's own namespace has gone. */
  void watch(Consumer<String> tell) throws IOException {
    if (namespace != null) {
      NamespaceWatch.start(namespace, name(), tell);
    }
  }

  /**
   * One key where the device is the guest, and a key for each MAC address where there may be
   * several guests. To be asked when it is open.
   */
  IsolationPolicy isolation(SecureRandom random) throws IOException {
    if (medium == Link.Medium.IP) {
      return new PerDeviceIsolation(name(), random, () -> false);
    }
    if (namespace != null) {
      return namespace.call(this::isPort)
          ? new PerGuestIsolation(name(), random)
          : new PerDeviceIsolation(name(), random, () -> false);
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

  /** Whether it is a port of a bridge, behind which there may be several guests. */
  private boolean isPort() throws IOException {
    return LinkTable.read().stream()
        .anyMatch(each -> each.name().equals(name()) && each.master() != 0);
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
    if (there.isOurs()) {
      throw new UserException(
          "the network namespace %s is this host's own network (leave out --netns)"
              .formatted(there.name()));
    }
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
            up(in);
            var opened = links(own);
            if (!found) {
              own.getFirst().setPersistent(true);
            }
            return opened;
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
   * Refuses to make a second device where one was moved to a guest: one that stays, where the guest
   * would wait for ever; or one that another gateway serves, with which it would share the name of
   * its guard.
   */
  private void checkElsewhere() throws IOException, UserException {
    if (in.exists() || !Privileges.has(Privileges.Capability.SYS_ADMIN)) {
      return;
    }
    for (var there : NetworkNamespace.named()) {
      switch (standingIn(there)) {
        case ABSENT -> {
          // The usual case.
        }
        case IDLE ->
            throw new UserException(
                "there is no %s here, but a guest has one in the network namespace %s (serve it there: --netns %2$s; or choose another name)"
                    .formatted(name(), there.name()));
        case SERVED ->
            throw new UserException(
                "there is no %s here, but one that a program serves already in the network namespace %s (end that program, or choose another name)"
                    .formatted(name(), there.name()));
      }
    }
  }

  private enum Standing {
    ABSENT,
    /** No program is attached to it. */
    IDLE,
    SERVED
  }

  private Standing standingIn(NetworkNamespace there) {
    try {
      return there.call(() -> {
        if (!in.exists() || !isOfOurKind()) {
          return Standing.ABSENT;
        }
        return in.isUp() && in.hasCarrier() ? Standing.SERVED : Standing.IDLE;
      });
    } catch (IOException e) {
      // It has ended meanwhile, or is not to be entered: then nothing of it can be served.
      log.debug("not looked at for {}", name(), e);
      return Standing.ABSENT;
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
        medium == Link.Medium.IP || (in == out && !own.isEmpty() && !HostOnly.isSharedWithHost(in));
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

  private PacketSocket packetSocket(int mark, int markOfGuests) throws IOException, UserException {
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
