/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.torvtl.link.guard.Segment.Port;

/**
 * The gateway's MAC address in the forwarding table of a bridge, so that frames for it are not sent
 * out of every port. The bridge cannot learn it: what a packet socket sends enters by no port.
 * bridge(8).
 */
final class ForwardingEntries {
  private static final String SELF = "self", MASTER = "master";

  private ForwardingEntries() {}

  /**
   * An entry.
   *
   * @param device which it is for
   * @param table where it stands: {@code self} for the device's own, {@code master} for that of the
   *     bridge it is a port of
   */
  private record Entry(Port device, String table) {}

  private static List<Entry> entries(Segment segment) {
    var entries = new ArrayList<Entry>();
    if (!segment.bridges().isEmpty()) {
      segment.sending().forEach(port -> entries.add(new Entry(port, MASTER)));
      segment.deaf().forEach(port -> entries.add(new Entry(port, MASTER)));
    }
    if (entries.isEmpty()) {
      segment.bridges().forEach(bridge -> entries.add(new Entry(bridge, SELF)));
    }
    return entries;
  }

  /**
   * Where they are: pairs of the index of a device, whatever name it gets, and {@code self} or
   * {@code master}.
   */
  static List<String> of(Segment segment) {
    return entries(segment).stream()
        .flatMap(entry -> Stream.of(Integer.toString(entry.device.index()), entry.table))
        .toList();
  }

  /** Adds them; a sticky one is not moved by a frame with that address from another port. */
  static void add(Segment segment, String mac) throws IOException {
    for (var entry : entries(segment)) {
      var command =
          new ArrayList<>(List.of("bridge", "fdb", "replace", mac, "dev", entry.device.name()));
      command.addAll(
          entry.table.equals(SELF)
              ? List.of(SELF, "permanent")
              : List.of(MASTER, "static", "sticky"));
      run(command);
    }
  }

  private static void run(List<String> command) throws IOException {
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    try {
      if (process.waitFor() != 0) {
        throw new IOException("'%s' failed: %s".formatted(String.join(" ", command), output));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted in " + String.join(" ", command), e);
    }
  }
}
