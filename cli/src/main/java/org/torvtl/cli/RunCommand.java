/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.torvtl.egress.EgressListener;
import org.torvtl.gateway.Gateway;
import org.torvtl.gateway.GatewayListener;
import org.torvtl.gateway.GuestDevice;
import org.torvtl.host.net.HostAddresses;
import org.torvtl.host.route.PolicyRoutes;
import org.torvtl.host.route.TorUser;
import org.torvtl.host.user.User;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.egress.TorEgress;
import org.torvtl.tor.process.FileOwner;
import org.torvtl.tor.process.SupervisedTor;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;
import org.torvtl.wire.Ipv4Packet;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The gateway: guests behind devices, Tor on the other side, until a signal ends it. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    customSynopsis = {
      "torvtl run -d DEV [-d DEV]... [-a ADDR -p PORT | -a unix:PATH] [OPTION]...",
      "       torvtl run -r DEV -t DEV [-a ADDR -p PORT | -a unix:PATH] [OPTION]...",
      "       torvtl run --tun DEV [--route DEST[,DEST]...] [OPTION]...",
      ""
    },
    description = {
      "Runs the gateway: carries what guests send on devices through Tor, until Ctrl-C.",
      "",
      "A guest may have any address, netmask and gateway. Its TCP goes through Tor, DNS queries"
          + " to any server are answered by Tor, all else is refused; nothing leaves another way.",
      ""
    },
    footer = {
      "",
      "A network namespace as guest:",
      "  ip netns add guest",
      "  ip -n guest link set lo up",
      "  ip link set tap0 netns guest",
      "  ip -n guest addr add 10.0.0.2/8 dev tap0",
      "  ip -n guest link set tap0 up",
      "  ip -n guest route add default via 10.0.0.1",
      "",
      "Signals: INT (Ctrl-C) and TERM end it, and open this host again; HUP, of a terminal that was"
          + " closed, ends it and leaves the packet filters and routes in force. USR1 writes its"
          + " counters, which docs/counters.md explains, QUIT the stacks of its threads, and it goes on; USR2 does nothing.",
      "",
      "Exit status: 130 after Ctrl-C, 143 after TERM, 1 if it cannot serve.",
      "",
      "docs/guests has pages for VMware, Xen, QEMU and libvirt, VirtualBox and containers."
    })
final class RunCommand implements Callable<Integer> {
  /** What every host must be able to receive: RFC 791, section 3.2. */
  private static final int MIN_MTU = Ipv4Packet.MIN_REASSEMBLY_LENGTH;

  /** More destinations than these are not named one by one. */
  private static final int MOST_NAMED = 4;

  @Mixin private Guests guests;

  @ArgGroup(exclusive = false)
  private @Nullable ProxyOptions proxy;

  @Option(
      names = "--torrc",
      paramLabel = "FILE",
      description = "More lines for the torrc of torvtl's own tor, such as bridges.")
  private @Nullable Path torrc;

  @Option(
      names = "--address",
      paramLabel = "ADDR",
      defaultValue = "10.0.0.1",
      description =
          "The gateway's own IPv4 address, the one that answers ping. Guests may use any"
              + " other as their gateway. Default: ${DEFAULT-VALUE}")
  private String address = "";

  @Mixin private CaptureOptions capture;

  @Option(
      names = "--user",
      paramLabel = "NAME",
      description =
          "User to become, with torvtl's own tor, once the devices are open; for root only. 'root'"
              + " keeps root. Default: the first of debian-tor, tor, _tor, nobody there is.")
  private @Nullable String userName;

  @Mixin private HalfCloseOptions halfClose;

  @Option(
      names = {"-v", "--verbose"},
      description = "Log each flow, and each lookup of a name, when it is over.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private RunCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(verbose);
    var places = guests.places(spec);
    int gatewayAddress = Arguments.ipv4Address(spec, "--address", address);
    var external = proxy == null ? null : proxy.address(spec);
    if (external != null && torrc != null) {
      throw Arguments.wrong(spec, "--torrc is for torvtl's own tor, which -a and -p replace");
    }
    var flows = halfClose.flows(spec);
    capture.check(spec, places.stream().mapToInt(GuestPlace::lanes).sum());
    var user = ServiceUser.choose(userName);
    var end = new CompletableFuture<Void>();
    try (var teardown = new Teardown()) {
      Guests.checkSeparate(places);
      var devices = new ArrayList<GuestDevice>();
      var names = new ArrayList<String>();
      for (var place : places) {
        var recordedAs = places.size() == 1 ? null : place.name();
        names.add(place.isThere() ? place.name() : place.name() + " (made now)");
        devices.add(open(place, gatewayAddress, recordedAs, teardown));
      }
      Descriptors.fit(devices, spec.commandLine().getErr());
      // The first device names the state, so that a device added later changes no guards.
      var first = places.getFirst();
      boolean isRouting = !first.destinations().isEmpty();
      var exempt =
          isRouting
              ? TorUser.check(first.name(), first.destinations(), external, user)
              : OptionalInt.empty();
      // Before any route is made: a proxy that is not there must not cost the host its network.
      var peers = isRouting && external != null ? ProxyOptions.reach(external, teardown) : null;
      if (isRouting) {
        var routes =
            PolicyRoutes.prepare(
                first.in(), first.destinations(), exempt, end::completeExceptionally);
        teardown.addFailingClosed(routes::hasTakenOver, routes, routes::leave);
        routes.add();
      }
      var own = external != null ? null : prepareTor(teardown, first.name(), user);
      if (user != null && !user.isRoot()) {
        ServiceUser.becomeAlone(user);
      }
      var socks = own != null ? own.start() : Objects.requireNonNull(external);
      if (peers == null) {
        peers = ProxyOptions.reach(socks, teardown);
      }
      var gateway =
          new Gateway(
              devices,
              flows,
              new TorEgress(socks, peers, egressListener(external)),
              new SecureRandom(),
              listener(end));
      teardown.add(gateway);
      var counters = new CounterReport(gateway, spec.commandLine().getErr());
      teardown.add(() -> {
        if (verbose) {
          counters.write();
        }
      });
      Signals.handle("USR1", counters::write);
      gateway.start();
      (capture.takesStandardOutput() ? spec.commandLine().getErr() : spec.commandLine().getOut())
          .printf(
              "ready: %s through Tor at %s; the gateway is %s; process %d; Ctrl-C ends it%n",
              isRouting
                  ? "what this host sends to %s goes by %s"
                      .formatted(text(first.destinations()), first.name())
                  : String.join(", ", names) + (names.size() == 1 ? " goes" : " go"),
              ProxyOptions.text(socks),
              Ipv4Address.toString(gatewayAddress),
              ProcessHandle.current().pid())
          .flush();
      for (var place : places) {
        place.watch(this::tell);
      }
      teardown.serves();
      end.get();
      return 0;
    } catch (ExecutionException e) {
      var cause = e.getCause();
      if (cause instanceof IOException failure) {
        throw failure;
      }
      throw new IllegalStateException(cause);
    }
  }

