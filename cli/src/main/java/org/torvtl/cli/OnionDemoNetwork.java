/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.torvtl.host.system.Command;

/**
 * A host with eth0 to eth3 and a world behind them, each a network namespace, and no way from
 * either to a real network.
 */
final class OnionDemoNetwork implements AutoCloseable {
  static final String HOST = "torvtl-onion-host", WORLD = "torvtl-onion-world";

  /** The host's address on eth0, and one of the world's. */
  static final String HOST_ADDRESS = "192.168.200.2", WORLD_ADDRESS = "128.30.2.155";

  static final int INTERFACES = 4;
  private static final Path NAMESPACES = Path.of("/run/netns");

  private boolean closed;

  /** Makes it; one that an earlier run left is replaced. Nothing, if it was closed meanwhile. */
  synchronized void make() throws IOException, InterruptedException {
    if (closed) {
      return;
    }
    remove();
    for (var name : List.of(HOST, WORLD)) {
      Command.run("ip", "netns", "add", name);
      ip(name, "link set lo up");
    }
    ip(WORLD, "addr add " + WORLD_ADDRESS + "/32 dev lo");
    for (int i = 0; i < INTERFACES; i++) {
      ip(HOST, "link add eth%d type veth peer name world%d netns %s".formatted(i, i, WORLD));
      ip(WORLD, "addr add 192.168.20%d.1/24 dev world%d".formatted(i, i));
      ip(WORLD, "link set world%d up".formatted(i));
      ip(HOST, "addr add 192.168.20%d.2/24 dev eth%d".formatted(i, i));
      ip(HOST, "link set eth%d up".formatted(i));
      ip(HOST, "route add default via 192.168.20%d.1 dev eth%d metric 10%d".formatted(i, i, i));
    }
  }

  private static void ip(String namespace, String command)
      throws IOException, InterruptedException {
    var words = new ArrayList<>(List.of("ip", "-n", namespace));
    words.addAll(List.of(command.split(" ", -1)));
    Command.run(words.toArray(String[]::new));
  }

  /**
   * The command line that runs a command in one of the namespaces, and ends it with the thread that
   * starts it.
   */
  static List<String> command(String namespace, List<String> command) {
    var line =
        new ArrayList<>(
            List.of("setpriv", "--pdeathsig", "TERM", "ip", "netns", "exec", namespace));
    line.addAll(command);
    return line;
  }

  private void remove() throws IOException, InterruptedException {
    for (var name : List.of(HOST, WORLD)) {
      if (Files.exists(NAMESPACES.resolve(name))) {
        Command.run("ip", "netns", "delete", name);
      }
    }
  }

  /** Removes it, also while it is being made: when that is done. */
  @Override
  public synchronized void close() throws IOException {
    closed = true;
    try {
      remove();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while removing the demonstration's namespaces", e);
    }
  }
}
