/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.process;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What tor's log lines mean to us, and the last of them to explain a failure. Safe for use by
 * several threads.
 */
public final class TorLog {
  private static final int TAIL_LINES = 200;
  private static final Pattern BOOTSTRAP =
      Pattern.compile("\\[notice\\] Bootstrapped (\\d{1,3})%(?: \\(([^)]*)\\))?: (.*)");
  private static final Pattern LISTENER =
      Pattern.compile(
          "\\[notice\\] Opened (\\S+) listener connection \\(ready\\) on (?:(\\d[\\d.]*):(\\d{1,5})|(/.*))$");
  private static final Pattern PROBLEM = Pattern.compile("\\[(warn|err)\\] (.*)");

  /** What one line says, where it says something we know. */
  public sealed interface Entry {
    /** How far tor is on its way into the network. */
    record Bootstrap(int percent, String tag, String summary) implements Entry {}

    /**
     * A port that tor opened; {@code kind} as tor names it: {@code Socks}, {@code Control}, {@code
     * OR}. The address is an {@link InetSocketAddress} or a {@link UnixDomainSocketAddress}.
     */
    record Listener(String kind, SocketAddress address) implements Entry {}

    /** A warning or an error, in tor's own words, if it is not one that is usual here. */
    record Problem(String text) implements Entry {}
  }

  private final ArrayDeque<String> tail = new ArrayDeque<>();

  /** The meaning of one line. */
  public static Optional<Entry> parse(String line) {
    var bootstrap = BOOTSTRAP.matcher(line);
    if (bootstrap.find()) {
      String tag = bootstrap.group(2);
      return Optional.of(
          new Entry.Bootstrap(
              Math.min(100, Integer.parseInt(bootstrap.group(1))),
              tag == null ? "" : tag,
              bootstrap.group(3)));
    }
    var listener = LISTENER.matcher(line);
    if (listener.find()) {
      return Optional.of(
          new Entry.Listener(
              listener.group(1),
              listener.group(4) != null
                  ? UnixDomainSocketAddress.of(listener.group(4))
                  : new InetSocketAddress(listener.group(2), Integer.parseInt(listener.group(3)))));
    }
    var problem = PROBLEM.matcher(line);
    if (problem.find() && !isUsual(problem.group(2))) {
      return Optional.of(new Entry.Problem(problem.group(2)));
    }
    return Optional.empty();
  }

  /** Keeps a line; the oldest of many is forgotten. */
  public synchronized void add(String line) {
    if (tail.size() == TAIL_LINES) {
      tail.removeFirst();
    }
    tail.addLast(line);
  }

  /** The last lines, oldest first. */
  public synchronized List<String> tail() {
    return new ArrayList<>(tail);
  }

  /** Why tor ended, in its own words; empty if it did not say. */
  public synchronized Optional<String> reason() {
    return reason(tail);
  }

  /**
   * Why the tor that wrote these lines ended: its last error; where that only points at the
   * warnings above it, the last two of those; and where tor never came to write anything, what
   * whoever should have started it wrote.
   */
  public static Optional<String> reason(Iterable<String> lines) {
    String error = "";
    String foreign = "";
    var warnings = new ArrayDeque<String>();
    for (var line : lines) {
      var problem = PROBLEM.matcher(line);
      if (!problem.find()) {
        foreign = line.contains("[notice]") || line.isBlank() ? foreign : line;
      } else if (problem.group(1).equals("err")) {
        error = problem.group(2);
      } else if (!isUsual(problem.group(2))) {
        warnings.addLast(problem.group(2));
        if (warnings.size() > 2) {
          warnings.removeFirst();
        }
      }
    }
    if (!error.isEmpty() && (warnings.isEmpty() || !error.contains("above"))) {
      return Optional.of(error);
    }
    String said = warnings.isEmpty() ? foreign : String.join(" ", warnings);
    return said.isEmpty() ? Optional.empty() : Optional.of(said);
  }

  private static boolean isUsual(String warning) {
    return warning.startsWith("You are running Tor as root")
        || warning.startsWith("TestingTorNetwork is set")
        || warning.startsWith("You have used DirAuthority")
        || warning.startsWith("Your log may contain sensitive information")
        // What a guest does, by its port: not for a log that was not asked for.
        || warning.startsWith("Application request to port")
        // A guest that asks for a name has been given its address, by Tor.
        || warning.startsWith("Your application (using socks");
  }
}
