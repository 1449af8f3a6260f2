/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RankingTest {
  private final Ranking<Integer> ranking = new Ranking<>();

  @Test
  void nobodyHoldsMostOfNothing() {
    assertThat(ranking.largest()).isNull();
    ranking.add(1, 1);
    ranking.add(1, -1);
    assertThat(ranking.largest()).isNull();
    assertThatThrownBy(() -> ranking.add(1, -1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void ofEqualsTheOneThatHasHeldItLongestIsFirst() {
    ranking.add(1, 2);
    ranking.add(2, 1);
    ranking.add(3, 2);
    ranking.add(2, 1);
    assertThat(ranking.largest()).isEqualTo(1);
    ranking.add(1, 1);
    ranking.add(1, -1);
    assertThat(ranking.largest()).isEqualTo(3);
  }

  @Test
  void knowsTheLargestWhateverWasAddedAndTaken() {
    var random = new Random(42);
    var model = new int[20];
    for (int i = 0; i < 10_000; i++) {
      int owner = random.nextInt(model.length);
      int change = random.nextInt(7) - 3;
      if (model[owner] + change >= 0) {
        model[owner] += change;
        ranking.add(owner, change);
      }
      int most = Arrays.stream(model).max().orElseThrow();
      var largest = ranking.largest();
      assertThat(largest == null ? 0 : model[largest]).isEqualTo(most);
      assertThat(ranking.amount(owner)).isEqualTo(model[owner]);
    }
  }
}
