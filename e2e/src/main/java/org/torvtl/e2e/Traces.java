/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a command could leave behind on a {@link Machine}: interfaces, network namespaces, routing
 * rules, routes, packet filter rules, processes, files. One line each, sorted.
 */
public record Traces(List<String> lines) {
  /** The JVM's own statistics files are not counted: every JVM keeps that folder. */
  private static final String LIST =
      """
      list() { sed "s/^/$1: /"; }
      ip -o link show | awk -F': ' '{ print $2 }' | list interface
      ip netns list | list 'network namespace'
      ip rule show | list rule
      ip -6 rule show | list 'rule of IPv6'
      ip route show table all | list route
      nft list ruleset | list 'packet filter'
      find /run /tmp \\( -path "$1" -o -path "$2/*/work" -o -name 'hsperfdata_*' \\) -prune -o -print |
        list file
      """;

  private static final List<String> LIST_PROCESSES =
      List.of("ps", "-e", "-o", "pid=,ppid=,stat=,args=");

  private static final Pattern PROCESS = Pattern.compile("(\\d+)\\s+(\\d+)\\s+(\\S+)\\s+(.*)");

  /** The keepers of a gateway that serves, by the name that their shell has. */
  private static final Pattern KEEPER = Pattern.compile(" torvtl-(guard|routes)( |$)");

  /** A line of {@code ps}. */
  private record Running(String id, String parent, String state, String arguments) {
    static Running of(String line) {
      var matcher = PROCESS.matcher(line.strip());
      if (!matcher.matches()) {
        throw new IllegalStateException("ps says: " + line);
      }
      return new Running(matcher.group(1), matcher.group(2), matcher.group(3), matcher.group(4));
    }

    /**
     * A zombie has ended; whether its parent has looked is no trace of it. One without arguments is
     * about to be one: it has given its memory back.
     */
    boolean hasEnded() {
      return state.startsWith("Z") || arguments.matches("\\[.*\\]");
    }

    boolean isKeeper() {
      return KEEPER.matcher(arguments).find();
    }
  }

  static Traces of(Machine machine) throws IOException, InterruptedException {
    var processes =
        machine
            .run(Duration.ofMinutes(1), LIST_PROCESSES.toArray(String[]::new))
            .orThrow()
            .out()
            .lines()
            .map(Running::of)
            .toList();
    // A keeper's programs come and go while it is there; what it leaves behind has another parent.
    var keepers =
        processes.stream().filter(Running::isKeeper).map(Running::id).collect(Collectors.toSet());
    var lines = new ArrayList<String>();
    processes.stream()
        .filter(process -> !process.hasEnded() && !keepers.contains(process.parent()))
        .filter(process -> !process.arguments().endsWith(String.join(" ", LIST_PROCESSES)))
        .map(process -> "process: " + process.arguments())
        .forEach(lines::add);
    machine.script(LIST, Machine.HOME, Machine.CHANGES).out().lines().forEach(lines::add);
    return new Traces(lines.stream().sorted().toList());
  }

  /** What is here and was not there in {@code before}. */
  public List<String> since(Traces before) {
    var added = new ArrayList<>(lines);
    before.lines().forEach(added::remove);
    return added;
  }

  /** What was there in {@code before} and is not here. */
  public List<String> goneSince(Traces before) {
    return before.since(this);
  }
}
