/* SPDX-License-Identifier: Apache-2.0 */
package org.torvtl.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.torvtl.egress.IsolationKey;
import org.torvtl.tor.socks.SocksCredentials;

/** Who shares circuits with whom, policy by policy. */
class IsolationPolicyTest {
  private static final long FIRST_MAC = 0x0200_0000_0000L;

  private final SecureRandom random = new SecureRandom();

  private static IsolationPolicy.Request from(long guest) {
    return new IsolationPolicy.Request(guest, GuestHost.ADDRESS, GuestHost.FAR, 80);
  }

  private static Map<String, Long> counts(IsolationPolicy policy) {
    var counts = new HashMap<String, Long>();
    policy.count(counts::put);
    return counts;
  }

  @Test
  void whateverMacAddressesADeviceMakesUpItHasOneKey() {
    var policy = new PerDeviceIsolation("tap0", random, () -> false);
    assertThat(LongStream.range(0, 60).mapToObj(i -> policy.keyOf(from(FIRST_MAC + i))).distinct())
        .hasSize(1);
    assertThat(counts(policy)).containsEntry("keys", 1L);
  }

  @Test
  void aDeviceThatBecomesSharedHasAKeyForEachGuestForGood() {
    var shared = new AtomicBoolean();
    var policy = new PerDeviceIsolation("tap0", random, shared::get);
    var alone = policy.keyOf(from(1));
    shared.set(true);
    var first = policy.keyOf(from(1));
    var second = policy.keyOf(from(2));
    assertThat(List.of(alone, first, second)).doesNotHaveDuplicates();
    assertThat(policy.keyOf(from(1))).isEqualTo(first);
    // What was seen once may happen again, between two looks.
    shared.set(false);
    assertThat(policy.keyOf(from(1))).isEqualTo(first);
    assertThat(policy.keyOf(from(2))).isEqualTo(second);
  }

  @Test
  void whateverMacAddressesADeviceMakesUpTheDeviceOwnsThem() {
    var shared = new AtomicBoolean();
    var policy = new PerDeviceIsolation("tap0", random, shared::get);
    assertThat(policy.ownerOf(1)).isEqualTo(policy.ownerOf(2));
    shared.set(true);
    policy.keyOf(from(1));
    assertThat(policy.ownerOf(1)).isNotEqualTo(policy.ownerOf(2));
    assertThat(new PerGuestIsolation("br0", random).ownerOf(1)).isNotEqualTo(policy.ownerOf(2));
  }

  @Test
  void onceItIsSharedNobodyLooksAgain() {
    var looks = new AtomicInteger();
    var policy = new PerDeviceIsolation("tap0", random, () -> looks.incrementAndGet() == 3);
    for (int i = 0; i < 10; i++) {
      policy.keyOf(from(i));
    }
    assertThat(looks).hasValue(3);
  }

  @Test
  void eachGuestKeepsItsKey() {
    var policy = new PerGuestIsolation("br0", random);
    var keys = new HashSet<IsolationKey>();
    for (long mac = 0; mac < PerGuestIsolation.CAPACITY; mac++) {
      assertThat(keys.add(policy.keyOf(from(mac)))).isTrue();
    }
    for (long mac = 0; mac < PerGuestIsolation.CAPACITY; mac++) {
      assertThat(keys).contains(policy.keyOf(from(mac)));
    }
    assertThat(counts(policy)).containsEntry("keys", 256L).containsEntry("evicted_keys", 0L);
  }

