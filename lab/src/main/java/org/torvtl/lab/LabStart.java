/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.torvtl.host.system.Command;
import org.torvtl.tor.process.ProcessIdentity;
import org.torvtl.tor.process.TorLog;
import org.torvtl.tor.process.TorProcess;

/** The start of a lab, once, step by step; see the package's description for why these steps. */
final class LabStart {
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(40);
  private static final int HTTP_TIMEOUT_MILLIS = 3000;

  /**
   * From the authorities' SIGHUP to the consensus: the votes, the signatures, and a second for each
   * to hear of the change.
   */
  private static final int CONSENSUS_SECONDS =
      LabTorrcs.VOTE_SECONDS + LabTorrcs.DISTRIBUTION_SECONDS + 2;

  private static final String WEB_NAME = "web.lab.test";

  /** The IPv6 address of names only: no host has it. RFC 3849. */
  private static final String WEB_IPV6 = "2001:db8::80";

  private final PrivateTorNetwork lab;
  private final LabOptions options;
  private final LabProgress progress;
  private final Path directory;
  private final long deadlineNanos;
  private final Map<LabNode, Process> running = new LinkedHashMap<>();
  private double reported = -1;
  private String reportedText = "";

  LabStart(PrivateTorNetwork lab, LabOptions options, LabProgress progress) {
    this.lab = lab;
    this.options = options;
    this.progress = progress;
    this.directory = lab.directory();
    this.deadlineNanos = System.nanoTime() + options.deadline().toNanos();
  }

  void run() throws IOException, InterruptedException {
    report(0, "making the network");
    var namespace =
        lab.step(() -> {
          var made = LabNamespace.create(options.name(), options.authorities() + options.relays());
          lab.update(s -> s.withHostInterface(made.hostInterface()));
          return made;
        });
    var nodes = LabNode.all(options, namespace.subnet());
    var addresses = new LinkedHashMap<String, String>();
    nodes.forEach(node -> addresses.put(node.nickname(), node.address()));
    lab.update(s -> s.withAddresses(addresses));
    var authorities = makeKeys(nodes);
    var torrcs =
        new LabTorrcs(
            directory,
            namespace.subnet(),
            authorities,
            options.detached() ? 0 : ProcessHandle.current().pid());
    startNodes(nodes, namespace, torrcs);
    awaitDescriptors(nodes);
    vote(nodes, torrcs);
    // While the authorities wait for each other the processors have nothing else to do.
    var world = startWorld(namespace);
    awaitConsensus(nodes);
    awaitWorld(world);
    startClient(torrcs);
    awaitClient();
    awaitFetch(addresses);
    lab.update(LabState::asReady);
    report(1, "ready");
  }

  private void report(double fraction, String text) {
    double now = Math.max(reported, fraction);
    if (now - reported >= 0.01 || !text.equals(reportedText)) {
      reported = now;
      reportedText = text;
      progress.report(now, text);
    }
  }

  private Process startWorld(LabNamespace namespace) throws IOException, InterruptedException {
    var subnet = namespace.subnet();
    var command = new ArrayList<>(namespace.launcher());
    command.addAll(
        List.of(
            "setsid",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx96m",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-Dio.netty.noUnsafe=true",
            "-cp",
            WorldClassPath.find(),
            World.class.getName(),
            directory.toString(),
            options.detached() ? "0" : Long.toString(ProcessHandle.current().pid()),
            subnet.address(LabSubnet.DNS),
            subnet.address(LabSubnet.WEB),
            subnet.address(LabSubnet.WWW),
            WEB_NAME + "=" + subnet.address(LabSubnet.WEB),
            "www.lab.test=" + subnet.address(LabSubnet.WWW),
            "dns.lab.test=" + subnet.address(LabSubnet.DNS),
            "refused.lab.test=" + subnet.address(LabSubnet.REFUSED),
            "unreachable.lab.test=" + subnet.address(LabSubnet.UNREACHABLE),
            "blackhole.lab.test=" + subnet.address(LabSubnet.BLACKHOLE),
            "*.many.lab.test=" + subnet.address(LabSubnet.WEB),
            "dual.lab.test=" + subnet.address(LabSubnet.WEB),
            "dual.lab.test=" + WEB_IPV6,
            "six.lab.test=" + WEB_IPV6));
    return lab.step(() -> {
      var process =
          new ProcessBuilder(command)
              .redirectInput(new File("/dev/null"))
              .redirectError(worldLog().toFile())
              .start();
      note(LabState.WORLD, process);
      return process;
    });
  }

  private Path worldLog() {
    return directory.resolve("world.log");
  }

