/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.torvtl.host.system.Command;
import org.torvtl.tor.process.ProcessIdentity;
import org.torvtl.tor.process.SupervisedTor;

/** With real tor, in namespaces of its own. Needs root. */
@Timeout(150)
@Tag("slow")
class PrivateTorNetworkTest {
  private final String name =
      "t"
          + Long.toString(ProcessHandle.current().pid(), 36)
          + Long.toString(System.nanoTime() & 0xFFFFFF, 36);
  private Path base = Path.of("unset");

  @BeforeEach
  void base(@TempDir Path fresh) {
    base = fresh;
  }

  private LabOptions options() {
    return LabOptions.named(name).withBase(base).withPorts(0, 0);
  }

  private static String curl(SocketAddress socks, String path)
      throws IOException, InterruptedException {
    return Command.run(
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--noproxy",
        "",
        "--proxy",
        "socks5h://"
            + (socks instanceof InetSocketAddress inet
                ? "127.0.0.1:" + inet.getPort()
                : "localhost" + socks),
        "http://web.lab.test" + path);
  }

  private void assertNothingLeft(String hostInterface) throws IOException {
    var directory = LabOptions.directory(base, name);
    assertThat(LabProcesses.of(directory)).isEmpty();
    assertThat(directory).doesNotExist();
    assertThat(Path.of("/run/netns", LabNamespace.nameFor(name))).doesNotExist();
    assertThat(hostInterface).startsWith("tvtlab");
    assertThat(interfaces()).doesNotContain(hostInterface);
  }

  /** Our end of the cable of the lab that is there now. */
  private String hostInterface() {
    try {
      return LabState.load(LabOptions.directory(base, name))
          .map(LabState::hostInterface)
          .orElse("none");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Set<String> interfaces() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/self/net/dev"))) {
      return Set.copyOf(
          lines.filter(l -> l.contains(":")).map(l -> l.strip().split(":", -1)[0]).toList());
    }
  }

  @Test
  void carriesAStreamAndLeavesNothing() throws Exception {
    var steps = new ArrayList<Double>();
    String ours;
    long startNanos = System.nanoTime();
    try (var lab = PrivateTorNetwork.start(options(), (fraction, text) -> steps.add(fraction))) {
      System.out.printf(
          "private network ready after %.1f s%n", (System.nanoTime() - startNanos) / 1e9);
      ours = String.valueOf(lab.state().hostInterface());
      assertThat(steps).isSorted().endsWith(1.0);

      String from =
          curl(lab.socksAddress(), "/")
              .lines()
              .filter(l -> l.startsWith("You came from "))
              .findFirst()
              .orElseThrow();
      assertThat(lab.exitAddresses())
          .hasSize(7)
          .containsValue(from.substring("You came from ".length()));
      assertThat(curl(lab.socksAddress(), "/bytes/1000000")).isNotEmpty();

      everyCircuitWorksFromTheStart(lab);

      assertThat(lab.isUp()).isTrue();
      assertThat(lab.status())
          .hasSize(8)
          .allMatch(PrivateTorNetwork.NodeStatus::alive)
          .filteredOn(n -> n.node().role() != LabNode.Role.CLIENT)
          .allSatisfy(n -> assertThat(n.flags()).contains("Exit", "Guard", "Running", "Valid"));
      assertThat(lab.cookieFile()).exists();
      assertHasNoWayOut();
      assertThatThrownBy(() -> PrivateTorNetwork.start(options(), (fraction, text) -> {}))
          .hasMessageContaining("lab " + name + " is already up");
      anotherTorJoins(lab);
      stayingUpThereIsStillTheFirstConsensus(lab);
    }
    assertNothingLeft(ours);
    assertThatThrownBy(() -> PrivateTorNetwork.attach(base, name))
        .hasMessageContaining("there is no lab named " + name);
  }

  /**
   * Another SOCKS user is another circuit: these find an exit that is not ready yet, if there is
   * one.
   */
  private static void everyCircuitWorksFromTheStart(PrivateTorNetwork lab)
      throws IOException, InterruptedException {
    var exits = new TreeSet<String>();
    for (int i = 0; i < 40; i++) {
      String page =
          Command.run(
              "curl",
              "--silent",
              "--show-error",
              "--max-time",
              "30",
              "--proxy",
              "socks5h://user%d:x@127.0.0.1:%d".formatted(i, lab.socksAddress().getPort()),
              "http://web.lab.test/");
      page.lines().filter(l -> l.startsWith("You came from ")).forEach(exits::add);
    }
    assertThat(exits).hasSizeGreaterThan(2);
  }

