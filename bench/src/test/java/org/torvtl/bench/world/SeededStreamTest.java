/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.bench.world;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SeededStreamTest {
  private static final int LENGTH = 10 << 20;

  /** All of a stream, taken in steps of random length. */
  private static byte[] read(long seed, int length, long stepSeed) {
    var random = new SplittableRandom(stepSeed);
    var stream = new SeededStream(seed, length);
    var bytes = new byte[length];
    for (var next = stream.next(); next.byteSize() > 0; next = stream.next()) {
      int n = 1 + random.nextInt((int) next.byteSize());
      next.asSlice(0, n).asByteBuffer().get(bytes, (int) stream.position(), n);
      stream.advance(n);
    }
    assertThat(stream.position()).isEqualTo(length);
    return bytes;
  }

  @Test
  void isTheSameWhateverTheSteps() {
    assertThat(read(7, LENGTH, 1)).isEqualTo(read(7, LENGTH, 2));
  }

  @Test
  void isAnotherForAnotherSeed() {
    assertThat(read(7, 1000, 1)).isNotEqualTo(read(8, 1000, 1));
  }

  /** The random bytes come around after 4 MiB, the numbers do not. */
  @Test
  void noTwoChunksAreTheSame() {
    var bytes = read(7, LENGTH, 1);
    int around = 4 << 20;
    var first = Arrays.copyOfRange(bytes, 0, 64 << 10);
    var again = Arrays.copyOfRange(bytes, around, around + (64 << 10));
    assertThat(again).isNotEqualTo(first);
    assertThat(Arrays.copyOfRange(again, 8, again.length))
        .isEqualTo(Arrays.copyOfRange(first, 8, first.length));
  }

  @Test
  void endsWithinAChunk() {
    assertThat(read(7, 100_001, 3)).hasSize(100_001);
    assertThat(new SeededStream(7, 5).next().toArray(ValueLayout.JAVA_BYTE)).hasSize(5);
  }
}
