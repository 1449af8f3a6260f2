/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.link.guard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class GuestAddressesTest {
  private final GuestAddresses addresses = new GuestAddresses();

  @Test
  void aPortThatIsThereLosesNone() {
    addresses.read(Map.of(4, Set.of(1L, 2L), 5, Set.of(3L)));
    addresses.read(Map.of(5, Set.of(1L, 4L)));
    assertThat(addresses.byPort())
        .containsEntry(4, Set.of(1L, 2L))
        .containsEntry(5, Set.of(3L, 4L));
  }

  @Test
  void whoLeavesIsToldOfAfterItIsForgotten() {
    addresses.read(Map.of(4, Set.of(1L, 2L), 5, Set.of(3L)));
    var before = addresses.lastDeparture();
    var told = new int[1];
    Runnable listener =
        () -> {
          told[0]++;
          assertThat(addresses.byPort()).containsOnlyKeys(5);
        };
    addresses.onDeparture(listener);
    addresses.depart(port -> port == 4);
    addresses.depart(port -> port == 4);
    assertThat(told[0]).isEqualTo(1);
    assertThat(before.next()).isSameAs(addresses.lastDeparture());
    assertThat(addresses.lastDeparture().macs).containsExactlyInAnyOrder(1L, 2L);
    addresses.noLonger(listener);
    addresses.depart(port -> true);
    assertThat(told[0]).isEqualTo(1);
    // One that comes then takes what is free.
    addresses.read(Map.of(6, Set.of(1L)));
    assertThat(addresses.byPort()).containsExactly(Map.entry(6, Set.of(1L)));
  }
}
