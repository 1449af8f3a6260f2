/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.parts;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the benchmark of the engine measures is a transfer, with losses or without. */
class EnginePairTest {
  private static final int MIB = 1 << 20;

  @ParameterizedTest
  @CsvSource({"1448, 0", "1448, 100", "64000, 0", "64000, 100"})
  void allOfItArrives(int segmentBytes, int lossOneIn) {
    var data = Unpooled.directBuffer(MIB).writeZero(MIB);
    var pair = new EnginePair(segmentBytes, lossOneIn);
    for (int i = 1; i <= 5; i++) {
      assertThat(pair.transfer(data)).isEqualTo((long) i * MIB);
    }
    pair.close();
    assertThat(data.release()).isTrue();
  }
}
