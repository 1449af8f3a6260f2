/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.stack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NeighborCacheTest {
  private static final long GUEST = 0x02_00_00_00_00_02L, FORGER = 0x02_00_00_00_00_66L;
  private static final int ADDRESS = 0x0A000002, FORGED = 0x0B000000;

  private final NeighborCache neighbors = new NeighborCache();
  private long now = Long.MAX_VALUE;

  private void forge(int count, long owner) {
    for (int i = 0; i < count; i++) {
      neighbors.learn(FORGED + i, FORGER + i, owner, now++);
    }
  }

  private boolean claims(long guest) {
    return neighbors.learn(ADDRESS, guest, guest, now);
  }

  @Test
  void theFirstClaimHoldsUntilItsGuestIsSilent() {
    assertThat(claims(GUEST)).isTrue();
    now += NeighborCache.LIFETIME_NANOS - 1;
    assertThat(claims(FORGER)).isFalse();
    assertThat(neighbors.at(ADDRESS, now)).isEqualTo(GUEST);
    assertThat(claims(GUEST)).isTrue();
    now += NeighborCache.LIFETIME_NANOS;
    assertThat(neighbors.at(ADDRESS, now)).isNull();
    assertThat(claims(FORGER)).isTrue();
    assertThat(claims(GUEST)).isFalse();
    assertThat(neighbors.at(ADDRESS, now)).isEqualTo(FORGER);
  }

  @Test
  void whatAnotherGuestWasAnsweredForIsNotGivenAway() {
    neighbors.answered(ADDRESS, GUEST, GUEST, now);
    // The forger's own question gives it nothing.
    neighbors.answered(ADDRESS, FORGER, FORGER, now);
    assertThat(claims(FORGER)).isFalse();
    assertThat(neighbors.at(ADDRESS, now)).isNull();
    now += NeighborCache.LIFETIME_NANOS - 1;
    assertThat(claims(FORGER)).isFalse();
    now++;
    assertThat(claims(FORGER)).isTrue();
  }

  @Test
  void whatOnlyItsOwnerWasAnsweredForIsItsToClaim() {
    neighbors.answered(ADDRESS, GUEST, GUEST, now);
    assertThat(claims(GUEST)).isTrue();
  }

  /** A neighbor asked for it while it was silent, and is answered; it has it back all the same. */
  @Test
  void aGuestThatWasSilentHasItsAddressBack() {
    claims(GUEST);
    now += NeighborCache.LIFETIME_NANOS;
    neighbors.answered(ADDRESS, FORGER, FORGER, now);
    assertThat(claims(GUEST)).isTrue();
    assertThat(neighbors.at(ADDRESS, now)).isEqualTo(GUEST);
  }

  /** Another guest's answers are kept, whatever a forger asks for, itself or as many. */
  @Test
  void questionsForManyAddressesDisplaceTheirOwn() {
    for (int i = 0; i < 20; i++) {
      neighbors.answered(ADDRESS + i, GUEST + i, GUEST + i, now);
    }
    for (int i = 0; i < 5 * NeighborCache.CAPACITY; i++) {
      neighbors.answered(FORGED + i, FORGER, FORGER, now);
      neighbors.answered(ADDRESS, FORGER + i, FORGER, now++);
    }
    for (int i = 0; i < 20; i++) {
      assertThat(neighbors.learn(ADDRESS + i, FORGER, FORGER, now)).as("claim %d", i).isFalse();
    }
    assertThat(neighbors.learn(FORGED, GUEST, GUEST, now)).as("displaced").isTrue();
  }

  @Test
  void oneThatClaimsManyAddressesLosesItsOwn() {
    for (int i = 0; i < 20; i++) {
      neighbors.learn(ADDRESS + i, GUEST + i, GUEST + i, now);
    }
    forge(5 * NeighborCache.CAPACITY, FORGER);
    for (int i = 0; i < 20; i++) {
      assertThat(neighbors.at(ADDRESS + i, now)).isEqualTo(GUEST + i);
    }
    assertThat(neighbors.at(FORGED, now)).isNull();
    assertThat(neighbors.at(FORGED + 5 * NeighborCache.CAPACITY - 1, now)).isNotNull();
  }

  @Test
  void oneThatComesLaterGetsIn() {
    forge(NeighborCache.CAPACITY, FORGER);
    neighbors.learn(ADDRESS, GUEST, GUEST, now);
    forge(NeighborCache.CAPACITY, FORGER);
    assertThat(neighbors.at(ADDRESS, now)).isEqualTo(GUEST);
  }

  /** Against a map without a bound, while owners stay below their shares. */
  @Test
  void keepsWhatIsWithinTheShare() {
    var random = new SplittableRandom(4711);
    Map<Integer, Long> claims = new HashMap<>();
    for (int i = 0; i < 100_000; i++) {
      int address = ADDRESS + random.nextInt(500);
      long owner = GUEST + address % 10;
      neighbors.learn(address, owner, owner, now);
      claims.put(address, owner);
      neighbors.learn(FORGED + random.nextInt(5_000), FORGER, FORGER, now++);
    }
    claims.forEach((address, owner) -> assertThat(neighbors.at(address, now)).isEqualTo(owner));
  }
}
