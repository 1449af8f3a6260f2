/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;

class InternetChecksumTest {
  /** The worked example of RFC 1071, section 3. */
  @Test
  void sumsTheExampleOfTheRfc() {
    var data =
        Unpooled.wrappedBuffer(
            new byte[] {0, 1, (byte) 0xf2, 3, (byte) 0xf4, (byte) 0xf5, (byte) 0xf6, (byte) 0xf7});
    assertThat(InternetChecksum.fold(InternetChecksum.sum(data, 0, 8))).isEqualTo(~0xddf2 & 0xFFFF);
  }

  @Test
  void equalsTheDefinitionWordByWord() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(0, 200);
          int expected = 0;
          for (int i = 0; i < data.length; i += 2) {
            expected += (data[i] & 0xFF) << 8 | (i + 1 < data.length ? data[i + 1] & 0xFF : 0);
            expected = (expected & 0xFFFF) + (expected >>> 16);
          }
          assertThat(
                  InternetChecksum.fold(
                      InternetChecksum.sum(Unpooled.wrappedBuffer(data), 0, data.length)))
              .isEqualTo(~expected & 0xFFFF);
        });
  }

  @Test
  void replacingAPartIsAsGoodAsSummingAgain() {
    Draws.repeat(
        1000,
        draw -> {
          byte[] data = draw.bytes(2, 100);
          int random = draw.integer();
          short value = (short) draw.integer();
          var buf = Unpooled.wrappedBuffer(data);
          int at = Math.floorMod(random, data.length / 2) * 2;
          int before = InternetChecksum.fold(InternetChecksum.sum(buf, 0, data.length));
          int removed = buf.getUnsignedShort(at);
          buf.setShort(at, value);
          int after = InternetChecksum.fold(InternetChecksum.sum(buf, 0, data.length));
          int replaced = InternetChecksum.replace(before, removed, value & 0xFFFF);
          // One's complement has two zeros; a sum of nothing but zeros is the only one that is the
          // other.
          assertThat(replaced).isIn(after, after == 0xFFFF ? 0 : after);
        });
  }
}