  private static String text(List<Ipv4Network> destinations) {
    return destinations.size() > MOST_NAMED
        ? destinations.size() + " networks"
        : destinations.stream().map(Ipv4Network::toString).collect(Collectors.joining(", "));
  }

  /**
   * Opens a device; the teardown takes over what is open, whatever fails after that.
   *
   * @param recordedAs what tells its captures from those of other devices
   */
  private GuestDevice open(
      GuestPlace place, int gatewayAddress, @Nullable String recordedAs, Teardown teardown)
      throws IOException, UserException {
    var links = place.open(teardown);
    int mtu = links.getFirst().mtu();
    if (mtu < MIN_MTU) {
      throw new UserException(
          "the MTU of %s is %d, and at least %d is needed (ip link set %1$s mtu 1500)"
              .formatted(place.name(), mtu, MIN_MTU));
    }
    var config = config(place, gatewayAddress);
    return new GuestDevice(
        place.name(),
        capture.record(spec, links, recordedAs, teardown),
        config,
        place.isolation(new SecureRandom()));
  }

  private GatewayListener listener(CompletableFuture<Void> end) {
    return new GatewayListener() {
      @Override
      public void failed(IOException cause) {
        end.completeExceptionally(cause);
      }

      @Override
      public void deviceGone(String device, IOException cause) {
        spec.commandLine()
            .getErr()
            .printf(
                "torvtl: %s is not served any more: %s; the other devices are%n",
                device, cause.getMessage())
            .flush();
      }
    };
  }

  /**
   * @param external a tor that runs already; {@code null} for torvtl's own, of which {@link
   *     TorReport} tells
   */
  private EgressListener egressListener(@Nullable SocketAddress external) {
    if (external == null) {
      return EgressListener.NONE;
    }
    return new EgressListener() {
      @Override
      public void gone() {
        tell(
            "torvtl: the Tor proxy %s does not answer any more; connections fail until it does"
                .formatted(ProxyOptions.text(external)));
      }

      @Override
      public void back(Duration away) {
        tell(
            "torvtl: the Tor proxy %s answers again, after %s"
                .formatted(ProxyOptions.text(external), TorReport.seconds(away.toNanos())));
      }
    };
  }

  private void tell(String line) {
    spec.commandLine().getErr().println(line);
    spec.commandLine().getErr().flush();
  }

  private static StackConfig config(GuestPlace place, int gatewayAddress)
      throws IOException, UserException {
    var config = StackConfig.of(gatewayAddress);
    if (!place.isSharedWithHost()) {
      return config;
    }
    var hostAddresses = new HostAddresses(System::nanoTime);
    if (hostAddresses.test(gatewayAddress)) {
      throw new UserException(
          "the gateway cannot be %s on %s: that is this host's own address (choose another with --address)"
              .formatted(Ipv4Address.toString(gatewayAddress), place.name()));
    }
    return config.withHostAddresses(hostAddresses);
  }

  /** A tor of our own, and where it tells how far it is. */
  private record OwnTor(SupervisedTor tor, TorReport report) {
    /** Starts it, and returns its SOCKS port once it carries streams. */
    SocketAddress start() throws IOException, InterruptedException, ExecutionException {
      try {
        tor.start();
        tor.bootstrapped().get();
        return tor.socksAddress();
      } finally {
        report.endBar();
      }
    }
  }

  /** What takes root, or the user's files. */
  private OwnTor prepareTor(Teardown teardown, String name, @Nullable User user)
      throws IOException, InterruptedException {
    var report =
        teardown.add(
            new TorReport(
                spec.commandLine().getErr(),
                new ProgressBar("tor"),
                Executors.newSingleThreadScheduledExecutor(
                    Thread.ofPlatform().daemon().name("tor-report").factory()),
                System::nanoTime));
    var tor =
        SupervisedTor.prepare(
            SupervisedTor.Options.forDevice(name, torrc),
            report,
            user == null ? null : new FileOwner(user.uid(), user.gid()));
    return new OwnTor(teardown.add(tor), report);
  }
}
