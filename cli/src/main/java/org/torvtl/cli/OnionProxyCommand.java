/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.torvtl.host.net.LocalAddresses;
import org.torvtl.host.net.ReversePathFilter;
import org.torvtl.host.user.User;
import org.torvtl.link.linux.DeviceLink;
import org.torvtl.link.linux.TunnelDevice;
import org.torvtl.onion.ProxyEvent;
import org.torvtl.onion.node.ProxyNode;
import org.torvtl.onion.node.RouterInterface;
import org.torvtl.wire.Ipv4Address;
import org.torvtl.wire.Ipv4Network;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The proxy of the onion network, with its routers, until a signal ends it. */
@Command(
    name = "proxy",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts routers, each a process of its own, and carries what this host sends into a TUN"
          + " device to them, until Ctrl-C.",
      "",
      "The routers are every address of the device's network but the host's: ping any. What else"
          + " is routed there ('torvtl onion route up') they send into the world, each through an"
          + " interface and with an address of its own.",
      ""
    },
    footer = {"", "Try, in another terminal:", "  ping 10.5.51.9"})
final class OnionProxyCommand implements Callable<Integer> {
  /** More would be processes for no use: a flow goes through one. */
  private static final int MAX_ROUTERS = 64;

  private static final Duration START_TIMEOUT = Duration.ofSeconds(15);

  /** Of a processor's time, on a slow machine. */
  private static final Duration START_OF_ONE = Duration.ofSeconds(4);

  private static final int MOST_NAMED = 5;

  /** Longer ones have no address that stands for all. */
  private static final int MAX_PREFIX = 31;

  private static final String INTERFACE = "--router-interface";

  private static final String DEFAULT_LOGS = "/run/torvtl/onion-DEV";

  @Option(
      names = "--routers",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many routers. Default: ${DEFAULT-VALUE}")
  private int routers;

  @Option(
      names = "--dev",
      paramLabel = "DEV",
      defaultValue = "tun1",
      description =
          "The TUN device; made, and gone at the end, if not there. Default: ${DEFAULT-VALUE}")
  private String device = "";

  @Option(
      names = "--address",
      paramLabel = "ADDR/LEN",
      defaultValue = "10.5.51.2/24",
      description =
          "The host's address on the device, and the routers' network, if the device has none."
              + " Default: ${DEFAULT-VALUE}")
  private String address = "";

  @Option(
      names = INTERFACE,
      paramLabel = "IF[=ADDR]",
      description =
          "The next router's way to the world: an interface of this host, and its address if it"
              + " has several. Repeat it once per router.")
  private List<String> interfaces = new ArrayList<>();

  @Option(
      names = "--log-dir",
      paramLabel = "DIR",
      defaultValue = DEFAULT_LOGS,
      description =
          "Where proxy.log and router-N.log are written, anew with each start; they tell who"
              + " spoke with whom, and stay. Default: ${DEFAULT-VALUE}, in memory")
  private String logs = "";

  @Option(
      names = "--user",
      paramLabel = "NAME",
      description =
          "User to become, with the routers, once all is open; for root only. 'root' keeps root."
              + " Default: the first of debian-tor, tor, _tor, nobody there is.")
  private @Nullable String userName;

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private OnionProxyCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(false);
    if (routers < 1 || routers > MAX_ROUTERS) {
      throw Arguments.wrong(
          spec, "--routers is from 1 to %d, not %d".formatted(MAX_ROUTERS, routers));
    }
    if (interfaces.size() > routers) {
      throw Arguments.wrong(
          spec,
          "%d interfaces are too many for %d routers: each has one at most"
              .formatted(interfaces.size(), routers));
    }
    var networkInterface = Arguments.networkInterface(spec, "--dev", device);
    var network = hostIn(Arguments.ipv4Network(spec, "--address", address));
    var ways = ways();
    var user = ServiceUser.choose(userName);
    var outcome = new CompletableFuture<Void>();
    try (var teardown = new Teardown()) {
      var tunnel = teardown.add(TunnelDevice.open(networkInterface, network));
      var directory = Path.of(logs.equals(DEFAULT_LOGS) ? "/run/torvtl/onion-" + device : logs);
      var allUp = new CompletableFuture<Void>();
      var report = new Report(directory, allUp, outcome);
      var node = teardown.add(node(tunnel, ways, user, directory, report, outcome));
      report.listening(node.start());
      CompletableFuture.anyOf(allUp, outcome).get();
      if (user != null && !user.isRoot()) {
        ServiceUser.become(user);
      }
      report.ready(tunnel.address());
      outcome.get();
      return 0;
    } catch (ExecutionException e) {
      var cause = e.getCause();
      if (cause instanceof IOException failure) {
        throw failure;
      }
      throw new UserException(String.valueOf(cause == null ? e : cause.getMessage()), e);
    }
  }

