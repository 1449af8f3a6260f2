/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class IsnGeneratorTest {
  private static final byte[] SECRET = new byte[IsnGenerator.SECRET_LENGTH];

  static {
    for (int i = 0; i < SECRET.length; i++) {
      SECRET[i] = (byte) i;
    }
  }

  @Test
  void growsWithTimeForTheSamePair() {
    var generator = new IsnGenerator(SECRET);
    var first = generator.next(7, 1, 80, 2, 40_000, 1_000_000_000);
    var later = generator.next(7, 1, 80, 2, 40_000, 2_000_000_000);
    assertThat(later.sequence() - first.sequence()).isEqualTo(250_000);
    assertThat(later.timestampOffset()).isEqualTo(first.timestampOffset());
  }

  @Test
  void dependsOnEveryPartOfThePairAndOnTheSecret() {
    var generator = new IsnGenerator(SECRET);
    var other = SECRET.clone();
    other[15] ^= 1;
    var numbers = generator.next(7, 1, 80, 2, 40_000, 0);
    assertThat(generator.next(7, 3, 80, 2, 40_000, 0)).isNotEqualTo(numbers);
    assertThat(generator.next(8, 1, 80, 2, 40_000, 0)).isNotEqualTo(numbers);
    assertThat(generator.next(7, 1, 81, 2, 40_000, 0)).isNotEqualTo(numbers);
    assertThat(generator.next(7, 1, 80, 3, 40_000, 0)).isNotEqualTo(numbers);
    assertThat(generator.next(7, 1, 80, 2, 40_001, 0)).isNotEqualTo(numbers);
    assertThat(new IsnGenerator(other).next(7, 1, 80, 2, 40_000, 0)).isNotEqualTo(numbers);
  }

  @Test
  void demandsASecretOfTheRightLength() {
    assertThatThrownBy(() -> new IsnGenerator(new byte[15]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
