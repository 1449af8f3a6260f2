/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpellingTest {
  private static final List<String> KNOWN =
      List.of("-d", "-p", "--device", "--force", "--proxy-port", "--proxy-address", "up", "status");

  @ParameterizedTest
  @CsvSource({
    "--devise, --device",
    "--prox, --proxy-address --proxy-port",
    "upp, up",
    "sttaus, status",
    "--foo, ''",
    "-x, ''",
    "run, ''"
  })
  void namesWhatIsMeant(String word, String meant) {
    assertThat(Spelling.alike(word, KNOWN))
        .isEqualTo(Arrays.stream(meant.split(" ", -1)).filter(each -> !each.isEmpty()).toList());
  }

  @ParameterizedTest
  @CsvSource({"abc, abc, 0", "abc, ac, 1", "abc, '', 3", "abc, acb, 2", "kitten, sitting, 3"})
  void countsEdits(String from, String to, int edits) {
    assertThat(Spelling.distance(from, to)).isEqualTo(edits);
    assertThat(Spelling.distance(to, from)).isEqualTo(edits);
  }
}