  private void assertHasNoWayOut() throws IOException, InterruptedException {
    String routes = Command.run("ip", "-netns", LabNamespace.nameFor(name), "route", "show");
    assertThat(routes).doesNotContain("default").contains("unreachable 198.1");
    assertThat(routes.lines())
        .allMatch(line -> line.contains("198.18.") || line.contains("198.19."));
  }

  private void anotherTorJoins(PrivateTorNetwork lab) throws Exception {
    var options = new SupervisedTor.Options("joins", base.resolve("run"), null, lab.clientTorrc());
    try (var tor = SupervisedTor.start(options, event -> {})) {
      tor.bootstrapped().get(60, TimeUnit.SECONDS);
      assertThat(curl(tor.socksAddress(), "/")).contains("You came from");
    }
  }

  private static void stayingUpThereIsStillTheFirstConsensus(PrivateTorNetwork lab)
      throws IOException {
    var consensus = Files.readAllLines(lab.directory().resolve("nodes/auth1/cached-consensus"));
    var after = time(consensus, "valid-after");
    assertThat(Duration.between(after, time(consensus, "fresh-until")))
        .isLessThanOrEqualTo(Duration.ofMinutes(30))
        .isGreaterThan(Duration.ofMinutes(20));
    assertThat(Duration.between(after, time(consensus, "valid-until")))
        .isGreaterThan(Duration.ofHours(24));
  }

  private static LocalDateTime time(List<String> consensus, String key) {
    String line = consensus.stream().filter(l -> l.startsWith(key + " ")).findFirst().orElseThrow();
    return LocalDateTime.parse(line.substring(key.length() + 1).replace(' ', 'T'));
  }

  @Test
  void anInterruptedStartLeavesNothing() throws Exception {
    for (double at : new double[] {0.02, 0.15, 0.3}) {
      var cable = new CompletableFuture<String>();
      var ended = new CompletableFuture<Throwable>();
      var reached = new CompletableFuture<Thread>();
      var starter =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  PrivateTorNetwork.start(
                      options(),
                      (fraction, text) -> {
                        if (fraction >= at) {
                          cable.complete(hostInterface());
                          reached.complete(Thread.currentThread());
                        }
                      });
                  ended.complete(new AssertionError("the start was not interrupted"));
                } catch (IOException | InterruptedException | RuntimeException e) {
                  ended.complete(e);
                  reached.completeExceptionally(e);
                }
              });
      reached.get(60, TimeUnit.SECONDS).interrupt();
      assertThat(ended.get(60, TimeUnit.SECONDS))
          .as("at " + at)
          .isInstanceOf(InterruptedException.class);
      starter.join();
      assertNothingLeft(cable.get());
    }
  }

  @Test
  void aFailedStartSaysWhyAndLeavesNothing() throws Exception {
    var cable = new CompletableFuture<String>();
    // The client cannot have a port that is taken: the last step but one fails.
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var options = options().withNodes(3, 1).withPorts(taken.getLocalPort(), 0);
      assertThatThrownBy(() ->
              PrivateTorNetwork.start(
                  options,
                  (fraction, text) -> {
                    if (fraction > 0.5) {
                      cable.complete(hostInterface());
                    }
                  }))
          .hasMessageContaining("tor client ended")
          .hasMessageContaining("Address already in use");
    }
    assertNothingLeft(cable.get(1, TimeUnit.SECONDS));
  }

  @Test
  void theLabOfAKilledOwnerIsSwept() throws Exception {
    // As a killed owner leaves it: namespace, cable, a node, and a state file that names a process
    // that is no more.
    var me = ProcessIdentity.current();
    var directory = Files.createDirectory(LabOptions.directory(base, name));
    var namespace = LabNamespace.create(name, 1);
    var node = Files.createDirectories(directory.resolve("nodes").resolve("auth1"));
    new LabState(
            name,
            new ProcessIdentity(me.pid(), me.startTicks() - 1),
            false,
            true,
            namespace.name(),
            namespace.hostInterface(),
            null,
            null,
            Map.of(),
            Map.of())
        .save(directory);
    var left =
        new ProcessBuilder("sh", "-c", "read x", "tor", "-f", node.resolve("torrc").toString())
            .start();
    var stop = new IOException("that is enough");
    assertThatThrownBy(() ->
            PrivateTorNetwork.start(
                options(),
                (fraction, text) -> {
                  throw new UncheckedIOException(stop);
                }))
        .hasCause(stop);
    assertThat(left.waitFor(1, TimeUnit.SECONDS)).isTrue();
    assertThat(directory).doesNotExist();
    assertThat(Path.of("/run/netns", namespace.name())).doesNotExist();
    assertThat(interfaces()).doesNotContain(namespace.hostInterface());
  }
}
