/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.run;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.HdrHistogram.Histogram;
import org.torvtl.bench.load.LoadClient;
import org.torvtl.bench.load.LoadControl;
import org.torvtl.bench.world.FarEnd;
import org.torvtl.bench.world.SocksRelay;
import org.torvtl.e2e.CommandResult;
import org.torvtl.e2e.Flood;
import org.torvtl.e2e.Gateway;
import org.torvtl.e2e.Guest;
import org.torvtl.e2e.Machine;
import org.torvtl.e2e.NetworkNamespace;
import org.torvtl.e2e.RunningCommand;
import org.torvtl.e2e.Signal;
import org.torvtl.e2e.WorstPacket;

/** The machine with the proxy and the server, and guests that are added to it. */
final class World implements Closeable {
  static final int SOCKS_PORT = 1080;

  /** Any address: everything ends at the one server. */
  private static final String DESTINATION = "192.0.2.7";

  /** The word of a line in /proc/self/limits. */
  private static final int HARD_LIMIT = 4;

  private static final Duration START_DEADLINE = Duration.ofSeconds(30);
  private static final List<String> JVM =
      List.of(
          "--enable-native-access=ALL-UNNAMED",
          "-Xms64m",
          "-Xmx512m",
          "-XX:+UseSerialGC",
          "-XX:-UsePerfData");

  /** For tens of thousands of connections, and as many in TIME-WAIT, in each namespace. */
  private static final String ROOMY =
      """
      for setting in ipv4.ip_local_port_range='1024 65535' ipv4.tcp_tw_reuse=1 core.somaxconn=65535 \
          ipv4.tcp_max_syn_backlog=65535; do
        echo "${setting#*=}" >"/proc/sys/net/$(tr . / <<<"${setting%%=*}")"
      done
      """;

  private static final String REDIRECT =
      """
      table ip bench {
        chain output {
          type nat hook output priority -100
          ip daddr 192.0.2.0/24 meta l4proto tcp redirect to :12345
        }
      }
      """;

  /**
   * A guest with its load.
   *
   * @param tunnel the process that carries its traffic to the proxy, where there is one
   */
  record Loaded(LoadControl load, Optional<ProcessUsage> tunnel) {}

  private final Machine machine;
  private final List<Closeable> parts = new ArrayList<>();
  private int cables;

  private World(Machine machine) {
    this.machine = machine;
  }

  /**
   * Boots the machine, and starts proxy and server.
   *
   * @param connections that there will be at a time
   */
  static World start(int connections) throws IOException, InterruptedException {
    var world = new World(Machine.boot());
    try {
      world.machine.script(ROOMY);
      for (int i = processes(connections); i > 0; i--) {
        world.program(List.of(), FarEnd.class);
      }
      for (int i = processes(2 * connections); i > 0; i--) {
        world.program(List.of(), SocksRelay.class, Integer.toString(SOCKS_PORT));
      }
      return world;
    } catch (IOException | InterruptedException | RuntimeException e) {
      world.close();
      throw e;
    }
  }

  /** How many share the connections out between them: for the cores, and for what one may open. */
  private static int processes(int files) throws IOException {
    try (var limits = Files.lines(Path.of("/proc/self/limits"))) {
      var limit =
          limits.filter(line -> line.startsWith("Max open files")).findFirst().orElseThrow();
      var hard = limit.strip().split(" +", -1)[HARD_LIMIT];
      double each = hard.equals("unlimited") ? Double.MAX_VALUE : Long.parseLong(hard);
      // The kernel shares out by hash, so not in halves exactly.
      int forFiles = (int) Math.ceil(files * 1.2 / each);
      return Math.max(forFiles, Runtime.getRuntime().availableProcessors() / 2);
    }
  }

  Machine machine() {
    return machine;
  }

  /** A guest whose client speaks SOCKS itself. */
  Loaded direct() throws IOException, InterruptedException {
    var guest = cabled("direct");
    return new Loaded(
        load(guest, "direct", router(cables), Integer.toString(SOCKS_PORT)), Optional.empty());
  }

