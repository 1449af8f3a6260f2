/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.torvtl.host.system.Command;
import org.torvtl.host.user.Privileges;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The onion network's three stages, on a network of our own. */
@picocli.CommandLine.Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description = {
      "Shows the onion network: routers coming up, a ping to them, a ping to the world through them"
          + " and whom the world saw, and the log of one packet's way. Needs root, iproute2,"
          + " nftables, ping and tcpdump. Leaves nothing behind."
    })
final class OnionDemoCommand implements Callable<Integer> {
  private static final int ROUTERS = OnionDemoNetwork.INTERFACES - 1;
  private static final long DEADLINE_SECONDS = 20;
  private static final long LOOK_AGAIN_MILLIS = 50;

  /** The way there and back: proxy, router, router, proxy. */
  private static final int HOPS = 4;

  private static final Pattern SEEN = Pattern.compile("IP (\\S+) > (\\S+): ICMP echo request");

  @Spec private CommandSpec spec;

  // Filled in by picocli.
  @SuppressWarnings("NullAway.Init")
  private OnionDemoCommand() {}

  @Override
  public Integer call() throws IOException, UserException, InterruptedException {
    Logs.configure(false);
    if (!Privileges.isRoot()) {
      throw new UserException("cannot make network namespaces: not root (run it as root)");
    }
    var out = spec.commandLine().getOut();
    try (var teardown = new Teardown()) {
      teardown.add(new OnionDemoNetwork()).make();
      var logs = Files.createTempDirectory("torvtl-onion-demo-");
      teardown.add(() -> remove(logs));
      out.printf("$ torvtl onion proxy --routers %d%n", ROUTERS);
      var proxy = startProxy(logs, teardown);
      awaitReady(proxy, out);

      show(out, OnionDemoNetwork.HOST, "ping", "-n", "-c", "2", "-i", "0.2", "10.5.51.9");
      route(out, "up");
      var seen = pingTheWorld(out, teardown);
      out.printf("%nthe world saw: %s, and not %s%n", seen, OnionDemoNetwork.HOST_ADDRESS);
      tellTheWay(out, logs);
      route(out, "down");

      out.println("\n$ kill -INT PROXY");
      var routers = proxy.descendants().toList();
      int status = interrupt(proxy);
      long left = routers.stream().filter(ProcessHandle::isAlive).count();
      out.printf(
          "the proxy ended with exit status %d, and of %d routers are left: %d%n",
          status, routers.size(), left);
      out.flush();
      boolean right =
          seen.matches("192\\.168\\.20[123]\\.2")
              && status == 130
              && routers.size() == ROUTERS
              && left == 0;
      return right ? 0 : 1;
    }
  }

  private static Process startProxy(Path logs, Teardown teardown) throws IOException {
    var words = new ArrayList<>(List.of("onion", "proxy", "--routers", "" + ROUTERS));
    for (int i = 1; i <= ROUTERS; i++) {
      words.addAll(List.of("--router-interface", "eth" + i));
    }
    words.addAll(List.of("--log-dir", logs.toString()));
    // Whoever started the demo in the background may have made SIGINT ignored, which is inherited.
    var command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    command.addAll(ThisProgram.command(words.toArray(String[]::new)));
    var process =
        new ProcessBuilder(OnionDemoNetwork.command(OnionDemoNetwork.HOST, command))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    teardown.add(() -> end(process));
    return process;
  }

