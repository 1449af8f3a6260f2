/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What kind of private network.
 *
 * @param name names the namespace and the directory; letters, digits, {@code -}, {@code _}; at most
 *     32
 * @param authorities how many directory authorities, which relay too; at least 3
 * @param relays how many more relays; all nodes are exits
 * @param socksPort the client's SOCKS port on 127.0.0.1; 0 for any
 * @param controlPort the client's control port on 127.0.0.1; 0 for any
 * @param detached whether it outlives the process that starts it
 * @param base where its directory is made
 * @param deadline how long the start may take
 */
public record LabOptions(
    String name,
    int authorities,
    int relays,
    int socksPort,
    int controlPort,
    boolean detached,
    Path base,
    Duration deadline) {
  /** Where labs are, unless said otherwise. */
  public static final Path DEFAULT_BASE = Path.of("/run/torvtl");

  /** Authorities and relays together. */
  public static final int MOST_NODES = LabSubnet.MOST_NODES;

  /** Checks what can be checked without looking at the system. */
  public LabOptions {
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9_-]{0,31}")) {
      throw new IllegalArgumentException(
          "not a lab's name: '" + name + "' (letters, digits, - and _, at most 32)");
    }
    if (authorities < 3 || relays < 0 || authorities + relays > LabSubnet.MOST_NODES) {
      throw new IllegalArgumentException(
          "a lab has at least 3 authorities and at most " + LabSubnet.MOST_NODES + " nodes");
    }
  }

  /**
   * A lab with this name and the usual values: 3 authorities, 4 relays, SOCKS 19050, control 19051,
   * not detached, one minute.
   */
  public static LabOptions named(String name) {
    return new LabOptions(name, 3, 4, 19050, 19051, false, DEFAULT_BASE, Duration.ofMinutes(1));
  }

  /** The same with other ports; 0 for any. */
  public LabOptions withPorts(int socks, int control) {
    return new LabOptions(name, authorities, relays, socks, control, detached, base, deadline);
  }

  /** The same with another number of nodes. */
  public LabOptions withNodes(int authorityCount, int relayCount) {
    return new LabOptions(
        name, authorityCount, relayCount, socksPort, controlPort, detached, base, deadline);
  }

  /** The same, to outlive the process that starts it. */
  public LabOptions asDetached() {
    return new LabOptions(name, authorities, relays, socksPort, controlPort, true, base, deadline);
  }

  /** The same with its directory elsewhere. */
  public LabOptions withBase(Path newBase) {
    return new LabOptions(
        name, authorities, relays, socksPort, controlPort, detached, newBase, deadline);
  }

  Path directory() {
    return directory(base, name);
  }

  static Path directory(Path base, String name) {
    return base.resolve("lab-" + name);
  }
}