  /** The one that asked for nothing for longest, though it came last. */
  @Test
  void theOneIdleForLongestGivesWay() {
    var policy = new PerGuestIsolation("br0", random);
    var keys = new HashMap<Long, IsolationKey>();
    for (long mac = 0; mac < PerGuestIsolation.CAPACITY; mac++) {
      keys.put(mac, policy.keyOf(from(mac)));
    }
    for (long mac = 0; mac < PerGuestIsolation.CAPACITY - 1; mac++) {
      policy.keyOf(from(mac));
    }
    policy.keyOf(from(FIRST_MAC));
    assertThat(counts(policy)).containsEntry("evicted_keys", 1L);
    for (long mac = 0; mac < PerGuestIsolation.CAPACITY - 1; mac++) {
      assertThat(policy.keyOf(from(mac))).isEqualTo(keys.get(mac));
    }
    var back = policy.keyOf(from(PerGuestIsolation.CAPACITY - 1));
    assertThat(keys.values()).doesNotContain(back);
  }

  @Test
  void whoComesAfterAGuestHasAKeyOfItsOwn() {
    var perGuest = new PerGuestIsolation("br0", random);
    var shared = new PerDeviceIsolation("tap0", random, () -> true);
    for (var policy : List.of(perGuest, shared)) {
      var left = policy.keyOf(from(FIRST_MAC));
      var stays = policy.keyOf(from(FIRST_MAC + 1));
      policy.forget(FIRST_MAC);
      assertThat(policy.keyOf(from(FIRST_MAC))).isNotEqualTo(left);
      assertThat(policy.keyOf(from(FIRST_MAC + 1))).isEqualTo(stays);
    }
  }

  /** However many guests there are, and however often they come back. */
  @Test
  void noKeyIsEverGivenToTwoGuests() {
    var policy = new PerGuestIsolation("br0", random);
    var guests = new HashMap<IsolationKey, Long>();
    for (int round = 0; round < 5; round++) {
      for (long mac = 0; mac < 1000; mac++) {
        var before = guests.putIfAbsent(policy.keyOf(from(mac)), mac);
        assertThat(before == null || before == mac).isTrue();
      }
    }
    assertThat(counts(policy))
        .containsEntry("keys", 5000L)
        .containsEntry("evicted_keys", 5000L - PerGuestIsolation.CAPACITY);
  }

  @Test
  void devicesAndRunsShareNothing() {
    assertThat(
            List.of(
                new PerDeviceIsolation("tap0", random, () -> false).keyOf(from(1)),
                new PerDeviceIsolation("tap0", random, () -> false).keyOf(from(1)),
                new PerDeviceIsolation("tap1", random, () -> false).keyOf(from(1)),
                new PerGuestIsolation("tap0", random).keyOf(from(1)),
                new PerGuestIsolation("tap0", random).keyOf(from(1))))
        .doesNotHaveDuplicates();
  }

  /** Lanes ask at the same time. */
  @Test
  void theLanesOfADeviceAgree() throws Exception {
    for (var policy :
        List.of(
            new PerGuestIsolation("tap0", random),
            new PerDeviceIsolation("tap0", random, () -> true))) {
      var keys = new ConcurrentHashMap<Long, IsolationKey>();
      try (var lanes = Executors.newFixedThreadPool(4)) {
        var done =
            LongStream.range(0, 4000)
                .<Future<?>>mapToObj(i ->
                    lanes.submit(() -> {
                      var key = policy.keyOf(from(i % 200));
                      assertThat(keys.merge(i % 200, key, (a, b) -> a)).isEqualTo(key);
                      return key;
                    }))
                .toList();
        for (var each : done) {
          each.get();
        }
      }
      assertThat(keys.values()).hasSize(200).doesNotHaveDuplicates();
    }
  }

  /** Most bytes may be in the name of a device; SOCKS credentials are ASCII. */
  @Test
  void aKeyIsAPasswordWhateverTheDeviceIsCalled() {
    for (var name : List.of("tap0", "täp", "\u0001\"\\", "x".repeat(15))) {
      var key = new PerGuestIsolation(name, random).keyOf(from(0xFFFF_FFFF_FFFFL));
      assertThat(SocksCredentials.isolation(key.text()).password()).isEqualTo(key.text());
    }
  }
}
