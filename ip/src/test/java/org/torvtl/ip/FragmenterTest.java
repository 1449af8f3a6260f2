/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.ip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import org.junit.jupiter.api.Test;
import org.torvtl.fuzz.Draws;
import org.torvtl.wire.Ipv4Packet;

class FragmenterTest {
  private record Part(int offset, int length, boolean more) {}

  @Test
  void thePartsAreTheWholeAndEachFits() {
    Draws.repeat(
        1000,
        draw -> {
          int length = draw.integer(1, Ipv4Packet.MAX_LENGTH - Ipv4Packet.HEADER_LENGTH);
          int mtu = draw.integer(68, 65_535);
          var parts = new ArrayList<Part>();
          assertThat(
                  Fragmenter.cut(
                      length, mtu, (offset, part, more) -> parts.add(new Part(offset, part, more))))
              .isTrue();
          int end = 0;
          for (var part : parts) {
            assertThat(part.offset).isEqualTo(end).matches(offset -> offset % 8 == 0);
            assertThat(part.length).isBetween(1, mtu - Ipv4Packet.HEADER_LENGTH);
            end += part.length;
            assertThat(part.more).isEqualTo(end < length);
          }
          assertThat(end).isEqualTo(length);
        });
  }

  @Test
  void nothingIsOfferedBehindWhatWasNotTaken() {
    var offered = new ArrayList<Integer>();
    assertThat(
            Fragmenter.cut(
                4000,
                1500,
                (offset, length, more) -> {
                  offered.add(offset);
                  return offset == 0;
                }))
        .isFalse();
    assertThat(offered).containsExactly(0, 1480);
  }
}
