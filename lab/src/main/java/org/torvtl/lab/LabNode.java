/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One tor of a lab.
 *
 * @param nickname its name in the consensus
 * @param role what it is there for
 * @param address what it listens on and sends from
 */
public record LabNode(String nickname, Role role, String address) {
  /** What a node does. */
  public enum Role {
    /** Votes on the consensus; relays too. */
    AUTHORITY,
    /** Relays, as guard, middle and exit. */
    RELAY,
    /** Has the SOCKS port; in the namespace of who started the lab. */
    CLIENT
  }

  static final String CLIENT_NAME = "client";
  static final int OR_PORT = 9001, DIR_PORT = 9030;

  /** The authorities and relays of a lab, in the order of their addresses. */
  static List<LabNode> all(LabOptions options, LabSubnet subnet) {
    var nodes = new ArrayList<LabNode>();
    for (int i = 0; i < options.authorities() + options.relays(); i++) {
      boolean authority = i < options.authorities();
      nodes.add(
          new LabNode(
              authority ? "auth" + (i + 1) : "relay" + (i + 1 - options.authorities()),
              authority ? Role.AUTHORITY : Role.RELAY,
              subnet.address(LabSubnet.FIRST_NODE + i)));
    }
    return nodes;
  }

  static LabNode client() {
    return new LabNode(CLIENT_NAME, Role.CLIENT, "127.0.0.1");
  }

  Path directory(Path lab) {
    return lab.resolve("nodes").resolve(nickname);
  }

  Path torrc(Path lab) {
    return directory(lab).resolve("torrc");
  }

  Path log(Path lab) {
    return directory(lab).resolve("log");
  }

  /** What tor says before it has read where its log goes. */
  Path output(Path lab) {
    return directory(lab).resolve("output");
  }
}