  /** A host's address is neither the network's own nor its broadcast address. RFC 3021. */
  private Ipv4Network hostIn(Ipv4Network network) {
    if (network.prefixLength() < MAX_PREFIX
        && (network.address() == network.first() || network.address() == network.last())) {
      throw Arguments.wrong(
          spec,
          "--address: %s is no host's address: it stands for all of %s"
              .formatted(Ipv4Address.toString(network.address()), network.range()));
    }
    return network;
  }

  /** Routers start at the same time, and share the processors. */
  private Duration startTimeout() {
    int processors = Runtime.getRuntime().availableProcessors();
    return START_TIMEOUT.plus(START_OF_ONE.multipliedBy(routers).dividedBy(processors));
  }

  private ProxyNode node(
      TunnelDevice tunnel,
      List<Optional<RouterInterface>> ways,
      @Nullable User user,
      Path directory,
      Report report,
      CompletableFuture<Void> outcome)
      throws IOException {
    try {
      return new ProxyNode(
          new DeviceLink(tunnel.device()),
          new ProxyNode.Options(
              tunnel.address(),
              () -> sources(tunnel.address(), ways),
              ways,
              ThisProgram.command("onion", "router"),
              Optional.ofNullable(user).filter(u -> !u.isRoot()).map(User::name),
              directory.toAbsolutePath(),
              startTimeout()),
          new SecureRandom(),
          report::event,
          outcome::completeExceptionally);
    } catch (IllegalArgumentException e) {
      throw Arguments.wrong(spec, e.getMessage());
    }
  }

  /** One for each router: the interfaces first, then none. */
  private List<Optional<RouterInterface>> ways() throws IOException, UserException {
    var ways = new ArrayList<Optional<RouterInterface>>();
    var taken = new HashSet<Integer>();
    for (var text : interfaces) {
      var way = way(text);
      if (!taken.add(way.address())) {
        throw Arguments.wrong(
            spec, "two routers cannot both be " + Ipv4Address.toString(way.address()));
      }
      ways.add(Optional.of(way));
    }
    while (ways.size() < routers) {
      ways.add(Optional.empty());
    }
    return ways;
  }

  /** As the option says; an address may have its prefix length, as ip(8) shows it. */
  private RouterInterface way(String text) throws IOException, UserException {
    int at = text.indexOf('=');
    var networkInterface =
        Arguments.networkInterface(spec, INTERFACE, at < 0 ? text : text.substring(0, at));
    var name = networkInterface.name();
    if (!networkInterface.exists()) {
      throw new UserException(
          "no router can use %s: there is no such interface (ip link lists those there are)"
              .formatted(name));
    }
    var has = LocalAddresses.of(name);
    Integer wanted =
        at < 0 ? null : Arguments.ipv4Network(spec, INTERFACE, text.substring(at + 1)).address();
    @Nullable Integer own = wanted == null ? has.stream().findFirst().orElse(null) : wanted;
    if (own == null || !has.contains(own)) {
      throw new UserException(
          "no router can use %s: it has no address%s (ip addr add ADDR/LEN dev %s; ip link set %s up)"
              .formatted(
                  name, wanted == null ? "" : " " + Ipv4Address.toString(wanted), name, name));
    }
    if (ReversePathFilter.dropsReplies(name)) {
      spec.commandLine()
          .getErr()
          .printf(
              "torvtl: %s drops what comes from where this host would not send through it;"
                  + " replies of the world may be among that (sysctl -w net.ipv4.conf.%s.rp_filter=2)%n",
              name, name);
    }
    return new RouterInterface(name, own);
  }

