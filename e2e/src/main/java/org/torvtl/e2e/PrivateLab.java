/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.e2e;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The private Tor network of {@code torvtl lab up} on a {@link Machine}. */
public final class PrivateLab implements Closeable {
  public static final String SOCKS_ADDRESS = "127.0.0.1";
  public static final int SOCKS_PORT = 19050;
  public static final int CONTROL_PORT = 19051;

  private static final Duration UP_DEADLINE = Duration.ofSeconds(90);
  private static final Duration DOWN_DEADLINE = Duration.ofSeconds(30);
  private static final Pattern ADDRESS = Pattern.compile("\\b(\\d{1,3}(?:\\.\\d{1,3}){3})\\b");

  /** A relay as the consensus has it. */
  public record Relay(String nickname, String address, Set<String> flags) {}

  private final Machine machine;
  private final String name;
  private final String upLog;

  private PrivateLab(Machine machine, String name, String upLog) {
    this.machine = machine;
    this.name = name;
    this.upLog = upLog;
  }

  public static PrivateLab up(Machine machine, String name)
      throws IOException, InterruptedException {
    var result = machine.start(Machine.torvtl("lab", "up", "--name", name)).await(UP_DEADLINE);
    return new PrivateLab(machine, name, result.orThrow().toString());
  }

  public String name() {
    return name;
  }

  /** The torrc with which another tor of the machine joins the network. */
  public String clientTorrc() {
    return "/run/torvtl/lab-" + name + "/client.torrc";
  }

  /** Starts a command in the network behind the exits, where the lab's names point. */
  public RunningCommand startInWorld(List<String> command) throws IOException {
    var whole = new ArrayList<>(List.of("nsenter", "--net=/run/netns/torvtl-" + name));
    whole.addAll(command);
    return machine.start(whole);
  }

  /** The relays, by {@code torvtl lab status}. */
  public List<Relay> relays() throws IOException, InterruptedException {
    return machine
        .start(Machine.torvtl("lab", "status", "--name", name))
        .await(DOWN_DEADLINE)
        .orThrow()
        .out()
        .lines()
        .flatMap(line -> {
          var address = ADDRESS.matcher(line);
          var words = List.of(line.strip().split("[\\s,]+"));
          return line.contains("Running") && address.find()
              ? java.util.stream.Stream.of(
                  new Relay(words.getFirst(), address.group(1), Set.copyOf(words)))
              : java.util.stream.Stream.empty();
        })
        .toList();
  }

  /** The addresses of the relays through which streams may leave. */
  public Set<String> exits() throws IOException, InterruptedException {
    return relays().stream()
        .filter(relay -> relay.flags().contains("Exit"))
        .map(Relay::address)
        .collect(Collectors.toSet());
  }

  /** What `lab up` printed, and the ends of all logs of the lab. */
  public String logs() throws IOException, InterruptedException {
    return upLog
        + machine
            .script(
                """
                find "/run/torvtl/lab-$1" -type f \\( -name '*.log' -o -name '*log' \\) 2>/dev/null |
                  sort | while read -r log; do echo "--- $log"; tail -n 15 "$log"; done
                """,
                name)
            .out();
  }

  @Override
  public void close() throws IOException {
    Waiting.toEnd(() ->
        machine
            .start(Machine.torvtl("lab", "down", "--name", name))
            .await(DOWN_DEADLINE)
            .orThrow());
  }
}
