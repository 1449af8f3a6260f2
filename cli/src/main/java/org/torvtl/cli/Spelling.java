/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/** What a word that is not known may have been meant to be. */
final class Spelling {
  private static final int MOST_EDITS = 2;

  private Spelling() {}

  /** The known words that begin with it, or that two changes of a letter make of it; sorted. */
  static List<String> alike(String word, Collection<String> known) {
    return known.stream()
        .filter(each -> each.startsWith(word) || distance(word, each) <= mostEdits(each))
        .sorted()
        .toList();
  }

  /** Every option of one letter is like every other. */
  private static int mostEdits(String known) {
    int letters = known.replaceFirst("^-+", "").length();
    return Math.min(MOST_EDITS, letters - 1);
  }

  /** Letters to be inserted, removed or changed: the edit distance of Levenshtein. */
  static int distance(String from, String to) {
    int[] row = new int[to.length() + 1];
    Arrays.setAll(row, i -> i);
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int changed = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, 1 + Math.min(row[j - 1], diagonal));
      }
    }
    return row[to.length()];
  }
}