  /** A guest with redsocks, if this computer has it. */
  Optional<Loaded> redsocks() throws IOException, InterruptedException {
    var program = redsocksProgram();
    if (program.isEmpty()) {
      return Optional.empty();
    }
    var guest = cabled("redsocks");
    machine.script(
        "ip netns exec redsocks nft -f - <<<\"$1\"; printf %s \"$2\" >/run/redsocks.conf",
        REDIRECT, redsocksConf(router(cables), SOCKS_PORT));
    var command = new ArrayList<>(program);
    command.addAll(List.of("-c", "/run/redsocks.conf"));
    var redsocks = keep(guest.start(command));
    guest
        .script(
            START_DEADLINE,
            """
            for _ in $(seq 200); do
              if ss -H -ltn | grep -q :12345; then exit; fi
              sleep 0.05
            done
            exit 1
            """)
        .orThrow();
    return Optional.of(
        new Loaded(
            load(guest, "redsocks"), Optional.of(new ProcessUsage(Machine.processOf(redsocks)))));
  }

  private static String redsocksConf(String proxy, int port) {
    return """
    base {
      log_info = off; log = "stderr"; daemon = off; redirector = iptables;
      redsocks_conn_max = 20000;
    }
    redsocks {
      local_ip = 127.0.0.1; local_port = 12345; listenq = 16384;
      ip = %s; port = %d; type = socks5;
    }
    """
        .formatted(proxy, port);
  }

  /** Debian's redsocks: installed, or unpacked by scripts/setup. */
  private List<String> redsocksProgram() throws IOException, InterruptedException {
    return machine
        .script(
            """
            unpacked=$1/target/redsocks
            if command -v redsocks >/dev/null; then
              command -v redsocks
            elif [ -x "$unpacked/usr/sbin/redsocks" ]; then
              printf '%s\\n' env "LD_LIBRARY_PATH=$(echo "$unpacked"/usr/lib/*-linux-gnu)" \
                "$unpacked/usr/sbin/redsocks"
            fi
            """,
            Machine.PROJECT)
        .out()
        .lines()
        .toList();
  }

  /** Starts a gateway to the proxy; its device is still the machine's. */
  Gateway gateway(String device, List<String> options) throws IOException, InterruptedException {
    var arguments = new ArrayList<>(List.of("-a", "127.0.0.1", "-p", Integer.toString(SOCKS_PORT)));
    arguments.addAll(options);
    return keep(Gateway.start(machine, device, arguments.toArray(String[]::new)));
  }

  /** A guest behind a gateway. */
  Loaded behind(Gateway gateway) throws IOException, InterruptedException {
    return behind(gateway, guest(gateway));
  }

  /** The same, in a guest that is there. */
  Loaded behind(Gateway gateway, Guest guest) throws IOException, InterruptedException {
    return new Loaded(
        load(guest, gateway.device()), Optional.of(new ProcessUsage(gateway.process())));
  }

  /** A guest behind a gateway, without a load of its own. */
  Guest guest(Gateway gateway) throws IOException, InterruptedException {
    var guest = new Guest(machine, "guest-" + gateway.device(), gateway);
    guest.configure("10.0.0.2/8", "10.0.0.1");
    guest.script(START_DEADLINE, ROOMY).orThrow();
    return guest;
  }

  /** Ends a gateway; what it counted. */
  CommandResult stop(Gateway gateway) throws IOException, InterruptedException {
    return gateway.stop(Signal.TERM);
  }

  /** Has a part ended with this. */
  <T extends Closeable> T keep(T part) {
    parts.add(part);
    return part;
  }

  /** A namespace with a veth to the machine, the way a container has one. */
  private NetworkNamespace cabled(String name) throws IOException, InterruptedException {
    cables++;
    var guest = new NetworkNamespace(machine, name);
    machine.script(
        """
        ip link add "veth-$1" mtu 1500 type veth peer name eth0 mtu 1500 netns "$1"
        ip address add "$2/24" dev "veth-$1"
        ip link set "veth-$1" up
        ip -n "$1" address add "$3/24" dev eth0
        ip -n "$1" link set eth0 up
        ip -n "$1" route add default via "$2"
        """,
        name,
        router(cables),
        "10.77.%d.2".formatted(cables));
    guest.script(START_DEADLINE, ROOMY).orThrow();
    return guest;
  }

