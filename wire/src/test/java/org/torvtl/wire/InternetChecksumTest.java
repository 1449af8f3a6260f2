/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class InternetChecksumTest {
  /** The worked example of RFC 1071, section 3. */
  @Test
  void sumsTheExampleOfTheRfc() {
    var data =
        Unpooled.wrappedBuffer(
            new byte[] {0, 1, (byte) 0xf2, 3, (byte) 0xf4, (byte) 0xf5, (byte) 0xf6, (byte) 0xf7});
    assertThat(InternetChecksum.fold(InternetChecksum.sum(data, 0, 8))).isEqualTo(~0xddf2 & 0xFFFF);
  }

  @Property
  void equalsTheDefinitionWordByWord(@ForAll @Size(max = 200) byte[] data) {
    int expected = 0;
    for (int i = 0; i < data.length; i += 2) {
      expected += (data[i] & 0xFF) << 8 | (i + 1 < data.length ? data[i + 1] & 0xFF : 0);
      expected = (expected & 0xFFFF) + (expected >>> 16);
    }
    assertThat(
            InternetChecksum.fold(
                InternetChecksum.sum(Unpooled.wrappedBuffer(data), 0, data.length)))
        .isEqualTo(~expected & 0xFFFF);
  }
}
