/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A {@code torvtl onion proxy} on a {@link Machine}, with its routers and its logs. */
public final class OnionProxy implements Closeable {
  private static final Duration READY_DEADLINE = Duration.ofMinutes(1);
  private static final Duration STOP_DEADLINE = Duration.ofSeconds(20);
  private static final String LOGS = "/run/torvtl/onion-tun1";
  private static final Pattern ROUTER_UP = Pattern.compile("(?m)^router (\\d+): process (\\d+) is");
  private static final Pattern PORT =
      Pattern.compile("(?m)^proxy: process (\\d+), UDP port (\\d+)$");

  private final Machine machine;
  private final RunningCommand command;

  private OnionProxy(Machine machine, RunningCommand command) {
    this.machine = machine;
    this.command = command;
  }

  /** Starts a proxy, and does not wait for it. */
  public static OnionProxy launch(Machine machine, String... arguments) throws IOException {
    var words = new ArrayList<>(List.of("onion", "proxy"));
    words.addAll(List.of(arguments));
    var command = machine.startInForeground(Machine.torvtl(words.toArray(String[]::new)));
    return new OnionProxy(machine, command);
  }

  /** Starts a proxy and waits until all its routers are up. */
  public static OnionProxy start(Machine machine, String... arguments)
      throws IOException, InterruptedException {
    var proxy = launch(machine, arguments);
    try {
      proxy.command.awaitLine("ready", READY_DEADLINE);
      return proxy;
    } catch (InterruptedException | RuntimeException e) {
      proxy.command.close();
      throw e;
    }
  }

  /** The proxy's process, seen from outside the machine. */
  public ProcessHandle process() throws InterruptedException {
    return Machine.processOf(command);
  }

  /** The routers' processes, in the order of their numbers. */
  public List<ProcessHandle> routers() throws InterruptedException {
    return process().children().sorted(Comparator.comparingLong(ProcessHandle::pid)).toList();
  }

  /** What each router said its process id is, as the machine numbers them, by its number. */
  public SortedMap<Integer, Long> announced() {
    var pids = new TreeMap<Integer, Long>();
    var matcher = ROUTER_UP.matcher(command.output());
    while (matcher.find()) {
      pids.put(Integer.valueOf(matcher.group(1)), Long.valueOf(matcher.group(2)));
    }
    return pids;
  }

  /** The UDP port the system chose. */
  public int port() {
    return Integer.parseInt(told().group(2));
  }

  /** The proxy's process id, as the machine numbers it. */
  public long pid() {
    return Long.parseLong(told().group(1));
  }

  private Matcher told() {
    var matcher = PORT.matcher(command.output());
    if (!matcher.find()) {
      throw new IllegalStateException("the proxy did not tell its port: " + command.output());
    }
    return matcher;
  }

  public RunningCommand command() {
    return command;
  }

  /** The lines of {@code proxy.log}. */
  public List<String> log() throws IOException {
    return lines("proxy.log");
  }

  /** The lines of a router's log. */
  public List<String> log(int router) throws IOException {
    return lines("router-%d.log".formatted(router));
  }

  private List<String> lines(String name) throws IOException {
    return Files.readAllLines(machine.file(LOGS).resolve(name));
  }

  /** Removes the logs, which outlive the proxy. */
  public void removeLogs() throws IOException, InterruptedException {
    machine.script("rm -r \"$1\"; rmdir --ignore-fail-on-non-empty /run/torvtl", LOGS);
  }

  /** The directory of the logs, as this JVM can open it. */
  public Path logs() {
    return machine.file(LOGS);
  }

  /** Sends a signal and waits for its end. */
  public CommandResult stop(Signal signal) throws IOException, InterruptedException {
    signal.to(process());
    return command.await(STOP_DEADLINE);
  }

  /** Waits for its end. */
  public CommandResult await() throws InterruptedException {
    return command.await(READY_DEADLINE);
  }

  @Override
  public void close() throws IOException {
    if (command.isRunning()) {
      Waiting.toEnd(() -> stop(Signal.TERM));
    }
  }
}
