/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Counters as a table: a line for each that is not zero, and each part of the gateway together. */
final class CounterTable {
  private CounterTable() {}

  /**
   * The lines, without ends: names to the left, numbers to the right, an empty line between groups.
   *
   * @param counters by name; what is before the first dot is the group
   */
  static List<String> lines(Map<String, Long> counters) {
    var groups = new LinkedHashMap<String, Map<String, Long>>();
    counters.forEach((name, count) -> {
      if (count != 0) {
        groups.computeIfAbsent(group(name), anew -> new LinkedHashMap<>()).put(name, count);
      }
    });
    int nameWidth = longest(counters.keySet());
    int countWidth = longest(counters.values());
    var lines = new ArrayList<String>();
    for (var group : groups.values()) {
      if (!lines.isEmpty()) {
        lines.add("");
      }
      group.forEach((name, count) ->
          lines.add(
              "  " + name + " ".repeat(nameWidth - name.length()) + padded(count, countWidth)));
    }
    return lines.isEmpty() ? List.of("  (all are zero)") : lines;
  }

  private static String padded(long count, int width) {
    var text = Long.toString(count);
    return "  " + " ".repeat(width - text.length()) + text;
  }

  private static int longest(Collection<?> values) {
    return values.stream().mapToInt(value -> value.toString().length()).max().orElse(0);
  }

  private static String group(String name) {
    int dot = name.indexOf('.');
    return (dot < 0 ? name : name.substring(0, dot)).replaceFirst("^lane\\d+$", "lane");
  }
}