  /** The host's addresses, but not those its routers have. */
  private static Set<Integer> sources(Ipv4Network tunnel, List<Optional<RouterInterface>> ways) {
    var sources = new HashSet<Integer>();
    try {
      sources.addAll(LocalAddresses.all());
    } catch (SocketException e) {
      // An interface went while it was looked at. The next packet asks again.
      return Set.of();
    }
    ways.forEach(way -> way.ifPresent(router -> sources.remove(router.address())));
    sources.add(tunnel.address());
    return sources;
  }

  /** Tells the user what happens; called from the node's threads. */
  private final class Report {
    private final Path logs;
    private final CompletableFuture<Void> allUp;
    private final CompletableFuture<Void> outcome;
    private boolean up;

    Report(Path logs, CompletableFuture<Void> allUp, CompletableFuture<Void> outcome) {
      this.logs = logs;
      this.allUp = allUp;
      this.outcome = outcome;
    }

    void listening(int port) {
      say("proxy: process %d, UDP port %d".formatted(ProcessHandle.current().pid(), port));
    }

    void ready(Ipv4Network network) {
      say(
          "ready: %s is %s, all else of %s are the routers; logs in %s; Ctrl-C ends it"
              .formatted(device, Ipv4Address.toString(network.address()), network.range(), logs));
    }

    synchronized void event(ProxyEvent event) {
      switch (event) {
        case ProxyEvent.RouterUp(int router, long pid, int exit) ->
            say(
                "router %d: process %d is up%s"
                    .formatted(
                        router,
                        pid,
                        exit == 0 ? "" : ", in the world as " + Ipv4Address.toString(exit)));
        case ProxyEvent.AllUp() -> {
          up = true;
          allUp.complete(null);
        }
        case ProxyEvent.StayedSilent(var silent) ->
            outcome.completeExceptionally(
                new UserException(
                    "router %s did not say 'I'm up' within %d s (see the logs in %s)"
                        .formatted(some(silent), startTimeout().toSeconds(), logs)));
        case ProxyEvent.RouterSilent(int router, long pid, int left) ->
            warn(
                "router %d (process %d) does not answer any more; %s"
                    .formatted(router, pid, whereFlowsGo(left)));
        case ProxyEvent.RouterBack(int router, long pid) ->
            warn("router %d (process %d) answers again".formatted(router, pid));
        case ProxyEvent.ExitChanged(int router, long pid, int exit) ->
            warn(
                "router %d (process %d) %s"
                    .formatted(
                        router,
                        pid,
                        exit == 0
                            ? "has no way to the world any more (is its interface up, with its"
                                + " address? one that was deleted takes a new start)"
                            : "is in the world again as " + Ipv4Address.toString(exit)));
        case ProxyEvent.RouterGone(int router, long pid, String how, int left) -> {
          var what = "router %d (process %d) %s".formatted(router, pid, how);
          if (!up) {
            outcome.completeExceptionally(
                new UserException(what + " before it was up (see the logs in " + logs + ")"));
          } else if (left == 0) {
            outcome.completeExceptionally(
                new UserException(what + "; it was the last one (start the proxy again)"));
          } else {
            warn(what + "; " + whereFlowsGo(left));
          }
        }
      }
    }

    /** Such as {@code 3, 4, 7 and 29 more}. */
    private static String some(List<Integer> numbers) {
      var first = numbers.stream().limit(MOST_NAMED).map(String::valueOf);
      int more = numbers.size() - MOST_NAMED;
      return first.collect(Collectors.joining(", ")) + (more > 0 ? " and " + more + " more" : "");
    }

    private static String whereFlowsGo(int left) {
      return switch (left) {
        case 0 -> "no other is up";
        case 1 -> "its flows go to the other one";
        default -> "its flows go to the other " + left;
      };
    }

    private synchronized void say(String line) {
      spec.commandLine().getOut().println(line);
      spec.commandLine().getOut().flush();
    }

    private void warn(String line) {
      spec.commandLine().getErr().println("torvtl: " + line);
      spec.commandLine().getErr().flush();
    }
  }
}