  private static void awaitReady(Process proxy, PrintWriter out) throws IOException, UserException {
    BufferedReader lines = proxy.inputReader();
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      out.println(line);
      out.flush();
      if (line.startsWith("ready")) {
        return;
      }
    }
    throw new UserException("the proxy did not start (why, it has said above)");
  }

  /** Runs a command in a namespace and shows it with all it says. */
  private static void show(PrintWriter out, String namespace, String... command)
      throws IOException, InterruptedException {
    out.println("\n$ " + String.join(" ", command));
    var said =
        Command.run(OnionDemoNetwork.command(namespace, List.of(command)).toArray(String[]::new));
    said.lines().filter(line -> line.contains("bytes from")).forEach(out::println);
    out.flush();
  }

  private static void route(PrintWriter out, String verb) throws IOException, InterruptedException {
    String[] words = {
      "onion",
      "route",
      verb,
      "--from",
      OnionDemoNetwork.HOST_ADDRESS,
      "--to",
      "18.0.0.0/8,128.0.0.0/8",
      "--dev",
      "tun1"
    };
    out.println("\n$ torvtl " + String.join(" ", words));
    out.print(
        Command.run(
            OnionDemoNetwork.command(OnionDemoNetwork.HOST, ThisProgram.command(words))
                .toArray(String[]::new)));
    out.flush();
  }

  /** Pings the world, and answers from which address the world was pinged. */
  private static String pingTheWorld(PrintWriter out, Teardown teardown)
      throws IOException, InterruptedException, UserException {
    var tcpdump =
        new ProcessBuilder(
                OnionDemoNetwork.command(
                    OnionDemoNetwork.WORLD,
                    List.of(
                        "tcpdump",
                        "-n",
                        "-l",
                        "--immediate-mode",
                        "-c",
                        "1",
                        "-i",
                        "any",
                        "icmp[icmptype] == icmp-echo and dst " + OnionDemoNetwork.WORLD_ADDRESS)))
            .redirectErrorStream(true)
            .start();
    teardown.add(() -> end(tcpdump));
    BufferedReader lines = tcpdump.inputReader();
    for (var line = lines.readLine();
        line != null && !line.startsWith("listening on");
        line = lines.readLine()) {}
    show(
        out,
        OnionDemoNetwork.HOST,
        "ping",
        "-n",
        "-c",
        "1",
        "-I",
        OnionDemoNetwork.HOST_ADDRESS,
        OnionDemoNetwork.WORLD_ADDRESS);
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      var seen = SEEN.matcher(line);
      if (seen.find()) {
        return seen.group(1);
      }
    }
    throw new UserException("the ping was answered, but tcpdump in the world saw none");
  }

  /** What all logs tell of the ping to the world, in the order of time. */
  private static void tellTheWay(PrintWriter out, Path logs)
      throws IOException, InterruptedException {
    out.printf("%nthe packet's way, from the logs in %s:%n", logs);
    // The proxy writes the last line after it has given the reply to the kernel.
    var lines = wayOfThePing(logs);
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
    while (lines.size() < HOPS && System.nanoTime() - endNanos < 0) {
      TimeUnit.MILLISECONDS.sleep(LOOK_AGAIN_MILLIS);
      lines = wayOfThePing(logs);
    }
    lines.forEach(out::println);
    out.flush();
  }

  /** Lines begin with their time. */
  private static List<String> wayOfThePing(Path logs) throws IOException {
    var all = new ArrayList<String>();
    try (Stream<Path> files = Files.list(logs)) {
      for (var file : files.toList()) {
        all.addAll(Files.readAllLines(file));
      }
    }
    return all.stream()
        .filter(line -> line.contains(OnionDemoNetwork.WORLD_ADDRESS + " "))
        .sorted()
        // The time of the day is enough.
        .map(line -> "  " + line.substring(line.indexOf(' ') + 1))
        .toList();
  }

  private static int interrupt(Process process) throws IOException, InterruptedException {
    Command.run("kill", "-INT", Long.toString(process.pid()));
    if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
      throw new IOException("the proxy did not end within " + DEADLINE_SECONDS + " s");
    }
    return process.exitValue();
  }

  private static void end(Process process) throws InterruptedException {
    process.destroy();
    if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  private static void remove(Path logs) throws IOException {
    try (Stream<Path> files = Files.list(logs)) {
      for (var file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(logs);
  }
}
