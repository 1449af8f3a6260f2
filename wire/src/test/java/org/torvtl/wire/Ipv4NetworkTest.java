/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.fuzz.Draws;

class Ipv4NetworkTest {
  @ParameterizedTest
  @CsvSource({
    "10.5.51.2/24, 10.5.51.0, 10.5.51.255",
    "18/8, 18.0.0.0, 18.255.255.255",
    "172.16/12, 172.16.0.0, 172.31.255.255",
    "192.0.2.7, 192.0.2.7, 192.0.2.7",
    "0.0.0.0/0, 0.0.0.0, 255.255.255.255"
  })
  void readsARange(String text, String first, String last) {
    var network = Ipv4Network.parse(text);
    assertThat(Ipv4Address.toString(network.first())).isEqualTo(first);
    assertThat(Ipv4Address.toString(network.last())).isEqualTo(last);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/8", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/x", "1.2.3.4.5/8", "a/8"})
  void refusesWhatIsNoRange(String text) {
    assertThatThrownBy(() -> Ipv4Network.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void containsWhatLiesBetweenFirstAndLast() {
    Draws.repeat(
        1000,
        draw -> {
          int address = draw.integer();
          int other = draw.integer();
          int prefixLength = draw.integer(0, 32);
          var network = new Ipv4Network(address, prefixLength);
          assertThat(network.contains(other))
              .isEqualTo(
                  Integer.compareUnsigned(network.first(), other) <= 0
                      && Integer.compareUnsigned(other, network.last()) <= 0);
          assertThat(Ipv4Network.parse(network.toString())).isEqualTo(network);
        });
  }

  @Test
  void isWrittenAsRead() {
    assertThat(Ipv4Network.parse("18/8")).hasToString("18.0.0.0/8");
    assertThat(Ipv4Network.parse("10.5.51.2/24").range()).hasToString("10.5.51.0/24");
  }
}
