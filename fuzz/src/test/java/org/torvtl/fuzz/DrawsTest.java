/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class DrawsTest {
  private static final String SEED = "torvtl.seed";

  /** Everything that can be drawn. */
  private static List<Object> all(Draws draw) {
    return List.of(
        draw.integer(),
        draw.integer(3, 1_000_000),
        draw.bool(),
        draw.list(0, 9, each -> Arrays.toString(each.bytes(0, 9))),
        draw.text("abc", 30),
        draw.random().nextLong());
  }

  @Test
  void aFailureNamesTheSeedThatRepeatsIt() {
    var runs = new ArrayList<List<Object>>();
    var failure =
        catchThrowableOfType(
            AssertionError.class,
            () ->
                Draws.repeat(
                    1000,
                    draw -> {
                      runs.add(all(draw));
                      assertThat(runs).hasSizeLessThan(20);
                    }));
    var named = Pattern.compile("-D" + SEED + "=(-?\\d+)").matcher(failure.getMessage());
    assertThat(named.find()).isTrue();
    System.setProperty(SEED, named.group(1));
    try {
      var again = new ArrayList<List<Object>>();
      Draws.repeat(1000, draw -> again.add(all(draw)));
      assertThat(again).containsExactly(runs.getLast());
    } finally {
      System.clearProperty(SEED);
    }
  }

  @Test
  void rangesAreKeptAndTheirEdgesAreDrawn() {
    var numbers = new HashSet<Integer>();
    var lengths = new HashSet<Integer>();
    Draws.repeat(
        1000,
        draw -> {
          numbers.add(draw.integer(-2, 1_000_000));
          lengths.add(draw.bytes(1, 70).length);
          assertThat(draw.text("xy", 5)).matches("[xy]{0,5}");
          assertThat(draw.list(2, 4, Draws::bool)).hasSizeBetween(2, 4);
        });
    assertThat(numbers)
        .contains(-2, 1_000_000)
        .allMatch(number -> number >= -2 && number <= 1_000_000);
    assertThat(lengths).contains(1, 70).allMatch(length -> length >= 1 && length <= 70);
  }
}