  private void note(String nickname, Process process) throws IOException {
    var identity = ProcessIdentity.of(process.pid());
    if (identity.isPresent()) {
      lab.noteProcess(nickname, identity.get());
    }
  }

  private List<LabTorrcs.Authority> makeKeys(List<LabNode> nodes)
      throws IOException, InterruptedException {
    report(0.02, "making the authorities' keys");
    var authorityNodes = nodes.stream().filter(n -> n.role() == LabNode.Role.AUTHORITY).toList();
    try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      var made =
          executor.invokeAll(
              authorityNodes.stream()
                  .map(node ->
                      (Callable<LabTorrcs.Authority>)
                          () -> lab.step(() -> new AuthorityKeys(directory, node).make()))
                  .toList());
      var authorities = new ArrayList<LabTorrcs.Authority>();
      for (var authority : made) {
        authorities.add(authority.get());
      }
      return authorities;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException("cannot make the authorities' keys", e.getCause());
    }
  }

  private void startNodes(List<LabNode> nodes, LabNamespace namespace, LabTorrcs torrcs)
      throws IOException, InterruptedException {
    Files.writeString(
        LabTorrcs.resolverFile(directory),
        "nameserver " + namespace.subnet().address(LabSubnet.DNS) + "\n");
    torrcs.joining().write(LabState.clientTorrc(directory));
    var far = LabTorrcs.VotingClock.farFrom(Instant.now().getEpochSecond());
    for (var node : nodes) {
      Files.createDirectories(node.directory(directory));
      boolean authority = node.role() == LabNode.Role.AUTHORITY;
      (authority ? torrcs.authority(node, far) : torrcs.relay(node)).write(node.torrc(directory));
    }
    // The authorities first: a relay that finds nobody to tell its descriptor waits before it tries
    // again.
    for (var node : nodes) {
      if (node.role() == LabNode.Role.AUTHORITY) {
        launch(node, namespace.launcher());
      }
    }
    report(0.1, "starting the authorities");
    for (var node : nodes) {
      if (node.role() == LabNode.Role.AUTHORITY) {
        await("the directory port of " + node.nickname(), () -> isListening(node));
      }
    }
    for (var node : nodes) {
      if (node.role() == LabNode.Role.RELAY) {
        launch(node, namespace.launcher());
      }
    }
    report(0.15, "starting the relays");
  }

  private void launch(LabNode node, List<String> launcher)
      throws IOException, InterruptedException {
    var command = TorProcess.command(node.torrc(directory), launcher);
    lab.step(() -> {
      var process =
          new ProcessBuilder(command)
              .redirectInput(new File("/dev/null"))
              .redirectErrorStream(true)
              .redirectOutput(node.output(directory).toFile())
              .start();
      running.put(node, process);
      note(node.nickname(), process);
      return process;
    });
  }

  private static boolean isListening(LabNode node) throws IOException {
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(node.address(), LabNode.DIR_PORT), HTTP_TIMEOUT_MILLIS);
      return true;
    } catch (ConnectException | SocketTimeoutException e) {
      return false;
    }
  }

  private void awaitDescriptors(List<LabNode> nodes) throws IOException, InterruptedException {
    for (var authority : running.keySet()) {
      if (authority.role() == LabNode.Role.AUTHORITY) {
        await(
            "the relays' descriptors at " + authority.nickname(),
            () -> {
              int known =
                  Consensus.fingerprints(LabProbe.get(authority, "/tor/server/all").orElse(""))
                      .size();
              report(
                  0.15 + 0.15 * known / nodes.size(),
                  "%d of %d relays have registered".formatted(known, nodes.size()));
              return known == nodes.size();
            });
      }
    }
  }

  private void vote(List<LabNode> nodes, LabTorrcs torrcs)
      throws IOException, InterruptedException {
    var relays =
        Consensus.fingerprints(LabProbe.get(nodes.getFirst(), "/tor/server/all").orElse(""));
    Files.writeString(
        LabTorrcs.bandwidthsFile(directory),
        LabTorrcs.equalBandwidths(relays, Instant.now().getEpochSecond()));
    var clock = LabTorrcs.VotingClock.at(Instant.now().getEpochSecond() + CONSENSUS_SECONDS);
    var hangUp = new StringBuilder("kill -HUP");
    for (var node : nodes) {
      if (node.role() == LabNode.Role.AUTHORITY) {
        torrcs.authority(node, clock).write(node.torrc(directory));
        var process = running.get(node);
        if (process != null) {
          hangUp.append(' ').append(process.pid());
        }
      }
    }
    checkNodes();
    // The shell's own kill: it is there on every system, and Java knows only SIGTERM and SIGKILL.
    lab.step(() -> Command.run("sh", "-c", hangUp.toString()));
  }

  private void awaitConsensus(List<LabNode> nodes) throws IOException, InterruptedException {
    long startNanos = System.nanoTime();
    for (var authority : running.keySet()) {
      if (authority.role() != LabNode.Role.AUTHORITY) {
        continue;
      }
      await(
          "the consensus at " + authority.nickname(),
          () -> {
            double share =
                (System.nanoTime() - startNanos)
                    / (double) TimeUnit.SECONDS.toNanos(CONSENSUS_SECONDS);
            report(0.3 + 0.3 * Math.min(1, share), "the authorities vote");
            return LabProbe.get(authority, "/tor/status-vote/current/consensus-microdesc")
                .isPresent();
          });
    }
    // Asked until it is answered: a busy authority may let one question time out.
    await(
        "consensus with all nodes as running exits and guards",
        () -> {
          var listed =
              Consensus.flags(
                  LabProbe.get(nodes.getFirst(), "/tor/status-vote/current/consensus").orElse(""));
          return nodes.stream()
              .filter(node -> node.role() != LabNode.Role.CLIENT)
              .allMatch(node ->
                  listed
                      .getOrDefault(node.nickname(), Set.of())
                      .containsAll(List.of("Running", "Exit", "Guard")));
        });
    report(0.6, "the authorities agree on a consensus of " + nodes.size() + " relays");
  }

  private void awaitWorld(Process world) throws IOException, InterruptedException {
    String line;
    try (BufferedReader output = world.inputReader(StandardCharsets.UTF_8)) {
      line = output.readLine();
    }
    if (!"ready".equals(line)) {
      throw new IOException(
          "cannot start the lab's web server: " + Files.readString(worldLog()).strip());
    }
  }

  private void startClient(LabTorrcs torrcs) throws IOException, InterruptedException {
    var client = LabNode.client();
    Files.createDirectories(client.directory(directory));
    torrcs.client(options.socksPort(), options.controlPort()).write(client.torrc(directory));
    launch(client, List.of());
    report(0.62, "starting the client");
  }

  private void awaitClient() throws IOException, InterruptedException {
    var client = LabNode.client();
    await(
        "the client",
        () -> {
          int percent = 0;
          for (var line : lines(client.log(directory))) {
            switch (TorLog.parse(line).orElse(null)) {
              case TorLog.Entry.Bootstrap b -> percent = b.percent();
              case TorLog.Entry.Listener l -> noteListener(l);
              case TorLog.Entry.Problem _ -> {}
              case null -> {}
            }
          }
          report(0.62 + 0.33 * percent / 100, "the client has bootstrapped " + percent + " %");
          return percent == 100;
        });
  }

  private void noteListener(TorLog.Entry.Listener listener) throws IOException {
    if (!(listener.address() instanceof InetSocketAddress address)) {
      return;
    }
    if (listener.kind().equals("Socks") && lab.state().socks() == null) {
      lab.update(s -> s.withSocks(address));
    } else if (listener.kind().equals("Control") && lab.state().control() == null) {
      lab.update(s -> s.withControl(address));
    }
  }

  private void awaitFetch(Map<String, String> exits) throws IOException, InterruptedException {
    report(0.95, "fetching a page through the network");
    await(
        "a page through the network",
        () ->
            LabProbe.fetch(lab.socksAddress(), WEB_NAME)
                .map(page ->
                    exits.values().stream()
                        .anyMatch(exit -> page.contains("You came from " + exit)))
                .orElse(false));
  }

  private interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  /** Asks again and again: tor tells these things only when it is asked. */
  private void await(String what, Condition condition) throws IOException, InterruptedException {
    while (!condition.holds()) {
      lab.checkWanted();
      checkNodes();
      if (System.nanoTime() - deadlineNanos > 0) {
        throw new IOException(
            "cannot start lab %s: no %s within %d s; logs were in %s"
                .formatted(options.name(), what, options.deadline().toSeconds(), directory));
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /** Fails with the reason when a node has ended. */
  private void checkNodes() throws IOException {
    for (var node : running.entrySet()) {
      if (!node.getValue().isAlive()) {
        var said = new ArrayList<>(lines(node.getKey().output(directory)));
        said.addAll(lines(node.getKey().log(directory)));
        throw new IOException(
            "cannot start lab %s: tor %s ended with status %d: %s"
                .formatted(
                    options.name(),
                    node.getKey().nickname(),
                    node.getValue().exitValue(),
                    TorLog.reason(said).orElse("it did not say why")));
      }
    }
  }

  private static List<String> lines(Path file) throws IOException {
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }
}
