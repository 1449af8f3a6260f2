/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tor.lab;

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

  /** How many relays' descriptors a document of descriptors holds. */
  static long descriptors(String document) {
    return document.lines().filter(line -> line.startsWith("router ")).count();
  }
}