  private static String router(int cable) {
    return "10.77.%d.1".formatted(cable);
  }

  /** Starts the load client in a guest. */
  private LoadControl load(NetworkNamespace guest, String name, String... proxy)
      throws IOException, InterruptedException {
    var socket = "/run/load-" + name;
    var arguments = new ArrayList<>(List.of(socket, DESTINATION));
    arguments.addAll(List.of(proxy));
    program(
        List.of("ip", "netns", "exec", guest.name()),
        LoadClient.class,
        arguments.toArray(String[]::new));
    return keep(new LoadControl(machine.file(socket)));
  }

  /** Two guests at a bridge, of which the gateway's device is a port. */
  record Segment(NetworkNamespace neighbor, NetworkNamespace flooder) {}

  /** Puts a gateway's device and two guests at a new bridge. */
  Segment segment(Gateway gateway) throws IOException, InterruptedException {
    machine.script(
        """
        ip link add name bridge0 type bridge
        ip link set bridge0 up
        ip link set "$1" master bridge0
        ip link set "$1" up
        """,
        gateway.device());
    return new Segment(atBridge("neighbor", "10.0.0.2/8"), atBridge("flooder", "10.0.0.3/8"));
  }

  private NetworkNamespace atBridge(String name, String cidr)
      throws IOException, InterruptedException {
    var guest = new NetworkNamespace(machine, name);
    machine.script(
        """
        ip link add "port-$1" type veth peer name eth0 netns "$1"
        ip link set "port-$1" master bridge0
        ip link set "port-$1" up
        ip -n "$1" address add "$2" dev eth0
        ip -n "$1" link set eth0 up
        ip -n "$1" route add default via 10.0.0.1
        """,
        name,
        cidr);
    return guest;
  }

  /**
   * Begins to send the worst packets from a guest's eth0 to a MAC address, for so long. On few
   * cores the sender gives way to the others: it is not to be measured how it keeps them from
   * running.
   */
  RunningCommand flood(
      NetworkNamespace from, String gatewayMac, WorstPacket packet, Duration lasting)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "netns", "exec", from.name()));
    command.addAll(
        List.of("nice", "-n", "19", "bash", "-c", "exec \"$JAVA_HOME/bin/java\" \"$@\"", "java"));
    command.addAll(JVM);
    command.addAll(List.of("-cp", onMachine(Flood.class), Flood.class.getName()));
    command.addAll(List.of("eth0", gatewayMac, packet.name(), Long.toString(lasting.toMillis())));
    var flood = keep(machine.start(command));
    flood.awaitLine("sending", START_DEADLINE);
    return flood;
  }

  private RunningCommand program(List<String> wrapper, Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(wrapper);
    command.addAll(List.of("bash", "-c", "exec \"$JAVA_HOME/bin/java\" \"$@\"", "java"));
    command.addAll(JVM);
    command.addAll(List.of("-cp", onMachine(main) + ":" + onMachine(Histogram.class)));
    command.add(main.getName());
    command.addAll(List.of(arguments));
    var program = keep(machine.start(command));
    program.awaitLine("listening", START_DEADLINE);
    return program;
  }

  /** Where a class comes from, as the machine sees it: there the project has another place. */
  private static String onMachine(Class<?> type) {
    var place = Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath());
    var project = Path.of(System.getProperty("torvtl.root", "")).toAbsolutePath();
    return place.startsWith(project)
        ? Machine.PROJECT + "/" + project.relativize(place)
        : place.toString();
  }

  /** Ends everything; the machine takes along what is left. */
  @Override
  public void close() throws IOException {
    try (machine) {
      for (var part : parts.reversed()) {
        part.close();
      }
    }
  }
}
