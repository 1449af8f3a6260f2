/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.host.filter;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.torvtl.wire.Ipv4Network;

class CoveredDestinationsTest {
  private static CoveredDestinations covered(String... networks) {
    return CoveredDestinations.of(Stream.of(networks).map(Ipv4Network::parse).toList());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "203.0.113.80",
        "::203.0.113.80",
        "64:ff9b::203.0.113.80",
        "64:ff9b:1:cb00:71:5000::",
        "64:ff9b:1:ffff::203.0.113.80",
        "2002:cb00:71ff::1",
        "2001:0:cb00:7150:8000:1:2:3",
        "2001:0:102:304:0:0:34ff:8eaf",
        "2001:db8::5efe:203.0.113.80",
        "fe80::200:5efe:203.0.113.80"
      })
  void everyAddressThatLeadsThereIsCovered(String address) throws Exception {
    assertThat(covered("203.0.113.0/24").contain(InetAddress.getByName(address))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "203.0.112.80",
        "2001:db8::1",
        "64:ff9b::203.0.112.80",
        "2002:cb00:7250::1",
        "2001:0:102:304:0:0:34ff:8dff",
        "2001:1:cb00:7150::",
        "2001:db8::cb00:7150",
        "fe80::1"
      })
  void noOtherIs(String address) throws Exception {
    assertThat(covered("203.0.113.0/24").contain(InetAddress.getByName(address))).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0.0.0.0/0 | true",
        "0.0.0.0/1 | true",
        "0.0.0.0/2,128.0.0.0/2 | true",
        "0.0.0.0/2,0.0.0.0/3,10.0.0.0/8 | false",
        "0.0.0.0/2,64.0.0.0/3 | false",
        "8.0.0.0/7,11.0.0.0/8,12.0.0.0/6,16.0.0.0/4,32.0.0.0/3,64.0.0.0/2,128.0.0.0/3 | true"
      })
  void halfOfIpv4CoversAllOfIpv6(String networks, boolean all) throws Exception {
    var destinations = covered(networks.split(",", -1));
    assertThat(destinations.coverIpv6()).isEqualTo(all);
    assertThat(destinations.contain(InetAddress.getByName("2606:4700::1"))).isEqualTo(all);
  }

  @Test
  void aNetworkWithinAnotherIsLeftOut() {
    assertThat(covered("10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8").networks())
        .isEqualTo(List.of(Ipv4Network.parse("10.0.0.0/8"), Ipv4Network.parse("11.0.0.0/8")));
  }

  /** As ip and nft take them. */
  @Test
  void patternsAreWrittenAsPrefixesOrMasks() {
    var patterns = covered("203.0.113.0/24").ipv6();
    assertThat(patterns.stream().filter(Ipv6Pattern::isPrefix).map(Ipv6Pattern::prefix))
        .containsExactly(
            "0:0:0:0:0:0:cb00:7100/120",
            "0:0:0:0:0:ffff:cb00:7100/120",
            "64:ff9b:0:0:0:0:cb00:7100/120",
            "64:ff9b:1:0:0:0:0:0/48",
            "2002:cb00:7100:0:0:0:0:0/40",
            "2001:0:cb00:7100:0:0:0:0/56");
    assertThat(
            patterns.stream()
                .filter(pattern -> !pattern.isPrefix())
                .map(pattern -> pattern.mask() + " " + pattern.value()))
        .containsExactly(
            "ffff:ffff:0:0:0:0:ffff:ff00 2001:0:0:0:0:0:34ff:8e00",
            "0:0:0:0:fdff:ffff:ffff:ff00 0:0:0:0:0:5efe:cb00:7100");
  }
}
