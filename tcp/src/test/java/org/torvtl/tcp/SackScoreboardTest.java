/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SackScoreboardTest {
  private static final int SPACE = 200;

  /** Against a model that keeps one bit for each byte. */
  @Test
  void agreesWithAModelThatCountsBytes() {
    var random = new SplittableRandom(1);
    for (int run = 0; run < 500; run++) {
      var board = new SackScoreboard();
      var model = new BitSet();
      int base = 0;
      for (int step = 0; step < 30; step++) {
        int left = base + random.nextInt(SPACE - base - 1);
        int right = left + 1 + random.nextInt(Math.min(20, SPACE - left));
        int before = model.cardinality();
        model.set(left, right);
        assertThat(board.add(left, right)).isEqualTo(model.cardinality() - before);
        if (random.nextInt(8) == 0) {
          base = Math.min(SPACE - 30, base + random.nextInt(20));
          model.clear(0, base);
          board.removeBefore(base);
        }
        check(board, model, random);
      }
    }
  }

  private static void check(SackScoreboard board, BitSet model, SplittableRandom random) {
    int from = random.nextInt(SPACE);
    int to = from + random.nextInt(SPACE);
    int next = model.nextSetBit(from);
    assertThat(board.isEmpty()).isEqualTo(model.isEmpty());
    assertThat(board.contains(from)).isEqualTo(model.get(from));
    assertThat(board.firstHole(from)).isEqualTo(model.nextClearBit(from));
    assertThat(board.firstReported(from, SPACE)).isEqualTo(next < 0 ? SPACE : next);
    assertThat(board.missing(from, to)).isEqualTo(to - from - model.get(from, to).cardinality());
    if (!model.isEmpty()) {
      assertThat(board.highest()).isEqualTo(model.length());
    }
    assertThat(board.lostBelow(10, -1)).isEqualTo(lostBelow(model, 10));
  }

  /** IsLost as RFC 6675, section 4 words it, for one byte after the other from the top. */
  private static long lostBelow(BitSet model, int segmentSize) {
    for (int at = model.length(); at >= 0; at--) {
      var above = model.get(at, SPACE + 1);
      int runs = 0;
      for (int i = above.nextSetBit(0); i >= 0; i = above.nextSetBit(above.nextClearBit(i))) {
        runs++;
      }
      boolean startsRun = model.get(at) && (at == 0 || !model.get(at - 1));
      if (startsRun && (runs >= 3 || above.cardinality() > 2 * segmentSize)) {
        return at;
      }
    }
    return -1;
  }

  @Test
  void theNumberOfRangesIsBounded() {
    var board = new SackScoreboard();
    for (int i = 0; i < SackScoreboard.MAX_RANGES; i++) {
      assertThat(board.add(10 * i, 10 * i + 5)).isEqualTo(5);
    }
    assertThat(board.add(1_000_000, 1_000_005)).isEqualTo(-1);
    assertThat(board.add(5, 10)).isEqualTo(5);
    assertThat(board.add(1_000_000, 1_000_005)).isEqualTo(5);
  }
}
