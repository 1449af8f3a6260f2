/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.torvtl.link.linux.Privileges;

/**
 * The child process that keeps the privilege to change the guard's tables when the gateway has
 * given root away. It can do nothing else: with the one capability that nftables takes, it accepts
 * statements about tables of the guard's name only.
 *
 * <p>When its input ends without the word to remove the tables, the gateway was killed, and the
 * tables stay; but not those of a device that has gone along with it.
 */
final class GuardKeeper implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(10);
  private static final String END = ".";

  /**
   * Arguments: the tables' name, the device's name, the gateway's MAC address, then pairs of the
   * index of a device and {@code self} or {@code master}: entries of forwarding tables to remove.
   */
  private static final String SCRIPT =
      """
      LC_ALL=C; export LC_ALL
      table=$1 device=$2 mac=$3
      shift 3
      allowed="^(add|flush|delete) (table|chain|set|rule) (netdev|inet|arp) $table( [^{};]*([{][^{}]*[}][^{};]*)*)?\\$"
      transaction() {
        batch= released=
        while IFS= read -r line && [ "$line" != . ]; do
          case $line in
          release\\ *) released="$released ${line#release }" ;;
          *) batch="$batch${batch:+
      }$line" ;;
          esac
        done
        if refused=$(printf '%s\\n' "$batch" | grep -Ev -m 1 "$allowed"); then
          echo "refused: $refused"
          return
        fi
        for set in $released; do
          taken=$(nft list set netdev "$table" "$set" | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | paste -sd, -)
          [ -z "$taken" ] || batch="$batch
      delete element netdev $table owned { $taken }"
          batch="$batch
      delete set netdev $table $set"
        done
        if reason=$(printf '%s\\n' "$batch" | nft -f - 2>&1); then
          echo ok
        else
          echo "failed: $(printf '%s\\n' "$reason" | head -n 1)"
        fi
      }
      remove() {
        for family in netdev inet arp; do
          printf 'add table %s %s\\ndelete table %s %s\\n' $family "$table" $family "$table"
        done | nft -f -
      }
      while IFS= read -r line; do
        case $line in
        transaction) transaction ;;
        remove)
          remove || exit
          while [ $# -gt 0 ]; do
            name=$(ip -o link show | sed -n "s/^$1: \\([^:@]*\\)[:@].*/\\1/p")
            [ -z "$name" ] || bridge fdb delete "$mac" dev "$name" "$2" 2>/dev/null
            shift 2
          done
          exit 0
          ;;
        esac
      done
      ip link show dev "$device" >/dev/null 2>&1 || remove
      """;

  private final String table;
  private final Process process;
  private final BufferedWriter input;
  private final BufferedReader output;

  private GuardKeeper(String table, Process process) {
    this.table = table;
    this.process = process;
    this.input = process.outputWriter(StandardCharsets.UTF_8);
    this.output = process.inputReader(StandardCharsets.UTF_8);
  }

  /**
   * Starts it, in a session of its own, so that Ctrl-C does not end it before the gateway.
   *
   * @param entries pairs of the index of a device and {@code self} or {@code master}: where the
   *     gateway's MAC address stands in a forwarding table, to be removed at the end
   */
  static GuardKeeper start(String table, String device, String mac, List<String> entries)
      throws IOException {
    var command = new ArrayList<>(List.of("setsid"));
    if (Privileges.isRoot()) {
      command.addAll(
          List.of(
              "setpriv",
              "--no-new-privs",
              "--bounding-set=-all,+net_admin",
              "--inh-caps=-all,+net_admin"));
    }
    command.addAll(List.of("sh", "-c", SCRIPT, "torvtl-guard", table, device, mac));
    command.addAll(entries);
    var builder = new ProcessBuilder(command).directory(new File("/")).redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return new GuardKeeper(table, builder.start());
  }

  /**
   * Has a transaction done.
   *
   * @param released indexes of ports that are gone, whose MAC addresses others may have now
   * @throws IOException with nft's own first line if it was refused
   */
  void apply(List<String> statements, List<Integer> released) throws IOException {
    input.write("transaction\n");
    for (var statement : statements) {
      input.write(statement + "\n");
    }
    for (int index : released) {
      input.write("release macs_" + index + "\n");
    }
    input.write(END + "\n");
    input.flush();
    var answer = output.readLine();
    if (answer == null) {
      throw new IOException("the process that keeps the packet filter has ended");
    }
    if (!answer.equals("ok")) {
      throw new IOException(answer);
    }
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
