/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.lab;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What a network status says about relays. Tor's directory specification, section 3.4.1. */
final class Consensus {
  private Consensus() {}

  /** The flags of each relay, by nickname. */
  static Map<String, Set<String>> flags(String networkStatus) {
    var flags = new LinkedHashMap<String, Set<String>>();
    String nickname = "";
    for (var line : networkStatus.split("\n", -1)) {
      String[] words = line.split(" ", -1);
      if (words[0].equals("r") && words.length > 1) {
        nickname = words[1];
        flags.put(nickname, new TreeSet<>());
      } else if (words[0].equals("s")) {
        flags
            .computeIfAbsent(nickname, name -> new TreeSet<>())
            .addAll(Arrays.asList(words).subList(1, words.length));
      }
    }
    return flags;
  }

  /**
   * The identity fingerprints in a document of relays' descriptors, 40 hexadecimal digits each.
   * Section 2.1.1.
   */
  static Set<String> fingerprints(String descriptors) {
    var found = new TreeSet<String>();
    for (var line : descriptors.split("\n", -1)) {
      if (line.startsWith("fingerprint ")) {
        found.add(line.substring("fingerprint ".length()).replace(" ", ""));
      }
    }
    return found;
  }
}
