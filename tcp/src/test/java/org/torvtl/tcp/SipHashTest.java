/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SipHashTest {
  private static final byte[] KEY = new byte[SipHash.KEY_LENGTH];

  static {
    for (int i = 0; i < KEY.length; i++) {
      KEY[i] = (byte) i;
    }
  }

  /** The published vectors for the first bytes of 00, 01, 02 ... under the key 00 to 0f. */
  @Test
  void hashesAsPublished() {
    var hash = new SipHash(KEY);
    assertThat(hash.of()).isEqualTo(0x726fdb47dd0e0e31L);
    assertThat(hash.of(0x0706050403020100L)).isEqualTo(0x93f5f5799a932462L);
    assertThat(hash.of(0x0706050403020100L, 0x0f0e0d0c0b0a0908L)).isEqualTo(0x3f2acc7f57c29bdbL);
    assertThat(hash.of(0x0706050403020100L, 0x0f0e0d0c0b0a0908L, 0x1716151413121110L))
        .isEqualTo(0xb8ad50c6f649af94L);
  }

  @Test
  void demandsAKeyOfTheRightLength() {
    assertThatThrownBy(() -> new SipHash(new byte[15]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
