/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.torvtl.link.linux.Privileges;
import org.torvtl.wire.MacAddress;

/**
 * The child process that keeps the privilege to change the guard's tables when the gateway has
 * given root away. It is a shell that runs {@code keeper.sh}, with the one capability that nftables
 * and forwarding tables take, and accepts nothing but what {@link GuardRules} writes.
 *
 * <p>Each request is a word and a number, and each answer one line that begins with that number. A
 * transaction is followed by its statements and a line with a dot. What programs write beside is
 * discarded. An nft that does not end within five seconds is killed.
 *
 * <p>When its input ends without the word to remove the tables, the gateway was killed or has
 * failed, and the tables stay; but not those of devices that have gone along with it.
 */
final class GuardKeeper implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(15);
  private static final String END = ".";

  private static final String SCRIPT = script();

  /** What {@code nft list table} prints of a set of MAC addresses, in one line. */
  private static final Pattern SET =
      Pattern.compile("set macs_(\\d{1,9}) \\{([^{}]*elements = \\{([^{}]*)})?[^{}]*}");

  private final String table;
  private final Process process;
  private final BufferedWriter input;
  private final BufferedReader output;
  private int number;

  private GuardKeeper(String table, Process process) {
    this.table = table;
    this.process = process;
    this.input = process.outputWriter(StandardCharsets.UTF_8);
    this.output = process.inputReader(StandardCharsets.UTF_8);
  }

  private static String script() {
    try (var in = GuardKeeper.class.getResourceAsStream("keeper.sh")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts it, in a session of its own, so that Ctrl-C does not end it before the gateway. */
  static GuardKeeper start(GuardRules rules) throws IOException {
    var command = new ArrayList<>(List.of("setsid"));
    if (Privileges.isRoot()) {
      command.addAll(
          List.of(
              "setpriv",
              "--no-new-privs",
              "--bounding-set=-all,+net_admin",
              "--inh-caps=-all,+net_admin"));
    }
    command.addAll(
        List.of(
            "sh",
            "-c",
            SCRIPT,
            "torvtl-guard",
            rules.table(),
            GuardRules.text(rules.mark()),
            GuardRules.text(rules.heard()),
            MacAddress.toString(rules.mac())));
    var builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return new GuardKeeper(rules.table(), builder.start());
  }

  /**
   * Has a transaction done, and then guests' ports isolated, and the gateway's MAC address put into
   * forwarding tables.
   *
   * @param statements of nft; may be none
   * @throws IOException with nft's own words if it was refused
   */
  void apply(List<String> statements, Segment segment) throws IOException {
    var request = new StringBuilder();
    statements.forEach(statement -> request.append(statement).append('\n'));
    segment.all().forEach(port -> request.append("member %d\n".formatted(port.index())));
    segment.guests().forEach(port -> request.append("guest %d\n".formatted(port.index())));
    var entries = ForwardingEntries.of(segment);
    entries.forEach(entry -> request.append("entry ").append(entry).append('\n'));
    var answer = ask("transaction", request.append(END).append('\n').toString());
    if (!answer.equals("ok")) {
      throw new IOException(answer);
    }
  }

  /**
   * The MAC addresses of each port that has a set of them, by index.
   *
   * @throws IOException if there is no table
   */
  Map<Integer, Set<Long>> owned() throws IOException {
    var answer = ask("owned", "");
    if (answer.equals("none")) {
      throw new IOException("there is no table " + table);
    }
    var owned = new LinkedHashMap<Integer, Set<Long>>();
    var sets = SET.matcher(answer);
    while (sets.find()) {
      var macs = new LinkedHashSet<Long>();
      if (sets.group(3) != null) {
        for (var mac : sets.group(3).split(",", -1)) {
          macs.add(HexFormat.fromHexDigitsToLong(mac.strip().replace(":", "")));
        }
      }
      owned.put(Integer.parseInt(sets.group(1)), macs);
    }
    return owned;
  }

  private String ask(String word, String more) throws IOException {
    number++;
    input.write("%s %d\n%s".formatted(word, number, more));
    input.flush();
    String prefix = number + " ";
    for (var answer = output.readLine(); answer != null; answer = output.readLine()) {
      if (answer.startsWith(prefix)) {
        return answer.substring(prefix.length()).strip();
      }
    }
    throw new IOException("the process that keeps the packet filter has ended");
  }

  /** Has the tables removed; returns when that is done. */
  void remove() throws IOException {
    try {
      input.write("remove\n");
      input.close();
      if (!process.waitFor(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
          || process.exitValue() != 0) {
        throw new IOException(
            "a packet filter is left (nft delete table netdev %s removes it)".formatted(table));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a packet filter was removed", e);
    }
  }

  /** Ends it, with the tables left there. */
  @Override
  public void close() throws IOException {
    input.close();
  }
}
