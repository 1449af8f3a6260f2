/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.torvtl.gateway.Gateway;
import org.torvtl.gateway.TorEgress;
import org.torvtl.link.Link;
import org.torvtl.link.PcapngLink;
import org.torvtl.link.linux.HostAddresses;
import org.torvtl.link.linux.User;
import org.torvtl.stack.StackConfig;
import org.torvtl.tor.process.FileOwner;
import org.torvtl.tor.process.SupervisedTor;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Packet;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The gateway: guests behind a device, Tor on the other side, until a signal ends it. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs the gateway: carries what guests send on a device through Tor, until Ctrl-C.",
      "",
      "A guest may have any address, netmask and gateway. Its TCP goes through Tor, DNS queries"
          + " to any server are answered by Tor, all else is refused; nothing leaves another way.",
      ""
    },
    footer = {
      "",
      "A network namespace as guest:",
      "  ip netns add guest",
      "  ip link set tap0 netns guest",
      "  ip -n guest addr add 10.0.0.2/8 dev tap0",
      "  ip -n guest link set tap0 up",
      "  ip -n guest route add default via 10.0.0.1",
      "",
      "docs/guests has pages for VMware, Xen, QEMU and libvirt, VirtualBox and containers."
    })
final class RunCommand implements Callable<Integer> {
  private static final Logger log = LoggerFactory.getLogger(RunCommand.class);

  /** What every host must be able to receive: RFC 791, section 3.2. */
  private static final int MIN_MTU = Ipv4Packet.MIN_REASSEMBLY_LENGTH;

  private static final int PROXY_CONNECT_MILLIS = 5_000;

  /** A tor that runs already. */
  static final class ProxyOptions {
    @Option(
        names = {"-a", "--proxy-address"},
        required = true,
        paramLabel = "ADDR",
        description = "IP address of a Tor SOCKS port that is there already.")
    String address = "";

    @Option(
        names = {"-p", "--proxy-port"},
        required = true,
        paramLabel = "PORT",
        description = "Its TCP port. Without -a and -p, torvtl runs a tor of its own.")
    int port;
  }

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

  @Option(
      names = "--pcap",
      paramLabel = "FILE",
      description =
          "Record what guests send and get, for Wireshark or tcpdump (pcapng). With --lanes, a file"
              + " for each: x.pcapng, x-1.pcapng ...")
  private @Nullable Path capture;

  @Option(
      names = "--user",
      paramLabel = "NAME",
      description =
          "User to become, with torvtl's own tor, once the device is open; for root only. 'root'"
              + " keeps root. Default: the first of debian-tor, tor, _tor, nobody there is.")
  private @Nullable String userName;

