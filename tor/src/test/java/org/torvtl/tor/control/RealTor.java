/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A {@code tor} process for one test, in a directory of the test's. It never leaves loopback. */
public final class RealTor implements AutoCloseable {
  private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final Process process;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

  private RealTor(Process process) {
    this.process = process;
    Thread.startVirtualThread(() -> drain(process.inputReader(StandardCharsets.ISO_8859_1)));
  }

  private void drain(BufferedReader log) {
    try (log) {
      for (var line = log.readLine(); line != null; line = log.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add("(log ended: " + e + ")");
    }
  }

  /** Starts Tor with its network disabled. */
  public static RealTor offline(Path directory, String... options) throws IOException {
    return start(directory, List.of("DisableNetwork 1"), options);
  }

  /**
   * Starts Tor with its network enabled, since without it there is no SocksPort, but with nowhere
   * to go: its only authority and the proxy it must use are a closed port of loopback.
   */
  public static RealTor stranded(Path directory, String... options) throws IOException {
    return start(
        directory,
        List.of(
            "TestingTorNetwork 1",
            "DirAuthority none orport=1 no-v2 v3ident="
                + "0".repeat(39)
                + "1 127.0.0.1:1 "
                + "0".repeat(39)
                + "2",
            "Socks5Proxy 127.0.0.1:1"),
        options);
  }

  private static RealTor start(Path directory, List<String> base, String... options)
      throws IOException {
    var torrc = new ArrayList<>(base);
    torrc.addAll(List.of(options));
    torrc.add("DataDirectory " + directory.resolve("data"));
    torrc.add("Log notice stdout");
    var file = Files.write(directory.resolve("torrc"), torrc);
    var empty = Files.write(directory.resolve("defaults"), List.of());
    return new RealTor(
        new ProcessBuilder("tor", "-f", file.toString(), "--defaults-torrc", empty.toString())
            .redirectErrorStream(true)
            .start());
  }

  /** Waits for a line of Tor's log. */
  public Matcher await(String regex) throws InterruptedException {
    var pattern = Pattern.compile(regex);
    var seen = new ArrayList<String>();
    long deadline = System.nanoTime() + DEADLINE_NANOS;
    while (true) {
      var line = lines.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (line == null) {
        throw new AssertionError("Tor never said %s, only %s".formatted(regex, seen));
      }
      seen.add(line);
      var matcher = pattern.matcher(line);
      if (matcher.find()) {
        return matcher;
      }
    }
  }

  /** Waits until the listener is open. */
  public int port(String listener) throws InterruptedException {
    return Integer.parseInt(
        await(listener + " listener connection \\(ready\\) on 127.0.0.1:(\\d+)").group(1));
  }

  public Process process() {
    return process;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.onExit().orTimeout(10, TimeUnit.SECONDS).join();
    } catch (CompletionException e) {
      process.destroyForcibly().onExit().join();
    }
  }
}
