/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.link.guard.Segment.Port;

/**
 * The gateway's MAC address in the forwarding table of a bridge, so that frames for it are not sent
 * out of every port. The bridge cannot learn it: what a packet socket sends enters by no port.
 * bridge(8).
 */
final class ForwardingEntries {
  private static final String SELF = "self", MASTER = "master";

  private ForwardingEntries() {}

  /** Pairs of a device and the table its entry stands in: {@code self} or {@code master}. */
  static List<String> of(Segment segment) {
    var entries = new ArrayList<String>();
    if (!segment.bridges().isEmpty()) {
      segment.sending().forEach(port -> entries.addAll(List.of(port.name(), MASTER)));
      segment.deaf().forEach(port -> entries.addAll(List.of(port.name(), MASTER)));
    }
    if (entries.isEmpty()) {
      for (Port bridge : segment.bridges()) {
        entries.addAll(List.of(bridge.name(), SELF));
      }
    }
    return entries;
  }

  /** Adds them; a sticky one is not moved by a frame with that address from another port. */
  static void add(Segment segment, String mac) throws IOException {
    var entries = of(segment);
    for (int i = 0; i < entries.size(); i += 2) {
      var command =
          new ArrayList<>(List.of("bridge", "fdb", "replace", mac, "dev", entries.get(i)));
      command.addAll(
          entries.get(i + 1).equals(SELF)
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