  @Option(
      names = {"-v", "--verbose"},
      description = "Log each flow.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private RunCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(verbose);
    var place = guests.place(spec);
    int gatewayAddress = Arguments.ipv4Address(spec, address);
    var external = proxy == null ? null : Arguments.proxy(spec, proxy.address, proxy.port);
    if (external != null && torrc != null) {
      throw Arguments.wrong(spec, "--torrc is for torvtl's own tor, which -a and -p replace");
    }
    var user = ServiceUser.choose(userName);
    var end = new CompletableFuture<Void>();
    try (var teardown = new Teardown()) {
      var links = place.open();
      for (var link : links) {
        teardown.add(link);
      }
      int mtu = links.getFirst().mtu();
      if (mtu < MIN_MTU) {
        throw new UserException(
            "the MTU of %s is %d, and at least %d is needed (ip link set %1$s mtu 1500)"
                .formatted(place.name(), mtu, MIN_MTU));
      }
      var config =
          Descriptors.fit(
              config(place, gatewayAddress), links.size(), spec.commandLine().getErr());
      if (!place.destinations().isEmpty()) {
        var exempt = TorUser.check(place.name(), place.destinations(), external, user);
        teardown.add(PolicyRoutes.add(place.in(), place.destinations(), exempt));
      }
      if (capture != null) {
        links = record(links, capture, teardown);
      }
      var own = external != null ? null : prepareTor(teardown, place.name(), user);
      if (user != null && !user.isRoot()) {
        ServiceUser.become(user);
      }
      var socks = own != null ? own.start() : reachable(Objects.requireNonNull(external));
      var gateway =
          new Gateway(
              links,
              config,
              new TorEgress(socks, new SecureRandom()),
              new SecureRandom(),
              end::completeExceptionally);
      teardown.add(gateway);
      teardown.add(() -> log.info("{}", gateway.counters()));
      gateway.start();
      spec.commandLine()
          .getOut()
          .printf(
              "ready: %s goes through Tor at %s; the gateway is %s; Ctrl-C ends it%n",
              place.name(), text(socks), Ipv4Address.toString(gatewayAddress))
          .flush();
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

  private static StackConfig config(Guests.Place place, int gatewayAddress)
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

  /** Records each lane in a file of its own: together they would have to wait for each other. */
  private List<Link> record(List<Link> links, Path file, Teardown teardown) throws UserException {
    var recorded = new ArrayList<Link>();
    for (var link : links) {
      recorded.add(teardown.add(record(link, captureOf(recorded.size(), file))));
    }
    return recorded;
  }

  /** The file of a lane: {@code x.pcapng}, {@code x-1.pcapng} and so on. */
  private static Path captureOf(int lane, Path file) {
    var name = String.valueOf(file.getFileName());
    int dot = name.lastIndexOf('.');
    int end = dot > 0 ? dot : name.length();
    return lane == 0
        ? file
        : file.resolveSibling(name.substring(0, end) + "-" + lane + name.substring(end));
  }

  private PcapngLink record(Link link, Path file) throws UserException {
    try {
      return PcapngLink.open(
          link,
          file,
          RunCommand::epochNanos,
          failure ->
              spec.commandLine()
                  .getErr()
                  .printf(
                      "cannot write %s any more: %s; traffic passes, but is not recorded from here on%n",
                      file, UserException.reason(failure))
                  .flush());
    } catch (IOException e) {
      throw new UserException(
          "cannot record to %s: %s (choose another file)".formatted(file, UserException.reason(e)),
          e);
    }
  }

  private static long epochNanos() {
    var now = Instant.now();
    return now.getEpochSecond() * 1_000_000_000L + now.getNano();
  }

  private static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }

  private static InetSocketAddress reachable(InetSocketAddress proxy) throws UserException {
    try (var socket = new Socket()) {
      socket.connect(proxy, PROXY_CONNECT_MILLIS);
      return proxy;
    } catch (IOException e) {
      throw new UserException(
          "cannot reach the Tor proxy %s: %s (is tor running with that SocksPort? without -a and -p torvtl runs its own)"
              .formatted(text(proxy), e.getMessage()),
          e);
    }
  }

  /** A tor of our own, and where it tells how far it is. */
  private record OwnTor(SupervisedTor tor, ProgressBar bar) {
    /** Starts it, and returns its SOCKS port once it carries streams. */
    InetSocketAddress start() throws IOException, InterruptedException, ExecutionException {
      try (bar) {
        tor.start();
        tor.bootstrapped().get();
        return tor.socksAddress();
      }
    }
  }

  /** What takes root, or the user's files. */
  private OwnTor prepareTor(Teardown teardown, String name, @Nullable User user)
      throws IOException, InterruptedException {
    var out = spec.commandLine().getErr();
    var bar = new ProgressBar("tor");
    var tor =
        SupervisedTor.prepare(
            SupervisedTor.Options.forDevice(name, torrc),
            event -> {
              switch (event) {
                case SupervisedTor.Event.Up up -> log.debug("tor listens at {}", text(up.socks()));
                case SupervisedTor.Event.Bootstrap(int percent, String summary) ->
                    bar.show(percent, summary);
                case SupervisedTor.Event.Down(String reason, Duration next) -> {
                  out.printf(
                      "%s; no traffic passes; starting it again in %.1f s%n",
                      reason, next.toMillis() / 1000.0);
                  out.flush();
                }
              }
            },
            user == null ? null : new FileOwner(user.uid(), user.gid()));
    return new OwnTor(teardown.add(tor), bar);
  }
}
